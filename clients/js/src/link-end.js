/**
 * How a connection or an attempt ended, and what follows from it.
 * @typedef {object} LinkEnd
 * @property {string} reason for people
 * @property {number} [code] close code, where there was one
 * @property {import('./index.js').ClosedReason} [closed] given: the end for good
 * @property {number} [atLeastMs] time that the server asks to wait
 * @property {boolean} [moved] the server asked to move: no failure, and no back-off
 * @property {boolean} [overloaded] the back-off starts further up
 * @property {boolean} [expired] the session expired: the token is asked for anew
 */

/** A connection that ends in the browser without a close frame is reported with this code. */
const ABNORMAL = 1006;
// A larger wish is more likely a mistake than meant.
const MAX_RETRY_AFTER_MS = 300_000;

/** What a client does on each close code: `docs/protocol.md` has the table. @returns {LinkEnd} */
export function endOfClose(code, text) {
  const end = (reason, more) => ({ reason: text || reason, code, ...more });
  switch (code) {
    case 1008: return end('The server closed the connection by policy.', { closed: 'policy' });
    case 4429: return end('There are too many connections of this user.', { closed: 'too_many_connections' });
    case 4401: return end('The session expired.', { expired: true });
    case 1013: return end('The server is overloaded.', { overloaded: true });
    case 1012: return end('The server restarts.');
    case 4408: return end('Events were read too slowly.');
    case undefined: case ABNORMAL: return { reason: text || 'The connection was lost.' };
    default: return end(`The server closed the connection (${code}).`);
  }
}

/** What follows from an answer to the request for a ticket, other than 200 and 401. @returns {Promise<LinkEnd>} */
export async function endOfRefusal(response) {
  const problem = await response.json().catch(() => ({})); // a proxy's answer is no JSON
  const seconds = Number(response.headers.get('Retry-After') ?? 0);
  const asked = problem?.retry_after_ms ?? (seconds > 0 ? seconds * 1000 : 0);
  const atLeastMs = Math.min(asked > 0 ? asked : 0, MAX_RETRY_AFTER_MS);
  switch (response.status) {
    case 403: return { reason: 'The server forbids the connection.', closed: 'forbidden' };
    case 429: return { reason: 'There were too many attempts.', atLeastMs: atLeastMs || 1000, overloaded: true };
    case 503: return { reason: 'The server is not available.', atLeastMs, overloaded: true };
    default: return { reason: `The server answered ${response.status}.` };
  }
}
