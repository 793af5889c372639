import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behaviour } from './behaviour.js';
import { message, ScriptedServer } from './scripted-server.js';
import { until, within } from './waiting.js';

const HELD = 1_000;

behaviour('resumes', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.send(message(5));
  peer.send(message(6));
  await client.expectSeqs(5, 6);
  peer.drop();
  const second = await server.accept();
  const resume = await second.expect('subscribe');
  assert.deepEqual([resume.since_seq, resume.epoch], [6, '0']);
  second.ackSubscribe(resume, { head: 8, events: [message(7), message(8)] });
  second.send(message(9));
  await client.expectSeqs(5, 6, 7, 8, 9);
  assert.deepEqual(client.resumed, [{ roomId: 'lobby' }]);
  assert.deepEqual(client.resets, []);
});

behaviour('holds-back', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const subscribing = client.chat.subscribe('lobby', { sinceSeq: 2, epoch: '0' });
  const command = await peer.expect('subscribe');
  peer.send(message(5));
  peer.send(message(4));
  peer.ackSubscribe(command, { head: 4, events: [message(3), message(4)] });
  const subscription = await within(subscribing, 'the subscription');
  peer.send(message(5));
  peer.send(message(3));
  peer.send(message(6));
  await client.expectSeqs(3, 4, 5, 6);
  assert.deepEqual([subscription.headSeq, subscription.recovered, subscription.events.length], [4, true, 2]);
});

behaviour('bounded-hold', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const subscribing = client.chat.subscribe('lobby', { sinceSeq: 0, epoch: '0' });
  const command = await peer.expect('subscribe');
  for (let seq = 1; seq <= HELD + 2; seq++) peer.send(message(seq));
  peer.ackSubscribe(command, { head: 0 });
  await within(subscribing, 'the subscription');
  const again = await peer.expect('subscribe');
  assert.equal(again.since_seq, HELD);
  peer.ackSubscribe(again, { head: HELD + 2, events: [message(HELD + 1), message(HELD + 2)] });
  await client.expectSeqs(...Array.from({ length: HELD + 2 }, (_, i) => i + 1));
});

behaviour('closes-holes', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 0);
  peer.send(message(1));
  peer.send(message(4));
  const repair = await peer.expect('subscribe');
  assert.equal(repair.since_seq, 1);
  await client.expectSeqs(1);
  peer.ackSubscribe(repair, { head: 3, events: [message(2), message(3)] });
  await client.expectSeqs(1, 2, 3, 4);
});

behaviour('not-recovered', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.drop();
  const second = await server.accept();
  second.ackSubscribe(await second.expect('subscribe'), { head: 4294967300, epoch: '1', recovered: false });
  second.send(message(4294967301, { epoch: '1' }));
  await client.expectSeqs(4294967301);
  assert.deepEqual(client.resets, [{ roomId: 'lobby', epoch: '1', headSeq: 4294967300 }]);
});

behaviour('resync', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.send({ event_type: 'resync', room_id: 'lobby', epoch: '1', head_seq: 4294967296 });
  peer.send(message(4294967297, { epoch: '1' }));
  await client.expectSeqs(4294967297);
  assert.deepEqual(client.resets, [{ roomId: 'lobby', epoch: '1', headSeq: 4294967296 }]);
});

behaviour('resume-refused', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.drop();
  const second = await server.accept();
  second.refuse(await second.expect('subscribe'), 'not_found');
  await until(() => client.ended.length > 0, 'the end of the subscription');
  assert.deepEqual(client.ended, [{ roomId: 'lobby', reason: 'not_found' }]);
  second.drop();
  const third = await server.accept();
  client.chat.typing('lobby');
  await until(() => third.hasWaitingCommand || client.chat.typing('lobby'), 'a command');
  await third.expect('typing'); // and no subscribe before it
});

