import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import * as library from '../src/index.js';

const usage = fileURLToPath(new URL('./types/usage.ts', import.meta.url));
const declarations = fileURLToPath(new URL('../src/index.d.ts', import.meta.url));
// The library by its name, as package.json resolves it.
const program = ts.createProgram([usage], {
  strict: true, noEmit: true, noUnusedLocals: true, types: [], target: ts.ScriptTarget.ES2022, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
  module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
});
const checker = program.getTypeChecker();
const declared = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations)));
const isValue = (symbol) => (symbol.flags & ts.SymbolFlags.Value) !== 0;
const membersOf = (symbol) => checker.getDeclaredTypeOfSymbol(symbol).getProperties().map((property) => property.name);

test('A use of everything that is declared passes the type check, and names all of it', () => {
  const found = ts.getPreEmitDiagnostics(program);
  assert.equal(ts.formatDiagnostics(found, { getCurrentDirectory: ts.sys.getCurrentDirectory, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }), '');
  const text = program.getSourceFile(usage).text;
  const isUsed = (name) => new RegExp(`\\b${name}\\b`).test(text);
  assert.deepEqual(declared.map((symbol) => symbol.name).filter((name) => !isUsed(name)), []);
  assert.deepEqual(['ChatConnection', 'ChatOptions', 'SendOptions'].flatMap((name) => membersOf(declared.find((symbol) => symbol.name === name))).filter((name) => !isUsed(name)), []);
});

test('What is exported is what is declared', () => {
  assert.deepEqual(Object.keys(library).sort(), declared.filter(isValue).map((symbol) => symbol.name).sort());
});

test('The members of a connection are those that are declared', () => {
  const members = Object.getOwnPropertyNames(library.ChatConnection.prototype).filter((name) => name !== 'constructor');
  assert.deepEqual(members.sort(), membersOf(declared.find((symbol) => symbol.name === 'ChatConnection')).sort());
});
