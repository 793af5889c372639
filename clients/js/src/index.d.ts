/** An event of the platform, as it travels on the wire: `docs/protocol.md` describes every field. */
export interface ChatEvent {
  event_type: string;
  event_id?: string;
  room_id?: string;
  sender_id?: string;
  sender_name?: string;
  /** Position in the room; only durable events have one. */
  seq?: number;
  epoch?: string;
  content?: string;
  content_type?: string;
  timestamp?: string;
  client_id?: string;
  reply_to?: string;
  target_id?: string;
  attachments?: Attachment[];
  mentions?: string[];
  actor_id?: string;
  edited_at?: string;
  deleted_at?: string;
  active?: boolean;
  status?: 'online' | 'away' | 'offline';
  last_seen?: string;
  read_seq?: number;
  head_seq?: number;
  reason?: string;
  kind?: string;
  title?: string;
  data?: unknown;
}

export interface Attachment {
  media_id: string;
  url: string;
  name: string;
  content_type: string;
  size: number;
  width?: number;
  height?: number;
}

export interface ChatOptions {
  /** Origin of the platform, e.g. `https://chat.example.org`; `/ws` and `/api` are appended. */
  url: string | URL;
  /**
   * Gives a valid access token; asked before each handshake and before the session expires. `refused` is the token that the server no
   * longer takes, where there is one: a function that keeps tokens drops it. Nothing, or a `ChatError` with `unauthorized`, means that
   * nobody is signed in: the connection closes. Any other error counts as a failed attempt. One call at a time: the next waits for it.
   */
  token(request: { refused?: string }): string | null | undefined | Promise<string | null | undefined>;
  /** The WebSocket class where the runtime has none (Node before 22): that of the package `ws` fits. */
  WebSocket?: unknown;
  /** Instead of the runtime's own. */
  fetch?: typeof globalThis.fetch;
  /** Bound of the first random delay between attempts, in ms; it doubles with each further attempt. Default 250. */
  reconnectBaseMs?: number;
  /** Longest delay between two attempts, in ms. Default 15,000. */
  reconnectCapMs?: number;
  /** How long token, ticket, handshake and `welcome` may take together, in ms. Default 10,000. */
  connectTimeoutMs?: number;
  /** How long a command waits for a connection and its reply before `unavailable`, in ms; an unanswered message is repeated after it. Default 10,000. */
  requestTimeoutMs?: number;
  /** Messages that may wait in the outbox, over all rooms; a send beyond it fails at once with `unavailable`. Default 1,000. */
  maxPendingSends?: number;
}

export type ClosedReason =
  /** `close()` was called. */
  | 'closed'
  /** No token, or the server refuses it. */
  | 'signed_out'
  /** The user has too many connections (4429): one must be closed first. */
  | 'too_many_connections'
  /** Closed by policy (1008): account disabled, closed by an admin, too many bad frames. */
  | 'policy'
  /** HTTP 403. */
  | 'forbidden';

export interface ConnectionState {
  status: 'not_started' | 'connecting' | 'connected' | 'reconnecting' | 'closed';
  /** Failed attempts since the last stable connection. */
  attempt: number;
  /** With `reconnecting`: when the next attempt starts. */
  retryInMs?: number;
  /** With `reconnecting` and `closed`: why, for people. */
  reason?: string;
  /** With `closed`: why, for programs. */
  closedReason?: ClosedReason;
  /** WebSocket close code that ended the last connection, where there was one. */
  closeCode?: number;
}

/** A room's stream could not be continued without a hole: what is shown of it must be loaded from `history` again. */
export interface RoomReset {
  roomId: string;
  epoch: string;
  /** The stream goes on after this number. */
  headSeq: number;
}

/**
 * A subscription goes on over a new connection, and what was missed of durable events has been told. Ephemeral ones are gone: who shows
 * presence asks for it again.
 */
export interface RoomResumed {
  roomId: string;
}

/** A subscription ended without `unsubscribe`. */
export interface SubscriptionEnded {
  roomId: string;
  /** `left`, `removed`, `banned`, `deleted`, `private`, or the error code with which the server refused to resume it. */
  reason: string;
}

export interface Subscription {
  roomId: string;
  /** Keep it together with the last `seq` to resume later. */
  epoch: string;
  headSeq: number;
  firstSeq: number;
  /** False when the gap could not be closed: load the room from `history`. */
  recovered: boolean;
  /** The events after `sinceSeq`. The `event` handlers have been told of them too. */
  events: ChatEvent[];
}

/** The message is durable: it reaches every subscriber and history exactly once. */
export interface Receipt {
  roomId: string;
  clientId: string;
  eventId: string;
  seq: number;
  epoch: string;
  timestamp: string;
}

export interface SendProgress {
  clientId: string;
  /** `queued`: behind an earlier message of the room, or there is no connection. `sent`: the ack is awaited. `waiting`: put off, and repeated by itself. */
  stage: 'queued' | 'sent' | 'waiting';
  /** With `waiting`: the error code, e.g. `rate_limited`. */
  code?: string;
  /** With `waiting`: when it is sent again. */
  retryInMs?: number;
}

