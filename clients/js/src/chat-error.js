/**
 * What the platform refused, or what this client gave up. Decide by `code`: `bad_request`, `unauthorized`, `forbidden`, `not_found`,
 * `conflict`, `too_large`, `rate_limited`, `unavailable` or `internal`.
 */
export class ChatError extends Error {
  /**
   * @param {string} code
   * @param {string} message for people
   * @param {number} [retryAfterMs] how long the server asks to wait
   */
  constructor(code, message, retryAfterMs) {
    super(message);
    this.name = 'ChatError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** @param {{ code?: string, message?: string, retry_after_ms?: number }} reply an `error` frame */
  static of(reply) {
    return new ChatError(reply.code ?? 'internal', reply.message ?? 'The server refused it.', reply.retry_after_ms);
  }
}

/** The connection ended before the reply came; whether the command took effect is unknown. Never leaves this library. */
export class ConnectionLost extends Error {
  constructor() {
    super('The connection was lost.');
    this.name = 'ConnectionLost';
  }
}
