import { ChatError, ConnectionLost } from './chat-error.js';
import { endOfClose } from './link-end.js';

// Far above what an interactive client has under way; a caller that does not wait for replies meets it.
const MAX_OUTSTANDING = 4_096;
// What the network has not taken yet. Above the first bound commands are refused, above the second nothing is sent that is soon of no use.
const MAX_BUFFERED_BYTES = 4 << 20;
const MAX_BUFFERED_FOR_EPHEMERAL = 64 << 10;
// No node takes longer to drain; more would keep the client from a connection for a server's mistake.
const MAX_MOVE_DELAY_MS = 300_000;
const DEFAULT_HEARTBEAT_MS = 20_000;
const MIN_HEARTBEAT_MS = 50;
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * One WebSocket connection. Frames are handled as they come, each to its end before the next, so an ack of `subscribe` is applied
 * before the live events behind it. Every request ends: with its reply, or with `ConnectionLost` when the connection does.
 */
export class Link {
  #socket;
  #heard;
  #pending = new Map();
  #lastId = 0;
  #lastHeard = performance.now();
  #ended = false;
  #watch;
  #finish;

  /** The server's first frame; undefined before it. */
  welcome;

  /** The token that the server knows for this connection. */
  token;

  /** Fulfilled with a `LinkEnd` when the connection has ended. Never rejected. */
  ended = new Promise((resolve) => { this.#finish = resolve; });

  /**
   * @param {WebSocket} socket just made
   * @param {string} token
   * @param {{ welcome(link: Link): void, event(event: object): void, move(delayMs: number): void, fault(error: Error): void }} heard
   *   told of what comes, at once; the welcome first
   */
  constructor(socket, token, heard) {
    [this.#socket, this.token, this.#heard] = [socket, token, heard];
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#end(endOfClose(code, reason));
    socket.onerror = () => {}; // says nothing that the close behind it does not say; without a handler some libraries throw it
  }

  /**
   * Sends a command and waits for its ack or error.
   * @param {object} command
   * @param {((reply: object) => void)} [onReply] called with the reply before any later frame is looked at
   * @param {AbortSignal} [signal] ends the wait; whether the command took effect is then unknown
   * @returns {Promise<object>} the reply; rejected with `ConnectionLost`, `ChatError` or the signal's reason
   */
  request(command, onReply, signal) {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new ConnectionLost());
      if (signal?.aborted) return reject(signal.reason);
      if (this.#pending.size >= MAX_OUTSTANDING) return reject(new ChatError('unavailable', 'Too many commands are waiting for their reply.'));
      if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) return reject(new ChatError('unavailable', 'The network takes nothing more at the moment.'));
      const id = ++this.#lastId;
      const done = (settle) => (value) => {
        this.#pending.delete(id);
        signal?.removeEventListener('abort', aborted);
        settle(value);
      };
      const pending = { onReply, resolve: done(resolve), reject: done(reject) };
      const aborted = () => pending.reject(signal.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      this.#pending.set(id, pending);
      this.#socket.send(JSON.stringify({ ...command, id }));
    });
  }

  /** Sends a command that is of use now or not at all: on a network that is behind it is dropped. */
  sendNow(command) {
    if (!this.#ended && this.#socket.bufferedAmount <= MAX_BUFFERED_FOR_EPHEMERAL) this.#socket.send(JSON.stringify(command));
  }

  /** Tells the server that this connection ends; a peer that does not answer is not waited for. */
  async close() {
    if (this.#ended) return;
    this.#socket.close(1000);
    const timer = setTimeout(() => this.abandon('Closed by this client.'), CLOSE_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends the connection at once. */
  abandon(reason) {
    if (this.#ended) return;
    // A browser reports the end of a dead connection only minutes later.
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#end({ reason });
  }

  #receive(data) {
    this.#lastHeard = performance.now();
    try {
      this.#handle(JSON.parse(data));
    } catch (error) {
      // Skipping the frame could skip an event; a new connection resumes before it.
      this.#heard.fault(new ChatError('internal', `A frame of the server could not be used: ${error.message}`));
      this.abandon('A frame of the server could not be used.');
    }
  }

  #handle(frame) {
    const type = frame.event_type;
    if (typeof type !== 'string') throw new TypeError('There is no event_type.');
    if (!this.welcome) {
      if (type !== 'welcome') throw new TypeError('The server did not begin with a welcome.');
      this.welcome = frame;
      this.#watchSilence(Math.max(frame.heartbeat_ms ?? DEFAULT_HEARTBEAT_MS, MIN_HEARTBEAT_MS));
      this.#heard.welcome(this);
    } else if (type === 'ack' || type === 'error' || type === 'pong') {
      this.#reply(frame);
    } else if (type === 'reconnect') {
      this.#heard.move(Math.min(Math.max(frame.after_ms ?? 0, 0), MAX_MOVE_DELAY_MS));
    } else if (type !== 'welcome') {
      this.#heard.event(frame);
    }
  }

  #reply(reply) {
    if (reply.id === undefined) {
      this.#heard.fault(ChatError.of(reply));
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (!pending) return; // nobody waits for it any more
    try {
      pending.onReply?.(reply);
    } catch (error) {
      pending.reject(new ConnectionLost());
      throw error;
    }
    pending.resolve(reply);
  }

  // JavaScript does not see the server's WebSocket pings. A quiet connection is asked with `ping`, and one that stays silent is dead.
  #watchSilence(heartbeatMs) {
    const everyMs = heartbeatMs / 2;
    let checked = performance.now();
    this.#watch = setInterval(() => {
      const now = performance.now();
      // The machine slept, or the page was in the background: what came meanwhile may still wait to be read.
      if (now - checked > heartbeatMs) this.#lastHeard = Math.max(this.#lastHeard, now - heartbeatMs);
      checked = now;
      const silentMs = now - this.#lastHeard;
      if (silentMs >= 2 * heartbeatMs) this.abandon('The server is silent.');
      else if (silentMs >= heartbeatMs) this.sendNow({ event_type: 'ping', id: 0 });
    }, everyMs);
  }

  #end(end) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#watch);
    for (const pending of [...this.#pending.values()]) pending.reject(new ConnectionLost());
    this.#finish(end);
  }
}
