const PATIENCE_MS = 25_000;

/** A promise that must be fulfilled; says what was expected when it is not. */
export async function within(promise, expected) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Expected ${expected} within ${PATIENCE_MS / 1000} s.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls until a condition holds. */
export async function until(condition, expected) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Expected ${expected} within ${PATIENCE_MS / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What comes one after the other and is awaited one by one. */
export class Arrivals {
  #waiting = [];
  #here = [];

  push(item) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#here.push(item);
  }

  get isEmpty() {
    return this.#here.length === 0;
  }

  take(expected) {
    if (this.#here.length > 0) return Promise.resolve(this.#here.shift());
    return within(new Promise((resolve) => this.#waiting.push(resolve)), expected);
  }
}
