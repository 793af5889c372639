/**
 * Back-off with full jitter: a random time between zero and a bound that doubles with each attempt, so that the clients of a node
 * that died do not come back together.
 */
export class Backoff {
  #baseMs;
  #capMs;
  #random;

  /**
   * @param {number} baseMs bound of the first delay
   * @param {number} capMs longest delay
   * @param {() => number} [random] between 0 and 1
   */
  constructor(baseMs, capMs, random = Math.random) {
    [this.#baseMs, this.#capMs, this.#random] = [baseMs, capMs, random];
  }

  /** The delay before the next attempt, after so many failed ones (0 = the first loss). */
  after(attempt) {
    return this.bound(attempt) * this.#random();
  }

  /** Upper bound of `after`. */
  bound(attempt) {
    return Math.min(this.#capMs, this.#baseMs * 2 ** attempt);
  }
}
