import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '../src/index.js';
import { behaviour } from './behaviour.js';
import { ScriptedServer } from './scripted-server.js';
import { within } from './waiting.js';

behaviour('sends-once', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const sending = client.chat.send('lobby', 'hello');
  const first = await peer.expect('chat_message');
  peer.drop();
  const second = await server.accept();
  const again = await second.expect('chat_message');
  second.ackMessage(again, 7);
  const receipt = await within(sending, 'the receipt');
  assert.match(first.client_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(again.client_id, first.client_id);
  assert.deepEqual([receipt.seq, receipt.clientId, receipt.roomId], [7, first.client_id, 'lobby']);
});

behaviour('sends-once', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t, { requestTimeoutMs: 2_000 });
  const sending = client.chat.send('lobby', 'a');
  const first = await peer.expect('chat_message');
  const again = await peer.expect('chat_message'); // on the same connection, since no ack came in time
  assert.equal(again.client_id, first.client_id);
  peer.ackMessage(again, 3);
  assert.equal((await within(sending, 'the receipt')).seq, 3);
});

test('A UUIDv7 carries the time and is unique', () => {
  const before = Date.now();
  const ids = Array.from({ length: 1000 }, uuidv7);
  const time = Number.parseInt(ids[0].replaceAll('-', '').slice(0, 12), 16);
  assert.ok(time >= before && time <= Date.now());
  assert.equal(new Set(ids).size, ids.length);
});

behaviour('sends-in-order', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const progress = [];
  const a = client.chat.send('lobby', 'a', { onProgress: (at) => progress.push(at) });
  const b = client.chat.send('lobby', 'b');
  peer.refuse(await peer.expect('chat_message'), 'rate_limited', 30);
  const again = await peer.expect('chat_message');
  assert.equal(again.content, 'a');
  peer.ackMessage(again, 1);
  const next = await peer.expect('chat_message');
  assert.equal(next.content, 'b');
  peer.ackMessage(next, 2);
  assert.deepEqual([(await within(a, 'receipt of a')).seq, (await within(b, 'receipt of b')).seq], [1, 2]);
  assert.deepEqual(progress.map((at) => at.stage), ['queued', 'sent', 'waiting', 'sent']);
  assert.equal(progress[2].code, 'rate_limited');
  assert.ok(progress[2].retryInMs >= 30);
});

test('A room that waits does not hold up another one', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const stuck = client.chat.send('one', 'a');
  const stuckCommand = await peer.expect('chat_message');
  const other = client.chat.send('two', 'b');
  peer.ackMessage(await peer.expect('chat_message'), 1);
  await within(other, 'the receipt of the other room');
  peer.ackMessage(stuckCommand, 1);
  await within(stuck, 'the receipt');
});

behaviour('outbox-waits', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t);
  const sending = client.chat.send('lobby', 'early', { clientId: 'mine', contentType: 'text/markdown', replyTo: 'r' });
  const starting = client.chat.start();
  const peer = await server.accept();
  const command = await peer.expect('chat_message');
  assert.deepEqual([command.client_id, command.content_type, command.reply_to], ['mine', 'text/markdown', 'r']);
  peer.ackMessage(command, 1);
  await within(starting, 'a connection');
  await within(sending, 'the receipt');
});

behaviour('outbox-bounded', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t, { maxPendingSends: 2 });
  const waiting = [client.chat.send('one', 'a'), client.chat.send('two', 'b')];
  await assert.rejects(client.chat.send('one', 'c'), { code: 'unavailable' });
  await client.chat.close();
  for (const send of waiting) await assert.rejects(send, { code: 'unavailable' });
});

behaviour('send-refused', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const refused = client.chat.send('lobby', 'a');
  const next = client.chat.send('lobby', 'b');
  const expected = assert.rejects(within(refused, 'the refusal'), { code: 'forbidden' });
  peer.refuse(await peer.expect('chat_message'), 'forbidden');
  peer.ackMessage(await peer.expect('chat_message'), 1);
  await expected;
  await within(next, 'the receipt');
});

behaviour('impossible-text', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t);
  for (const [text, code] of [['a'.repeat(24_001), 'too_large'], ['"'.repeat(24_000), 'too_large'], ['\ud800', 'bad_request'], [{}, 'bad_request']])
    await assert.rejects(client.chat.send('lobby', text), { code });
  await assert.rejects(client.chat.send('lobby', 'a', { clientId: 'x'.repeat(65) }), { code: 'bad_request' });
});

test('A given up message is not sent any more', async (t) => {
  const server = await ScriptedServer.start(t);
  const client = server.client(t);
  const giveUp = new AbortController();
  const given = client.chat.send('lobby', 'a', { signal: giveUp.signal });
  const kept = client.chat.send('lobby', 'b');
  giveUp.abort(new Error('enough'));
  await assert.rejects(within(given, 'the end of the message'), { message: 'enough' });
  client.chat.start();
  const peer = await server.accept();
  const command = await peer.expect('chat_message');
  assert.equal(command.content, 'b');
  peer.ackMessage(command, 1);
  await within(kept, 'the receipt');
});

behaviour('changes', async (t) => {
  const server = await ScriptedServer.start(t);
  const [client, peer] = await server.connect(t);
  const { chat } = client;
  for (const [send, type, fields] of [
    [() => chat.sendDirect('u2', 'psst'), 'direct_message', { user_id: 'u2', content: 'psst' }],
    [() => chat.sendData('lobby', '{}'), 'data_update', { room_id: 'lobby', content: '{}' }],
    [() => chat.edit('lobby', 'e1', 'new'), 'edit_message', { room_id: 'lobby', target_id: 'e1', content: 'new' }],
    [() => chat.delete('lobby', 'e1'), 'delete_message', { room_id: 'lobby', target_id: 'e1' }],
    [() => chat.react('lobby', 'e1', '👍'), 'react', { room_id: 'lobby', target_id: 'e1', content: '👍' }],
    [() => chat.react('lobby', 'e1', '👍', { remove: true }), 'react', { room_id: 'lobby', target_id: 'e1', content: '👍', remove: true }],
  ]) {
    const sending = send();
    const { id, client_id: clientId, ...command } = await peer.expect(type);
    assert.deepEqual(command, { event_type: type, ...fields });
    peer.ackMessage({ id, client_id: clientId }, 1);
    assert.equal((await within(sending, 'the receipt')).clientId, clientId);
  }
  chat.sendEphemeral('lobby', '{}');
  assert.deepEqual(await peer.expect('data_update'), { event_type: 'data_update', room_id: 'lobby', content: '{}', ephemeral: true });
});
