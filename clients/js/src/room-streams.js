import { ConnectionLost } from './chat-error.js';
import { noAnswer } from './requests.js';
import { RoomStream } from './room-stream.js';
import { sleep, withDeadline } from './waiting.js';

// Pipelined enough to hide the round trip, few enough to leave the server room for other commands of this connection.
const PARALLEL_RESUMES = 8;
// Direct rooms followed without a subscription; those beyond it are delivered as they come.
const MAX_IMPLICIT = 1_000;
const PUT_OFF = ['rate_limited', 'unavailable', 'internal'];

/** All subscriptions. What is subscribed stays so over reconnects: each new connection resumes every stream from its position. */
export class RoomStreams {
  #delivery;
  #backoff;
  #timeoutMs;
  /** @type {Map<string, RoomStream>} */
  #rooms = new Map();
  #implicit = 0;
  /** Of the current connection: streams that are due, each at most once, and how many are under way. */
  #resumes = { due: [], running: 0 };

  constructor(delivery, options, backoff) {
    [this.#delivery, this.#timeoutMs, this.#backoff] = [delivery, options.requestTimeoutMs, backoff];
  }

  /** Registers a subscription that the caller is about to send; an earlier one of the room is replaced. */
  open(roomId, sinceSeq, epoch) {
    this.forget(roomId);
    const stream = new RoomStream(roomId, { position: sinceSeq, epoch }, this.#delivery);
    this.#rooms.set(roomId, stream);
    return stream;
  }

  /** Forgets a subscription; later events of the room are dropped. */
  forget(roomId) {
    const stream = this.#rooms.get(roomId);
    if (!stream) return;
    stream.hasEnded = true;
    this.#rooms.delete(roomId);
    if (stream.isImplicit) this.#implicit--;
  }

  isCurrent(stream) {
    return this.#rooms.get(stream.roomId) === stream;
  }

  /** Takes the ack of a `subscribe`, before any later frame. */
  accept(stream, ack, resumed) {
    if (this.isCurrent(stream) && stream.accept(ack, resumed) && this.isCurrent(stream)) this.#resume(stream);
  }

  /** Takes an event from the connection. */
  receive(event) {
    if (Number.isSafeInteger(event.seq) && typeof event.room_id === 'string') this.#receiveDurable(event);
    else this.#receiveEphemeral(event);
  }

  /** A new connection is about to be read: every established stream is due for a resume, and holds events until then. */
  begin(link, ended) {
    this.#resumes = { link, ended, due: [], running: 0 };
    for (const stream of this.#rooms.values()) {
      stream.beginConnection();
      if (stream.isEstablished) this.#resumes.due.push(stream);
    }
    this.#pump(this.#resumes);
  }

  #resume(stream) {
    this.#resumes.due.push(stream);
    this.#pump(this.#resumes);
  }

  #pump(resumes) {
    while (resumes.running < PARALLEL_RESUMES && resumes.due.length > 0) {
      resumes.running++;
      this.#run(resumes, resumes.due.shift());
    }
  }

  /** Never rejected. */
  async #run(resumes, stream) {
    try {
      await this.#untilResumed(resumes, stream);
    } catch (error) {
      // With the connection everything ends; the next one begins with all streams.
      if (!resumes.ended.aborted && !(error instanceof ConnectionLost)) {
        this.#delivery.fault(error);
        resumes.link.abandon('A subscription could not be resumed.');
      }
    }
    resumes.running--;
    this.#pump(resumes);
  }

  async #untilResumed({ link, ended }, stream) {
    for (let attempt = 0; ; attempt++) {
      // The first resume goes out at once. One after a resume that did not close its hole, or that was put off, waits.
      if (stream.holes > 1 || attempt > 0) await sleep(this.#backoff.after(stream.holes + attempt), ended);
      if (!this.isCurrent(stream)) return;
      const refusal = await this.#tryResume(link, stream, ended);
      if (!refusal) return;
      if (!PUT_OFF.includes(refusal.code)) return this.#end(stream, refusal.code ?? 'internal');
      if (refusal.retry_after_ms > 0) await sleep(refusal.retry_after_ms, ended);
    }
  }

  /** @returns {Promise<{ code?: string, retry_after_ms?: number } | undefined>} undefined when it is resumed */
  async #tryResume(link, stream, ended) {
    const command = { event_type: 'subscribe', room_id: stream.roomId, since_seq: stream.position, epoch: stream.epoch };
    const onReply = (reply) => { if (reply.event_type !== 'error') this.accept(stream, reply, true); };
    try {
      const reply = await withDeadline(this.#timeoutMs, ended, () => noAnswer(this.#timeoutMs), (either) => link.request(command, onReply, either));
      return reply.event_type === 'error' ? reply : undefined;
    } catch (error) {
      if (error.code === 'unavailable') return error; // no answer in time, or too many requests under way
      throw error;
    }
  }

  #receiveDurable(event) {
    let stream = this.#rooms.get(event.room_id);
    if (!stream) {
      if (!event.room_id.startsWith('dm.')) return; // left over from a subscription that has just ended
      if (this.#implicit >= MAX_IMPLICIT) {
        this.#delivery.post('event', event);
        return;
      }
      this.#implicit++;
      stream = new RoomStream(event.room_id, { isImplicit: true }, this.#delivery);
      this.#rooms.set(event.room_id, stream);
    }
    if (stream.offer(event)) this.#resume(stream);
  }

  #receiveEphemeral(event) {
    this.#delivery.post('event', event);
    const stream = this.#rooms.get(event.room_id);
    if (!stream) return;
    if (event.event_type === 'resync') stream.reset(event.epoch, event.head_seq ?? 0);
    else if (event.event_type === 'unsubscribed') this.#end(stream, event.reason ?? 'unsubscribed');
  }

  #end(stream, reason) {
    if (!this.isCurrent(stream)) return;
    this.forget(stream.roomId);
    if (!stream.isImplicit) this.#delivery.post('ended', { roomId: stream.roomId, reason });
  }
}