export interface CommandOptions {
  /** Ends the wait. */
  signal?: AbortSignal;
}

export interface SendOptions extends CommandOptions {
  /** Idempotency key, up to 64 characters; a UUIDv7 is made when left out. Sending again with the same one makes no second message. */
  clientId?: string;
  /** `event_id` of the message that this one answers. */
  replyTo?: string;
  /** `text/markdown` or `application/json`; plain text when left out. */
  contentType?: string;
  /** Media ids from `POST /api/media`. */
  attachments?: string[];
  /** Told what happens to the message while it waits. */
  onProgress?(progress: SendProgress): void;
}

export interface PresentUser {
  user_id: string;
  user_name: string;
  status: 'online' | 'away' | 'offline';
  last_seen?: string;
}

/**
 * A connection that stays: it reconnects, resumes every subscription where it was, and repeats unacknowledged messages with the same
 * `client_id`. Within a room each durable event is told once, in order of its `seq`, without a hole; where that cannot be, `reset` says so.
 */
export class ChatConnection {
  /** Does nothing until `start`. Throws `TypeError` when an option is missing or wrong. */
  constructor(options: ChatOptions);

  readonly state: ConnectionState;
  /** The server's first frame of the current connection: user, connection and node; undefined without one. */
  readonly welcome: { user_id: string; user_name: string; connection_id: string; node_id: string; session_expires_at?: string } | undefined;

  /** Handlers run one after the other. What one throws stops nothing: it goes to the `error` handlers, else to the console. Returns what takes the handler away. */
  on(name: 'event', handler: (event: ChatEvent) => void): () => void;
  on(name: 'state', handler: (state: ConnectionState) => void): () => void;
  on(name: 'reset', handler: (reset: RoomReset) => void): () => void;
  on(name: 'resumed', handler: (resumed: RoomResumed) => void): () => void;
  on(name: 'ended', handler: (ended: SubscriptionEnded) => void): () => void;
  /** Failures that no caller waits for: of handlers, of the renewal of the session, of frames that cannot be used. */
  on(name: 'error', handler: (error: Error) => void): () => void;

  /** Starts connecting; fulfilled when the first connection stands, rejected with `ChatError` when it was closed for good before. */
  start(): Promise<void>;
  /** Closes the connection. What still waits in the outbox fails with `unavailable`. */
  close(): Promise<void>;

  /** Receives a room's events from now on, or from `sinceSeq` on; a public room is joined by it. Kept over every reconnect. Subscribing again replaces the subscription. */
  subscribe(roomId: string, options?: CommandOptions & { sinceSeq?: number; epoch?: string }): Promise<Subscription>;
  /** Ends a subscription, also when there is no connection. */
  unsubscribe(roomId: string): void;

  /**
   * Sends a message; fulfilled when it is durable. It is repeated, over reconnects too, until it is acknowledged or refused; messages
   * of one room go out in the order of the calls. Aborting the signal stops repeating it: whether it was accepted is then unknown.
   */
  send(roomId: string, content: string, options?: SendOptions): Promise<Receipt>;
  /** As `send`, to a user; the direct room is made when there is none. Direct messages arrive without `subscribe`. */
  sendDirect(userId: string, content: string, options?: SendOptions): Promise<Receipt>;
  /** A durable `data_update`; otherwise as `send`. */
  sendData(roomId: string, content: string, options?: SendOptions): Promise<Receipt>;
  /** An ephemeral `data_update`: goes out now or not at all. */
  sendEphemeral(roomId: string, content: string): void;
  edit(roomId: string, eventId: string, content: string, options?: SendOptions): Promise<Receipt>;
  delete(roomId: string, eventId: string, options?: SendOptions): Promise<Receipt>;
  react(roomId: string, eventId: string, emoji: string, options?: SendOptions & { remove?: boolean }): Promise<Receipt>;

  /** A page of history, ascending: the newest, or before or after a number. */
  history(
    roomId: string,
    options?: CommandOptions & { beforeSeq?: number; afterSeq?: number; limit?: number; state?: boolean },
  ): Promise<{ events: ChatEvent[]; headSeq: number; hasMore: boolean }>;
  /** Who is in the room and whether they are online; `after` is the last user id of the page before. */
  presence(roomId: string, options?: CommandOptions & { limit?: number; after?: string }): Promise<{ count: number; users: PresentUser[]; hasMore: boolean }>;
  /** Tells the others that the user types, or stopped. Goes out now or not at all. */
  typing(roomId: string, active?: boolean): void;
  /** Moves the user's read marker; a lower number is ignored unless `markUnread` is true. */
  read(roomId: string, seq: number, options?: CommandOptions & { markUnread?: boolean }): Promise<{ roomId: string; seq: number; unread: number }>;
}

/** What the platform refused, or what this client gave up. Decide by `code`. */
export class ChatError extends Error {
  constructor(code: string, message: string, retryAfterMs?: number);
  readonly code: string;
  readonly retryAfterMs?: number;
}

/** A UUIDv7: the best `client_id`, since the platform remembers it for ever. */
export function uuidv7(): string;
