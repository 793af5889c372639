/**
 * Calls the handlers, one notice after the other in the order in which they were posted; what a handler causes comes after what it
 * is told. What a handler throws stops nothing: it goes to the `error` handlers, or to the console when there are none.
 *
 * The queue is bounded by what one frame brings: it is empty before the next frame is looked at.
 */
export class Delivery {
  static #names = ['event', 'state', 'reset', 'resumed', 'ended', 'error'];
  /** @type {Map<string, Set<Function>>} */
  #handlers = new Map(Delivery.#names.map((name) => [name, new Set()]));
  #queue = [];
  #draining = false;
  #stopped = false;

  /** @returns {() => void} takes the handler away again */
  on(name, handler) {
    const handlers = this.#handlers.get(name);
    if (!handlers) throw new TypeError(`There is nothing called ${name}. There are ${Delivery.#names.join(', ')}.`);
    if (typeof handler !== 'function') throw new TypeError('A handler is a function.');
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  post(name, notice) {
    this.#queue.push([name, notice]);
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.#queue.length > 0) this.#raise(...this.#queue.shift());
    } finally {
      this.#draining = false;
    }
  }

  /** From now on only states and errors are told. */
  stop() {
    this.#stopped = true;
  }

  /** Something failed that no caller waits for. */
  fault(error) {
    if (this.#handlers.get('error').size > 0) this.post('error', error);
    else console.error(error);
  }

  #raise(name, notice) {
    if (this.#stopped && name !== 'state' && name !== 'error') return;
    for (const handler of [...this.#handlers.get(name)]) this.#call(name, handler, notice);
  }

  #call(name, handler, notice) {
    // One that fails while it is told of a failure is not told of that.
    const failed = name === 'error' ? (error) => console.error(error) : (error) => this.fault(error);
    try {
      const result = handler(notice);
      if (typeof result?.then === 'function') result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}
