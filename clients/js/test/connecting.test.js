import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../src/backoff.js';
import { ChatConnection, ChatError } from '../src/index.js';
import { TokenSource } from '../src/token-source.js';
import { behaviour } from './behaviour.js';
import { message, ScriptedServer } from './scripted-server.js';
import { until, within } from './waiting.js';

behaviour('connects', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t);
  assert.equal(client.chat.state.status, 'not_started');
  let stands = false;
  const starting = client.chat.start().then(() => { stands = true; });
  const peer = await server.take();
  assert.deepEqual([stands, client.chat.welcome], [false, undefined]);
  peer.welcome();
  await within(starting, 'a connection');
  assert.deepEqual([client.chat.state.status, client.chat.welcome.user_id], ['connected', 'u1']);
  assert.deepEqual([server.tokens, server.tickets], [['token-1'], ['ticket+1']]);
});

behaviour('refused-token', async (t) => {
  const server = await ScriptedServer.start(t);
  server.refusals.push(401);
  const asked = [];
  await server.connect(t, { token: ({ refused }) => { asked.push(refused); return refused ? 'new' : 'old'; } });
  assert.deepEqual([server.tokens, asked], [['old', 'new'], [undefined, 'old']]);
});

behaviour('refused-token', async (t) => {
  const server = await ScriptedServer.start(t);
  server.refusals.push(401, 401, 401);
  const client = server.client(t);
  await assert.rejects(within(client.chat.start(), 'the end'), { name: 'ChatError', code: 'unauthorized' });
  assert.deepEqual([client.chat.state.closedReason, server.tokens.length], ['signed_out', 1]);
});

for (const [how, token] of [['gives none', () => null], ['says unauthorized', () => { throw new ChatError('unauthorized', 'no'); }]]) {
  test(`A token function that ${how} means that nobody is signed in`, async (t) => {
    const server = await ScriptedServer.start(t);
    const client = server.client(t, { token });
    await assert.rejects(within(client.chat.start(), 'the end'), { code: 'unauthorized' });
    assert.deepEqual([client.chat.state.closedReason, server.tokens], ['signed_out', []]);
  });
}

test('A token function that fails for a while is asked again', async (t) => {
  const server = await ScriptedServer.start(t);
  let failures = 2;
  const [client] = await server.connect(t, { token: async () => { if (failures-- > 0) throw new Error('no route'); return 'token'; } });
  assert.deepEqual(client.states.filter((state) => state.status === 'reconnecting').map((state) => [state.attempt, state.reason]), [[1, 'no route'], [2, 'no route']]);
});

test('A server that is away is tried again with a growing count', async (t) => {
  const server = await ScriptedServer.start(t);
  server.refusals.push(502, 404, 500);
  const [client] = await server.connect(t);
  assert.deepEqual(client.states.filter((state) => state.status === 'reconnecting').map((state) => state.attempt), [1, 2, 3]);
});

test('A forbidden connection is the end', async (t) => {
  const server = await ScriptedServer.start(t);
  server.refusals.push(403);
  const client = server.client(t);
  await assert.rejects(within(client.chat.start(), 'the end'), { code: 'forbidden' });
  assert.equal(client.chat.state.closedReason, 'forbidden');
});

test('Questions for a token are asked one at a time, and share their answer', async () => {
  const asked = [];
  let answer;
  const tokens = new TokenSource(({ refused }) => new Promise((resolve) => { asked.push(refused); answer = resolve; }));
  const [first, second, third] = [tokens.ask(undefined), tokens.ask('old'), tokens.ask('other')];
  await until(() => answer, 'the question');
  answer('old');
  assert.deepEqual(await within(Promise.all([first, third]), 'the answers'), ['old', 'old']);
  await until(() => asked.length === 2, 'another question, since the answer is one that was refused');
  answer('new');
  assert.equal(await within(second, 'the answer'), 'new');
  assert.deepEqual(asked, [undefined, 'old']);
});

behaviour('session-renewed', async (t) => {
  const server = await ScriptedServer.start(t);
  let tokens = 0;
  // An hour ahead: only the time between the server's two times may count.
  const now = Date.now() - 3_600_000;
  const time = (ms) => new Date(now + ms).toISOString();
  const [, peer] = await server.connect(t, { token: () => `token-${++tokens}` }, { timestamp: time(0), session_expires_at: time(1_000) });
  const command = await peer.expect('authenticate');
  assert.equal(command.access_token, 'token-2');
  peer.ack(command, { session_expires_at: time(3_000) });
  const next = await peer.expect('authenticate');
  assert.equal(next.access_token, 'token-3');
  peer.ack(next, { session_expires_at: time(3_600_000) });
});

behaviour('session-expired', async (t) => {
  const server = await ScriptedServer.start(t);
  const asked = [];
  const [client, peer] = await server.connect(t, { token: ({ refused }) => { asked.push(refused); return `token-${asked.length}`; } });
  peer.close(4401);
  await server.accept();
  await until(() => client.chat.state.status === 'connected', 'a connection again');
  assert.deepEqual(asked, [undefined, 'token-1']);
});

for (const [code, reason] of [[1008, 'policy'], [4429, 'too_many_connections']]) {
  behaviour('close-codes', async (t) => {
    const server = await ScriptedServer.start(t);
    const [client, peer] = await server.connect(t);
    const sending = client.chat.send('lobby', 'a');
    await peer.expect('chat_message');
    peer.close(code, 'stay away');
    await assert.rejects(within(sending, 'the end of the message'), { name: 'ChatError' });
    await assert.rejects(within(client.chat.history('lobby'), 'the end of the command'), { name: 'ChatError' });
    const { status, closedReason, closeCode, reason: text } = client.chat.state;
    assert.deepEqual([status, closedReason, closeCode, text], ['closed', reason, code, 'stay away']);
    assert.equal(server.hasWaitingPeer, false);
  });
}

