import { ChatError, ConnectionLost } from './chat-error.js';
import { handshake } from './handshake.js';
import { renewSession } from './session-renewal.js';
import { sleep } from './waiting.js';

const STABLE_AFTER_MS = 5_000;
const OVERLOADED_ATTEMPT = 4; // 16 times the first bound: 4 s with the default
const CLOSED = { reason: 'The connection was closed.', closed: 'closed' };

/**
 * Keeps one connection at a time, and makes the next when it ends, until it is closed or the server says that there will be none.
 * The failure count falls back to zero only after a connection has been stable, so a server that accepts and closes is not stormed.
 */
export class ConnectionLoop {
  #options;
  #links;
  #rooms;
  #delivery;
  #backoff;
  #setState;

  constructor(options, links, rooms, delivery, backoff, setState) {
    [this.#options, this.#links, this.#rooms, this.#delivery] = [options, links, rooms, delivery];
    [this.#backoff, this.#setState] = [backoff, setState];
  }

  /** Ends with the state `closed`; is never rejected. @param {AbortSignal} closing */
  async run(closing) {
    let expired;
    for (let attempt = 0; ;) {
      let end = closing.aborted ? CLOSED : await this.#once(attempt, expired, closing);
      if (closing.aborted) end = CLOSED;
      if (end.closed) return this.#close(end);
      expired = end.expired;
      if (end.stable) attempt = 0;
      if (end.overloaded) attempt = Math.max(attempt, OVERLOADED_ATTEMPT);
      // The server has spread the moves itself.
      const delayMs = (end.atLeastMs ?? 0) + (end.moved && end.stable ? 0 : this.#backoff.after(attempt));
      attempt++;
      this.#setState({ status: 'reconnecting', attempt, retryInMs: delayMs, reason: end.reason, closeCode: end.code });
      await sleep(delayMs, closing).catch(() => {}); // the next round sees the end
    }
  }

  /** One attempt and, if it succeeds, the whole life of that connection. */
  async #once(attempt, expired, closing) {
    this.#setState({ status: 'connecting', attempt });
    const over = new AbortController(); // what works for this connection ends with it
    const works = [];
    const own = (work) => works.push(work.catch((error) => {
      if (!over.signal.aborted && !(error instanceof ConnectionLost)) this.#delivery.fault(error);
    }));
    let began, current, movesAt;
    const serve = (link) => {
      [current, began] = [link, performance.now()];
      this.#rooms.begin(link, over.signal);
      this.#links.set(link);
      this.#setState({ status: 'connected', attempt });
      own(renewSession(link, this.#options, heard.fault, over.signal));
    };
    const heard = {
      welcome: serve,
      event: (event) => this.#rooms.receive(event),
      move: (delayMs) => {
        if (movesAt !== undefined) return;
        movesAt = performance.now() + delayMs;
        own(this.#leave(current, delayMs, over.signal));
      },
      fault: (error) => this.#delivery.fault(error),
    };
    const close = () => current && own(current.close());
    closing.addEventListener('abort', close, { once: true });
    try {
      const { link, end: none } = await handshake(this.#options, heard, expired, closing);
      if (!link) return none;
      const end = await link.ended;
      const stable = performance.now() - began >= STABLE_AFTER_MS;
      if (end.closed || movesAt === undefined) return { ...end, stable, expired: end.expired && link.token };
      // The rest of the delay is still waited: it spreads the clients of a stopping node.
      return { reason: 'The server restarts.', code: end.code, moved: true, stable, atLeastMs: Math.max(0, movesAt - performance.now()) };
    } catch (error) { // e.g. of the token provider or of fetch: an attempt that failed, like any other
      return { reason: error.message };
    } finally {
      closing.removeEventListener('abort', close);
      if (current) this.#links.drop(current);
      over.abort(new Error('The connection has ended.'));
      await Promise.all(works); // they end with it
    }
  }

  /** The server asked to move: this connection is left when its time has come, unless the server closes it first. */
  async #leave(link, delayMs, ended) {
    await sleep(delayMs, ended);
    this.#links.drop(link);
    await link.close();
  }

  #close(end) {
    const code = { signed_out: 'unauthorized', policy: 'forbidden', forbidden: 'forbidden' }[end.closed] ?? 'unavailable';
    const error = new ChatError(code, end.reason);
    this.#links.close(error);
    this.#setState({ status: 'closed', attempt: 0, reason: end.reason, closedReason: end.closed, closeCode: end.code }, error);
  }
}
