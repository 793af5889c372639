import { ChatError, ConnectionLost } from './chat-error.js';
import { checkMessage } from './message-rules.js';
import { noAnswer } from './requests.js';
import { orAborted, sleep, withDeadline } from './waiting.js';

/**
 * Messages that are not acknowledged yet. Each is sent, over as many connections as it takes and always with the same `client_id`,
 * until it is acknowledged, refused or given up. Per room (or recipient) one is under way at a time: the next one goes out after it,
 * so a message that must be repeated is never overtaken.
 */
export class Outbox {
  #links;
  #options;
  #backoff;
  #fault;
  /** @type {Map<string, object[]>} what waits, by room or recipient; the first of each is under way */
  #lanes = new Map();
  #count = 0;

  constructor(links, options, backoff, fault) {
    [this.#links, this.#options, this.#backoff, this.#fault] = [links, options, backoff, fault];
  }

  /**
   * @param {object} command with its `client_id`
   * @param {{ onProgress?: (progress: object) => void, signal?: AbortSignal }} options
   * @returns {Promise<object>} the ack, when the message is durable
   */
  async send(command, { onProgress, signal } = {}) {
    checkMessage(command);
    signal?.throwIfAborted();
    if (this.#count >= this.#options.maxPendingSends) throw new ChatError('unavailable', `${this.#count} messages are waiting already.`);
    this.#count++;
    const send = { command, onProgress, signal };
    const acknowledged = new Promise((resolve, reject) => Object.assign(send, { resolve, reject }));
    const key = command.room_id !== undefined ? `r:${command.room_id}` : `u:${command.user_id}`;
    const lane = this.#lanes.get(key);
    if (lane) lane.push(send);
    else this.#lanes.set(key, [send]);
    this.#report(send, 'queued');
    if (!lane) this.#run(key);
    return orAborted(acknowledged, signal);
  }

  /** Never rejected. */
  async #run(key) {
    const lane = this.#lanes.get(key);
    while (lane.length > 0) {
      const [send] = lane;
      try {
        send.resolve(await this.#deliver(send));
      } catch (error) {
        send.reject(error);
      }
      lane.shift();
      this.#count--;
    }
    this.#lanes.delete(key);
  }

  async #deliver(send) {
    for (let attempt = 0; ; attempt++) {
      const reply = await this.#try(send);
      if (reply.event_type !== 'error') return reply;
      if (reply.code !== 'rate_limited' && reply.code !== 'unavailable') throw ChatError.of(reply);
      const jitter = this.#backoff.after(attempt);
      const waitMs = reply.retry_after_ms === undefined ? jitter : reply.retry_after_ms + jitter / 4;
      this.#report(send, 'waiting', { code: reply.code, retryInMs: waitMs });
      await sleep(waitMs, send.signal);
    }
  }

  /** @returns {Promise<object>} an ack or an error */
  async #try(send) {
    for (;;) {
      const link = await this.#links.wait(send.signal);
      this.#report(send, 'sent');
      const timeoutMs = this.#options.requestTimeoutMs;
      try {
        return await withDeadline(timeoutMs, send.signal, () => noAnswer(timeoutMs), (either) => link.request(send.command, undefined, either));
      } catch (error) {
        if (error instanceof ConnectionLost) {
          this.#links.drop(link);
          this.#report(send, 'queued');
        } else if (error instanceof ChatError) {
          return { event_type: 'error', code: error.code, message: error.message }; // no ack in time, or too much under way
        } else {
          throw error;
        }
      }
    }
  }

  #report({ command, onProgress }, stage, more) {
    try {
      onProgress?.({ clientId: command.client_id, stage, ...more });
    } catch (error) { // the caller's own callback must not lose its message
      this.#fault(error);
    }
  }
}
