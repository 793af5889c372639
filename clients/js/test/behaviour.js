import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18

const list = JSON.parse(readFileSync(new URL('../../behaviours.json', import.meta.url), 'utf8'));

/** A test of one of the behaviours that all clients share. Several tests may prove one. */
export function behaviour(id, run) {
  const found = list.find((entry) => entry.id === id);
  if (!found) throw new Error(`clients/behaviours.json has no behaviour ${id}.`);
  test(`${id}: ${found.sentence}`, { timeout: 60_000 }, run);
}
