import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { ChatConnection } from '../../src/index.js';
import { behaviour } from '../behaviour.js';
import { until, within } from '../waiting.js';
import { ann, bob, connect, createRoom, url } from './system.js';
import { Wire } from './wire.js';

const numbers = (count) => Array.from({ length: count }, (_, i) => `${i}`);

behaviour('connects', async (t) => {
  const device = await connect(t, ann);
  assert.deepEqual([device.chat.welcome.user_id, device.chat.welcome.user_name], [ann.user_id, ann.user_name]);
});

behaviour('refused-token', async () => {
  const chat = new ChatConnection({ url, token: () => 'not a token', WebSocket });
  await assert.rejects(within(chat.start(), 'the end'), { code: 'unauthorized' });
  assert.equal(chat.state.closedReason, 'signed_out');
});

behaviour('resumes', async (t) => {
  const wire = await Wire.start(t, url);
  const room = await createRoom(ann);
  const [writer, reader] = [await connect(t, ann), await connect(t, bob, wire.url)];
  await within(reader.chat.subscribe(room), 'the subscription');
  const send = (text) => within(writer.chat.send(room, text), 'the receipt');
  for (const text of numbers(60)) {
    if (text === '20') wire.cut();
    if (text === '30') wire.down();
    if (text === '50') wire.up();
    await send(text);
  }
  await until(() => reader.messages(room).length >= 60, 'sixty messages');
  assert.deepEqual(reader.messages(room).map((event) => event.content), numbers(60));
  const seqs = reader.events.filter((event) => event.room_id === room && event.seq).map((event) => event.seq);
  assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
  assert.deepEqual(reader.resets, []);
});

behaviour('sends-once', async (t) => {
  const wire = await Wire.start(t, url);
  const room = await createRoom(ann);
  const [reader, writer] = [await connect(t, ann), await connect(t, bob, wire.url)];
  await within(reader.chat.subscribe(room), 'the subscription');
  // The wire breaks whenever some messages have come through, so some acks are lost.
  reader.chat.on('event', (event) => { if (event.content && Number(event.content) % 10 === 5) wire.cut(); });
  const receipts = await within(Promise.all(numbers(40).map((text) => writer.chat.send(room, text))), 'forty receipts');
  await until(() => reader.messages(room).length >= 40, 'forty messages');
  assert.deepEqual(reader.messages(room).map((event) => event.content), numbers(40));
  assert.deepEqual(reader.messages(room).map((event) => event.event_id), receipts.map((receipt) => receipt.eventId));
  const history = await within(reader.chat.history(room, { limit: 200 }), 'the history');
  assert.deepEqual(history.events.filter((event) => event.event_type === 'chat_message').map((event) => event.seq), receipts.map((receipt) => receipt.seq));
});

behaviour('sends-once', async (t) => {
  const room = await createRoom(ann);
  const [one, two] = [await connect(t, ann), await connect(t, ann)];
  const first = await within(one.chat.send(room, 'once', { clientId: 'the-same' }), 'the receipt');
  const second = await within(two.chat.send(room, 'once', { clientId: 'the-same' }), 'the receipt');
  assert.deepEqual([second.eventId, second.seq], [first.eventId, first.seq]);
});

behaviour('direct-messages', async (t) => {
  const [from, to] = [await connect(t, ann), await connect(t, bob)];
  const receipt = await within(from.chat.sendDirect(bob.user_id, 'psst'), 'the receipt');
  const arrived = await to.expect((event) => event.event_id === receipt.eventId, 'the direct message');
  assert.deepEqual([arrived.content, arrived.room_id, arrived.sender_id], ['psst', receipt.roomId, ann.user_id]);
});

behaviour('subscribe-refused', async (t) => {
  const room = await createRoom(ann, 'private');
  const stranger = await connect(t, bob);
  await assert.rejects(within(stranger.chat.subscribe(room), 'the refusal'), { code: 'not_found' });
  await assert.rejects(within(stranger.chat.send(room, 'hello'), 'the refusal'), { code: 'not_found' });
});

