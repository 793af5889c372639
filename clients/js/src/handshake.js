import { endOfRefusal } from './link-end.js';
import { Link } from './link.js';
import { orAborted, withDeadline } from './waiting.js';

const SIGNED_OUT = { reason: 'Nobody is signed in.', closed: 'signed_out' };
const REFUSED = { reason: 'The server refuses the access token.', closed: 'signed_out' };

/**
 * One attempt: token, one-time ticket, WebSocket, `welcome`. A token that the server refuses is asked for once more; refused again,
 * nobody is signed in. The ticket keeps the token out of every access log on the way, and its answer says what a browser hides of a
 * failed WebSocket handshake.
 * @param {ReturnType<import('./options.js').optionsOf>} options
 * @param {ConstructorParameters<typeof Link>[2]} heard
 * @param {string | undefined} expired the token of a session that has just expired
 * @param {AbortSignal} signal
 * @returns {Promise<{ link?: Link, end?: import('./link-end.js').LinkEnd }>}
 */
export async function handshake(options, heard, expired, signal) {
  let refused;
  const late = () => new Error(`The server did not answer within ${options.connectTimeoutMs} ms.`);
  return withDeadline(options.connectTimeoutMs, signal, late, async (either) => {
    for (;;) {
      const token = await options.tokens.ask(refused ?? expired, either);
      if (!token) return { end: SIGNED_OUT };
      if (token === refused) return { end: REFUSED };
      const answer = await options.fetch(`${options.origin}/api/auth/ticket`, {
        method: 'POST', headers: { Authorization: `Bearer ${token}` }, credentials: 'omit', cache: 'no-store', signal: either,
      });
      if (answer.ok) return open(options, (await answer.json()).ticket, token, heard, either);
      if (answer.status !== 401) return { end: await endOfRefusal(answer) };
      if (refused !== undefined) return { end: REFUSED };
      refused = token;
    }
  });
}

async function open(options, ticket, token, heard, signal) {
  const address = `${options.origin.replace(/^http/, 'ws')}/ws?ticket=${encodeURIComponent(ticket)}`;
  let welcomed;
  const welcome = new Promise((resolve) => { welcomed = resolve; });
  const link = new Link(new options.WebSocket(address, 'chat.v1'), token, {
    ...heard,
    welcome: (itself) => {
      heard.welcome(itself); // at once: other frames may stand right behind it
      welcomed();
    },
  });
  try {
    const end = await orAborted(Promise.race([welcome, link.ended]), signal);
    return link.welcome ? { link } : { end };
  } catch (error) {
    link.abandon(error.message);
    throw error;
  }
}