behaviour('resume-refused', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.drop();
  const second = await server.accept();
  second.refuse(await second.expect('subscribe'), 'rate_limited', 10);
  second.refuse(await second.expect('subscribe'), 'unavailable');
  second.ackSubscribe(await second.expect('subscribe'), { head: 5, events: [message(5)] });
  await client.expectSeqs(5);
  assert.deepEqual(client.ended, []);
});

test('More rooms than are resumed at once are all resumed', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const rooms = Array.from({ length: 20 }, (_, i) => `room-${i}`);
  for (const room of rooms) {
    const subscribing = client.chat.subscribe(room);
    peer.ackSubscribe(await peer.expect('subscribe'), { head: 1 });
    await within(subscribing, 'the subscription');
  }
  peer.drop();
  const second = await server.accept();
  const resumed = [];
  while (resumed.length < rooms.length) {
    const resume = await second.expect('subscribe');
    resumed.push(resume.room_id);
    second.ackSubscribe(resume, { head: 1 });
  }
  assert.deepEqual(resumed, rooms);
});

behaviour('removed', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  await client.subscribe(peer, 4);
  peer.send({ event_type: 'unsubscribed', room_id: 'lobby', reason: 'removed' });
  peer.send(message(5));
  peer.send({ event_type: 'notification', kind: 'custom' });
  await until(() => client.events.at(-1)?.event_type === 'notification', 'the notification');
  assert.deepEqual([client.ended, client.seqs()], [[{ roomId: 'lobby', reason: 'removed' }], []]);
});

behaviour('subscribe-refused', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const subscribing = client.chat.subscribe('secret');
  peer.refuse(await peer.expect('subscribe'), 'not_found');
  await assert.rejects(within(subscribing, 'the refusal'), { code: 'not_found' });
  await peer.expect('unsubscribe');
  peer.drop();
  const second = await server.accept();
  await until(() => second.hasWaitingCommand || client.chat.typing('secret'), 'a command');
  await second.expect('typing');
});

behaviour('direct-messages', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  for (const seq of [8, 8, 9]) peer.send(message(seq, { room: 'dm.1' }));
  await client.expectSeqs(8, 9);
  peer.drop();
  const second = await server.accept();
  const resume = await second.expect('subscribe');
  assert.deepEqual([resume.room_id, resume.since_seq], ['dm.1', 9]);
  second.ackSubscribe(resume, { head: 10, events: [message(10, { room: 'dm.1' })] });
  await client.expectSeqs(8, 9, 10);
});

test('A handler that ends its subscription is told nothing more of the room', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  client.chat.on('event', () => client.chat.unsubscribe('lobby'));
  const subscribing = client.chat.subscribe('lobby', { sinceSeq: 0 });
  peer.ackSubscribe(await peer.expect('subscribe'), { head: 3, events: [message(1), message(2), message(3)] });
  await within(subscribing, 'the subscription');
  await peer.expect('unsubscribe');
  assert.deepEqual(client.seqs(), [1]);
});

behaviour('history', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const reading = client.chat.history('lobby', { beforeSeq: 9, limit: 2 });
  await peer.expect('history');
  peer.drop();
  const second = await server.accept();
  const command = await second.expect('history');
  assert.deepEqual([command.before_seq, command.limit, 'after_seq' in command], [9, 2, false]);
  second.ack(command, { events: [message(7), message(8)], head_seq: 9, has_more: true });
  const page = await within(reading, 'the page');
  assert.deepEqual([page.events.map((event) => event.seq), page.headSeq, page.hasMore], [[7, 8], 9, true]);
});

test('A command without an answer fails with unavailable, and an aborted one with its reason', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t, { requestTimeoutMs: 50 });
  await assert.rejects(within(client.chat.history('lobby'), 'the end'), { code: 'unavailable' });
  await peer.expect('history');
  const giveUp = new AbortController();
  const reading = client.chat.presence('lobby', { signal: giveUp.signal });
  giveUp.abort(new Error('enough'));
  await assert.rejects(within(reading, 'the end'), { message: 'enough' });
});
