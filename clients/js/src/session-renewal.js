import { ConnectionLost } from './chat-error.js';
import { ackOf, noAnswer } from './requests.js';
import { sleep, withDeadline } from './waiting.js';

const MAX_LEAD_MS = 60_000;
const MIN_PAUSE_MS = 1_000;

/**
 * Sends a fresh token before the server's session expires, so that an open connection outlives its token. Where that fails the server
 * closes with 4401, and the next handshake asks for a token again.
 * @param {import('./link.js').Link} link
 * @param {ReturnType<import('./options.js').optionsOf>} options
 * @param {(error: Error) => void} fault
 * @param {AbortSignal} ended the connection's end; rejects with its reason
 */
export async function renewSession(link, options, fault, ended) {
  const { session_expires_at: expiry, timestamp } = link.welcome;
  if (!expiry) return;
  // Expiry is told by the server's clock; what this machine's clock is ahead of it must not count.
  const aheadMs = timestamp ? Date.now() - Date.parse(timestamp) : 0;
  let expiresAt = Date.parse(expiry) + aheadMs;
  let leadMs = leadOf(expiresAt);
  for (;;) {
    await sleep(expiresAt - leadMs - Date.now(), ended);
    const renewed = await tryRenew(link, options, fault, ended);
    const later = renewed && Date.parse(renewed) + aheadMs;
    if (later > expiresAt) {
      expiresAt = later;
      leadMs = leadOf(expiresAt);
    } else {
      // Tried again at half of the time that is left, and a last time shortly before the end.
      leadMs /= 2;
      if (leadMs < MIN_PAUSE_MS) return;
    }
  }
}

// A fifth of a short session's life, so that even those of tests get their time.
function leadOf(expiresAt) {
  return Math.min((expiresAt - Date.now()) / 5, MAX_LEAD_MS);
}

/** @returns {Promise<string | undefined>} when the session expires now; undefined when it was not renewed */
async function tryRenew(link, options, fault, ended) {
  try {
    return await withDeadline(options.requestTimeoutMs, ended, () => noAnswer(options.requestTimeoutMs), async (either) => {
      const token = await options.tokens.ask(undefined, either);
      if (!token || token === link.token) return undefined;
      const ack = ackOf(await link.request({ event_type: 'authenticate', access_token: token }, undefined, either));
      link.token = token;
      return ack.session_expires_at;
    });
  } catch (error) {
    if (ended.aborted || error instanceof ConnectionLost) throw error;
    fault(error);
    return undefined;
  }
}
