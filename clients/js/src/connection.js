import { Backoff } from './backoff.js';
import { ConnectionLoop } from './connection-loop.js';
import { CurrentLink } from './current-link.js';
import { Delivery } from './delivery.js';
import { optionsOf } from './options.js';
import { Outbox } from './outbox.js';
import { Requests } from './requests.js';
import { RoomStreams } from './room-streams.js';
import { uuidv7 } from './uuid.js';

/**
 * A connection to the platform that stays: it reconnects with full jitter, resumes every subscription where it was, and repeats
 * unacknowledged messages with the same `client_id`. Within a room each durable event is told once, in order of its `seq`, without a
 * hole; where that cannot be, `reset` says so. `index.d.ts` describes every member.
 */
export class ChatConnection {
  #delivery = new Delivery();
  #links = new CurrentLink();
  #closing = new AbortController();
  #state = Object.freeze({ status: 'not_started', attempt: 0 });
  #rooms;
  #requests;
  #outbox;
  #loop;
  #running;
  #first;
  #connected;

  constructor(options) {
    const checked = optionsOf(options);
    const backoff = new Backoff(checked.reconnectBaseMs, checked.reconnectCapMs);
    this.#rooms = new RoomStreams(this.#delivery, checked, backoff);
    this.#requests = new Requests(this.#links, checked);
    this.#outbox = new Outbox(this.#links, checked, backoff, (error) => this.#delivery.fault(error));
    this.#loop = new ConnectionLoop(checked, this.#links, this.#rooms, this.#delivery, backoff, (state, error) => this.#setState(state, error));
    this.#first = new Promise((resolve, reject) => { this.#connected = { resolve, reject }; });
    this.#first.catch(() => {}); // who does not wait for the start is told by the state
  }

  get state() {
    return this.#state;
  }

  /** The server's first frame of the current connection: user, connection and node; undefined without one. */
  get welcome() {
    return this.#links.now?.welcome;
  }

  on(name, handler) {
    return this.#delivery.on(name, handler);
  }

  start() {
    this.#running ??= this.#loop.run(this.#closing.signal);
    return this.#first;
  }

  async close() {
    this.#closing.abort(new Error('The connection was closed.'));
    this.#delivery.stop();
    await (this.#running ??= this.#loop.run(this.#closing.signal)); // never started: it then ends at once, and tells those who wait
  }

  async subscribe(roomId, { sinceSeq, epoch, signal } = {}) {
    const stream = this.#rooms.open(roomId, sinceSeq, epoch);
    const command = { event_type: 'subscribe', room_id: roomId, since_seq: sinceSeq, epoch };
    try {
      const ack = await this.#requests.send(command, (reply) => this.#rooms.accept(stream, reply, false), signal);
      return {
        roomId, epoch: ack.epoch, headSeq: ack.head_seq ?? 0, firstSeq: ack.first_seq ?? 0, recovered: ack.recovered ?? true, events: ack.events ?? [],
      };
    } catch (error) {
      // The server may have taken it, or still has the subscription that this one was to replace.
      if (this.#rooms.isCurrent(stream)) this.unsubscribe(roomId);
      throw error;
    }
  }

  unsubscribe(roomId) {
    this.#rooms.forget(roomId);
    this.#links.now?.sendNow({ event_type: 'unsubscribe', room_id: roomId });
  }

  send(roomId, content, options) {
    return this.#send({ event_type: 'chat_message', room_id: roomId, content }, options);
  }

  sendDirect(userId, content, options) {
    return this.#send({ event_type: 'direct_message', user_id: userId, content }, options);
  }

  sendData(roomId, content, options) {
    return this.#send({ event_type: 'data_update', room_id: roomId, content }, options);
  }

  sendEphemeral(roomId, content) {
    this.#links.now?.sendNow({ event_type: 'data_update', room_id: roomId, content, ephemeral: true });
  }

  edit(roomId, eventId, content, options) {
    return this.#send({ event_type: 'edit_message', room_id: roomId, target_id: eventId, content }, options);
  }

  delete(roomId, eventId, options) {
    return this.#send({ event_type: 'delete_message', room_id: roomId, target_id: eventId }, options);
  }

  react(roomId, eventId, emoji, { remove, ...options } = {}) {
    return this.#send({ event_type: 'react', room_id: roomId, target_id: eventId, content: emoji, remove: remove || undefined }, options);
  }

  async history(roomId, { beforeSeq, afterSeq, limit, state, signal } = {}) {
    const command = { event_type: 'history', room_id: roomId, before_seq: beforeSeq, after_seq: afterSeq, limit, state };
    const ack = await this.#requests.send(command, undefined, signal);
    return { events: ack.events ?? [], headSeq: ack.head_seq ?? 0, hasMore: ack.has_more ?? false };
  }

  async presence(roomId, { limit, after, signal } = {}) {
    const ack = await this.#requests.send({ event_type: 'presence', room_id: roomId, limit, after }, undefined, signal);
    return { count: ack.count ?? 0, users: ack.users ?? [], hasMore: ack.has_more ?? false };
  }

  typing(roomId, active = true) {
    this.#links.now?.sendNow({ event_type: 'typing', room_id: roomId, active });
  }

  async read(roomId, seq, { markUnread, signal } = {}) {
    const ack = await this.#requests.send({ event_type: 'read', room_id: roomId, seq, mark_unread: markUnread || undefined }, undefined, signal);
    return { roomId, seq: ack.seq ?? seq, unread: ack.unread ?? 0 };
  }

  async #send(command, { clientId, replyTo, contentType, attachments, onProgress, signal } = {}) {
    const whole = { ...command, client_id: clientId ?? uuidv7(), reply_to: replyTo, content_type: contentType, attachments };
    const ack = await this.#outbox.send(whole, { onProgress, signal });
    return { roomId: ack.room_id, clientId: ack.client_id ?? whole.client_id, eventId: ack.event_id, seq: ack.seq, epoch: ack.epoch, timestamp: ack.timestamp };
  }

  #setState(state, error) {
    this.#state = Object.freeze(state);
    if (state.status === 'connected') this.#connected.resolve();
    if (state.status === 'closed') this.#connected.reject(error);
    this.#delivery.post('state', this.#state);
  }
}
