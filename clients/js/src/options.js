import { TokenSource } from './token-source.js';

const DEFAULTS = {
  reconnectBaseMs: 250,
  reconnectCapMs: 15_000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  maxPendingSends: 1_000,
};

/**
 * Checks what `new ChatConnection` was given, and fills in the rest.
 * @param {import('./index.js').ChatOptions} given
 */
export function optionsOf(given) {
  const { url, token, WebSocket = globalThis.WebSocket, fetch = globalThis.fetch, ...rest } = given ?? {};
  if (typeof token !== 'function') throw new TypeError('Give token: a function that returns an access token, or a promise of one.');
  if (typeof WebSocket !== 'function') throw new TypeError('This runtime has no WebSocket: hand a class in as the option WebSocket, e.g. that of the package ws.');
  if (typeof fetch !== 'function') throw new TypeError('This runtime has no fetch: hand one in as the option fetch.');
  for (const name of Object.keys(rest)) {
    if (!(name in DEFAULTS)) throw new TypeError(`There is no option ${name}. There are url, token, WebSocket, fetch, ${Object.keys(DEFAULTS).join(', ')}.`);
    if (rest[name] !== undefined && !(Number.isFinite(rest[name]) && rest[name] > 0)) throw new TypeError(`${name} must be a number above 0.`);
  }
  const set = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  // Called without the options as `this`: a browser's own fetch refuses any other than the window.
  return Object.freeze({ ...DEFAULTS, ...set, origin: originOf(url), tokens: new TokenSource(token), WebSocket, fetch: (...args) => fetch(...args) });
}

/** @param {string | URL} url of the platform, with or without a path below which it lives */
function originOf(url) {
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    throw new TypeError('Give url: where the platform is, e.g. https://chat.example.org.');
  }
  const scheme = { 'http:': 'http:', 'https:': 'https:', 'ws:': 'http:', 'wss:': 'https:' }[parsed.protocol];
  if (!scheme) throw new TypeError('url must begin with http://, https://, ws:// or wss://.');
  return `${scheme}//${parsed.host}${parsed.pathname.replace(/\/+$/, '')}`;
}