behaviour('changes', async (t) => {
  const room = await createRoom(ann);
  const [{ chat }, reader] = [await connect(t, ann), await connect(t, bob)];
  await within(reader.chat.subscribe(room), 'the subscription');
  const { eventId } = await within(chat.send(room, 'first'), 'the receipt');
  const sending = [
    chat.edit(room, eventId, 'second'), chat.react(room, eventId, '👍'), chat.react(room, eventId, '👍', { remove: true }),
    chat.sendData(room, '{"x":1}'), chat.delete(room, eventId),
  ];
  const receipts = await within(Promise.all(sending), 'the receipts');
  await reader.expect((event) => event.event_id === receipts[4].eventId, 'the deletion');
  const types = ['message_edited', 'reaction_added', 'reaction_removed', 'data_update', 'message_deleted'];
  const events = reader.events.filter((event) => types.includes(event.event_type));
  assert.deepEqual(events.map((event) => [event.event_type, event.event_id]), types.map((type, i) => [type, receipts[i].eventId]));
  assert.deepEqual(events.map((event) => event.target_id), [eventId, eventId, eventId, undefined, eventId]);
  chat.sendEphemeral(room, '{"x":2}');
  const update = await reader.expect((event) => event.event_type === 'data_update' && event.content === '{"x":2}', 'the ephemeral update');
  assert.equal(update.seq, undefined);
});

behaviour('typing', async (t) => {
  const room = await createRoom(ann);
  const [typist, other] = [await connect(t, ann), await connect(t, bob)];
  for (const device of [typist, other]) await within(device.chat.subscribe(room), 'the subscription');
  typist.chat.typing(room, true);
  const event = await other.expect((e) => e.event_type === 'typing' && e.room_id === room, 'typing');
  assert.deepEqual([event.sender_id, event.active], [ann.user_id, true]);
});

behaviour('presence', async (t) => {
  const room = await createRoom(ann);
  const [one, two] = [await connect(t, ann), await connect(t, bob)];
  for (const device of [one, two]) await within(device.chat.subscribe(room), 'the subscription');
  let page;
  await until(async () => (page = await one.chat.presence(room)).count === 2, 'two members online');
  assert.deepEqual(page.users.map((user) => [user.user_id, user.status]).sort(), [[ann.user_id, 'online'], [bob.user_id, 'online']].sort());
  assert.equal(page.hasMore, false);
});

behaviour('read', async (t) => {
  const room = await createRoom(ann);
  const [writer, phone, laptop] = [await connect(t, ann), await connect(t, bob), await connect(t, bob)];
  await within(phone.chat.subscribe(room), 'the subscription');
  await within(writer.chat.send(room, 'one'), 'the receipt');
  const { seq } = await within(writer.chat.send(room, 'two'), 'the receipt');
  const receipt = await within(phone.chat.read(room, seq - 1), 'the marker');
  assert.deepEqual([receipt.seq, receipt.unread], [seq - 1, 1]);
  const event = await laptop.expect((e) => e.event_type === 'read' && e.room_id === room, 'the marker on the other device');
  assert.equal(event.read_seq, seq - 1);
  assert.equal((await within(laptop.chat.read(room, seq - 2), 'the marker')).seq, seq - 1);
});

behaviour('history', async (t) => {
  const room = await createRoom(ann);
  const { chat } = await connect(t, ann);
  const receipts = [];
  for (const text of numbers(5)) receipts.push(await within(chat.send(room, text), 'the receipt'));
  const newest = await within(chat.history(room, { limit: 2 }), 'the newest page');
  assert.deepEqual([newest.events.map((e) => e.content), newest.headSeq, newest.hasMore], [['3', '4'], receipts[4].seq, true]);
  const before = await within(chat.history(room, { beforeSeq: newest.events[0].seq, limit: 2 }), 'the page before');
  assert.deepEqual(before.events.map((e) => e.content), ['1', '2']);
  const after = await within(chat.history(room, { afterSeq: receipts[2].seq }), 'the page after');
  assert.deepEqual([after.events.map((e) => e.content), after.hasMore], [['3', '4'], false]);
});
