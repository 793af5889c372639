import { orAborted } from './waiting.js';

/** The connection of this moment. Whoever needs one waits here until there is one, or until there will never be one again. */
export class CurrentLink {
  #now;
  #closed;
  #next;
  #arrived;

  constructor() {
    this.#expect();
  }

  /** @returns {import('./link.js').Link | undefined} */
  get now() {
    return this.#now;
  }

  /** @returns {Promise<import('./link.js').Link>} rejected with `ChatError` when the connection was closed for good */
  async wait(signal) {
    if (this.#closed) throw this.#closed;
    return this.#now ?? orAborted(this.#next, signal);
  }

  set(link) {
    this.#now = link;
    this.#arrived.resolve(link);
    this.#expect();
  }

  /** Whoever waits from now on gets a later connection than this one. */
  drop(link) {
    if (this.#now === link) this.#now = undefined;
  }

  /** From now on every wait fails. */
  close(error) {
    this.#now = undefined;
    this.#closed = error;
    this.#arrived.reject(error);
  }

  #expect() {
    this.#next = new Promise((resolve, reject) => { this.#arrived = { resolve, reject }; });
    this.#next.catch(() => {}); // there may be nobody who waits
  }
}
