import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import WebSocket, { WebSocketServer } from 'ws';
import { ChatConnection } from '../src/index.js';
import { Arrivals, until, within } from './waiting.js';

/**
 * A real HTTP and WebSocket endpoint whose every frame is written by the test: it stands where the network is. Each handshake becomes
 * a `ScriptedPeer` that the test takes with `accept`.
 */
export class ScriptedServer {
  #http = createServer((request, response) => this.#ticket(request, response));
  #peers = new Arrivals();

  /** HTTP statuses with which the next tickets are refused, in order. */
  refusals = [];
  /** The bearer tokens of all tickets so far. */
  tokens = [];
  /** The tickets of all handshakes so far. */
  tickets = [];

  /** Started, and stopped after the test. */
  static async start(t) {
    const server = new ScriptedServer();
    const sockets = new WebSocketServer({ server: server.#http, path: '/ws' });
    sockets.on('connection', (socket, request) => {
      server.tickets.push(new URL(request.url, 'http://localhost').searchParams.get('ticket'));
      server.#peers.push(new ScriptedPeer(socket));
    });
    await new Promise((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of sockets.clients) socket.terminate();
      server.#http.close();
      server.#http.closeAllConnections();
    });
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  /** Options of a client of this server, quick to reconnect. */
  options(more) {
    return { url: this.url, token: () => 'token-1', WebSocket, reconnectBaseMs: 5, reconnectCapMs: 50, ...more };
  }

  /** A client that writes down everything that it is told, closed after the test. */
  client(t, more) {
    const chat = new ChatConnection(this.options(more));
    const client = { chat, events: [], states: [], resets: [], resumed: [], ended: [], errors: [] };
    chat.on('event', (event) => client.events.push(event));
    chat.on('state', (state) => client.states.push(state));
    chat.on('reset', (reset) => client.resets.push(reset));
    chat.on('resumed', (resumed) => client.resumed.push(resumed));
    chat.on('ended', (ended) => client.ended.push(ended));
    chat.on('error', (error) => client.errors.push(error));
    client.seqs = () => client.events.filter((event) => event.seq).map((event) => event.seq);
    client.expectSeqs = (...expected) => until(() => String(client.seqs()) === String(expected), `events ${expected} (there are ${client.seqs().slice(-5)})`);
    client.subscribe = async (peer, head) => {
      const subscribing = chat.subscribe('lobby');
      peer.ackSubscribe(await peer.expect('subscribe'), { head });
      return within(subscribing, 'the subscription');
    };
    t.after(() => chat.close());
    return client;
  }

  /** A started client and the server's end of its connection. */
  async connect(t, more, welcome) {
    const client = this.client(t, more);
    const starting = client.chat.start();
    const peer = await this.accept(welcome);
    await within(starting, 'a connection');
    return [client, peer];
  }

  /** The next connection, before its `welcome`. */
  take() {
    return this.#peers.take('a handshake of the client');
  }

  /** The next connection, welcomed. */
  async accept(welcome) {
    const peer = await this.take();
    peer.welcome(welcome);
    return peer;
  }

  get hasWaitingPeer() {
    return !this.#peers.isEmpty;
  }

  #ticket(request, response) {
    assert.equal(`${request.method} ${request.url}`, 'POST /api/auth/ticket');
    this.tokens.push(request.headers.authorization.replace('Bearer ', ''));
    const status = this.refusals.shift();
    if (status) response.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify({ status, code: 'refused' }));
    else response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ticket: `ticket+${this.tokens.length}`, expires_in: 30 }));
  }
}

/** The server's end of one connection. */
class ScriptedPeer {
  #socket;
  #commands = new Arrivals();

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#commands.push(JSON.parse(data)));
    /** The close code that the client sent. */
    this.ended = new Promise((resolve) => { socket.on('close', resolve); });
  }

  welcome(more) {
    this.send({
      event_type: 'welcome', protocol: 'chat.v1', user_id: 'u1', user_name: 'ann', connection_id: 'c1', node_id: 'n1',
      heartbeat_ms: 20_000, max_message_bytes: 32_768, ...more,
    });
  }

  send(frame) {
    this.#socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** The next command, which must be of this type. */
  async expect(type) {
    const command = await this.#commands.take(`a ${type} command`);
    assert.equal(command.event_type, type);
    return command;
  }

  get hasWaitingCommand() {
    return !this.#commands.isEmpty;
  }

  ack(command, fields) {
    this.send({ event_type: 'ack', id: command.id, ...fields });
  }

  refuse(command, code, retryAfterMs) {
    this.send({ event_type: 'error', id: command.id, code, message: 'no', retry_after_ms: retryAfterMs });
  }

  ackSubscribe(command, { head, epoch = '0', recovered = true, events = [] }) {
    this.ack(command, { room_id: command.room_id, epoch, head_seq: head, first_seq: 1, recovered, events });
  }

  /** Acknowledges a message as this number. */
  ackMessage(command, seq) {
    this.ack(command, {
      room_id: command.room_id ?? 'dm.1', client_id: command.client_id, event_id: `e${seq}`, seq, epoch: '0', timestamp: '2026-11-24T12:00:00.000Z',
    });
  }

  close(code, reason = '') {
    this.#socket.close(code, reason);
  }

  /** Resets the connection without a word. */
  drop() {
    this.#socket.terminate();
  }

  /** Reads nothing more, and so answers nothing. */
  pause() {
    this.#socket.pause();
  }
}

/** A message event, as it is delivered. */
export function message(seq, { room = 'lobby', epoch = '0' } = {}) {
  return {
    seq, epoch, event_type: 'chat_message', event_id: `e${seq}`, room_id: room, sender_id: 'u2', sender_name: 'bob',
    content: `m${seq}`, timestamp: '2026-11-24T12:00:00.000Z',
  };
}
