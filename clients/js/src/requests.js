import { ChatError, ConnectionLost } from './chat-error.js';
import { withDeadline } from './waiting.js';

/**
 * Commands that may be repeated without harm (everything but messages): each is sent again when the connection is lost before the
 * reply, until it is answered or `requestTimeoutMs` is over.
 */
export class Requests {
  #links;
  #timeoutMs;

  constructor(links, options) {
    [this.#links, this.#timeoutMs] = [links, options.requestTimeoutMs];
  }

  /**
   * @param {object} command
   * @param {(ack: object) => void} [onAck] called before any later frame is looked at
   * @param {AbortSignal} [signal]
   * @returns {Promise<object>} the ack; rejected with `ChatError`, or the signal's reason
   */
  send(command, onAck, signal) {
    const onReply = onAck && ((reply) => { if (reply.event_type !== 'error') onAck(reply); });
    return withDeadline(this.#timeoutMs, signal, () => noAnswer(this.#timeoutMs), async (either) => {
      for (;;) {
        const link = await this.#links.wait(either);
        try {
          return ackOf(await link.request(command, onReply, either));
        } catch (error) {
          if (!(error instanceof ConnectionLost)) throw error;
          this.#links.drop(link); // the next round is on the next connection
        }
      }
    });
  }
}

/** @returns {object} the reply; throws `ChatError` when it is a refusal */
export function ackOf(reply) {
  if (reply.event_type === 'error') throw ChatError.of(reply);
  return reply;
}

export function noAnswer(ms) {
  return new ChatError('unavailable', `No answer within ${ms} ms.`);
}
