// Timers count in 31 bits: a longer delay would fire at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits for a promise, or for the signal, whichever comes first. The promise itself is not stopped, and what becomes of it later is nobody's error.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function orAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    const done = (settle) => (value) => {
      signal.removeEventListener('abort', aborted);
      settle(value);
    };
    promise.then(done(resolve), done(reject));
  });
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] rejects with its reason
 */
export async function sleep(ms, signal) {
  for (let left = ms; left > 0; left -= MAX_TIMER_MS) {
    let timer;
    try {
      await orAborted(new Promise((resolve) => { timer = setTimeout(resolve, Math.min(left, MAX_TIMER_MS)); }), signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * Runs some work with a deadline: its signal aborts when the time is over or the outer signal does.
 * @template T
 * @param {number} ms
 * @param {AbortSignal | undefined} outer
 * @param {() => Error} expired what the deadline is reported as
 * @param {(signal: AbortSignal) => Promise<T>} work
 */
export async function withDeadline(ms, outer, expired, work) {
  const either = new AbortController();
  const follow = () => either.abort(outer?.reason);
  if (outer?.aborted) follow();
  else outer?.addEventListener('abort', follow, { once: true });
  const timer = setTimeout(() => either.abort(expired()), Math.min(ms, MAX_TIMER_MS));
  try {
    return await work(either.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', follow);
  }
}