for (const code of [1000, 1001, 1011, 1012, 1013, 4401, 4408]) {
  behaviour('close-codes', async (t) => {
    const server = await ScriptedServer.start(t);
    const [client, peer] = await server.connect(t);
    peer.close(code);
    await server.accept();
    await until(() => client.chat.state.status === 'connected', 'a connection again');
    assert.equal(client.states.find((state) => state.status === 'reconnecting').closeCode, code);
  });
}

behaviour('back-off', () => {
  const backoff = new Backoff(250, 15_000);
  assert.deepEqual(Array.from({ length: 8 }, (_, attempt) => backoff.bound(attempt)), [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(backoff.bound(10_000), 15_000);
  assert.deepEqual([0, 0.5, 0.999].map((random) => new Backoff(250, 15_000, () => random).after(3)), [0, 1000, 1998]);
});

behaviour('moves', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 3);
  peer.send({ event_type: 'reconnect', after_ms: 20 });
  const second = await server.accept();
  assert.equal((await second.expect('subscribe')).since_seq, 3);
  assert.equal(await within(peer.ended, 'the close of the old connection'), 1000);
  assert.deepEqual(client.events, []);
});

behaviour('moves', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  peer.send({ event_type: 'reconnect', after_ms: 60_000 });
  peer.close(1012, 'restart'); // earlier than it said
  await until(() => client.chat.state.status === 'reconnecting', 'the end of the connection');
  assert.equal(client.chat.state.closeCode, 1012);
  assert.ok(client.chat.state.retryInMs > 1_000, 'the rest of the time is waited, not only the 50 ms of the back-off');
});

behaviour('silence', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t, {}, { heartbeat_ms: 1_500 });
  const ping = await peer.expect('ping');
  peer.send({ event_type: 'pong', id: ping.id });
  await peer.expect('ping'); // answered by nothing from now on
  await server.accept();
  assert.equal(client.states.find((state) => state.status === 'reconnecting').reason, 'The server is silent.');
});

behaviour('unusable-frame', async (t) => {
  const server = await ScriptedServer.start(t);
  let [client, peer] = await server.connect(t);
  for (const frame of ['no json', '[]', '{"event_type":7}', 'null']) {
    const reading = client.chat.history('lobby');
    await peer.expect('history');
    peer.send(frame);
    peer = await server.accept();
    peer.ack(await peer.expect('history'), { events: [], head_seq: 1, has_more: false });
    assert.equal((await within(reading, 'the page')).headSeq, 1);
  }
  assert.equal(client.errors.length, 4);
});

behaviour('unusable-frame', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const subscribing = client.chat.subscribe('lobby', { sinceSeq: 1 });
  peer.ackSubscribe(await peer.expect('subscribe'), { head: 2, events: [null] });
  const second = await server.accept();
  second.ackSubscribe(await second.expect('subscribe'), { head: 2, events: [message(2)] });
  await within(subscribing, 'the subscription');
  await client.expectSeqs(2);
});

behaviour('handlers', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t);
  const later = [];
  client.chat.on('event', () => { throw new Error('a fault of the application'); });
  client.chat.on('event', async () => { throw new Error('another one'); });
  client.chat.on('event', (event) => later.push(event.seq));
  const starting = client.chat.start();
  const peer = await server.accept();
  await starting;
  await client.subscribe(peer, 0);
  peer.send(message(1));
  peer.send(message(2));
  await client.expectSeqs(1, 2);
  await until(() => client.errors.length === 4, 'four errors');
  assert.deepEqual(later, [1, 2]);
});

behaviour('closes', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const sending = client.chat.send('lobby', 'a');
  await peer.expect('chat_message');
  await within(client.chat.close(), 'the end');
  assert.equal(await within(peer.ended, 'the close'), 1000);
  await assert.rejects(sending, { code: 'unavailable' });
  await assert.rejects(client.chat.send('lobby', 'b'), { code: 'unavailable' });
  assert.equal(client.states.at(-1).closedReason, 'closed');
  await client.chat.close();
});

test('Closing waits neither for a peer that does not answer nor for a token function that never does', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  peer.pause();
  await within(client.chat.close(), 'the end');

  let asked;
  const question = new Promise((resolve) => { asked = resolve; });
  const waiting = server.client(t, { token: () => { asked(); return new Promise(() => {}); } });
  const starting = waiting.chat.start();
  await within(question, 'the question for a token');
  await within(waiting.chat.close(), 'the end');
  await assert.rejects(starting, { code: 'unavailable' });
});

test('Options that are missing or wrong are named', () => {
  const good = { url: 'https://chat.example.org/', token: () => 'token', WebSocket: class {} };
  for (const [wrong, text] of [
    [{ url: undefined }, /Give url/], [{ url: 'ftp://x' }, /must begin with/], [{ token: 'token' }, /Give token/], [{ WebSocket: 1 }, /no WebSocket/],
    [{ reconnectBase: 5 }, /no option reconnectBase/], [{ maxPendingSends: 0 }, /above 0/],
  ]) assert.throws(() => new ChatConnection({ ...good, ...wrong }), { name: 'TypeError', message: text });
  assert.throws(() => new ChatConnection(good).on('events', () => {}), /There are event/);
});
