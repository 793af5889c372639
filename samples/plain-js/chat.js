// A client of one room on the standard WebSocket API alone. It resumes exactly, shows every message once and in order, and sends
// safely over any loss of the connection. Read it from top to bottom; docs/protocol.md has every field.

// Where the platform is. It must know this page's origin: Chat__Origins__0=http://localhost:5173
const server = new URLSearchParams(location.search).get('server') ?? 'http://localhost:8080';

// ---------------------------------------------------------------- 1. A session: register or log in, then keep the access token fresh

let session; // { user_id, access_token, refresh_token, expires_in, … }
let expiresAt;

/** Calls the HTTP API; throws the problem that it answers with, e.g. { status: 401, code: 'unauthorized', detail: … }. */
async function post(path, body, token) {
  const response = await fetch(`${server}/api${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw { status: response.status, ...answer };
  return answer;
}

async function openSession(path, body) {
  session = await post(`/auth/${path}`, body);
  expiresAt = Date.now() + session.expires_in * 1000;
}

let refreshing;
/** An access token for another minute at least. A refresh token works once, so those who need one share one refresh. */
async function accessToken() {
  if (expiresAt - Date.now() < 60_000) {
    refreshing ??= openSession('refresh', { refresh_token: session.refresh_token }).finally(() => { refreshing = undefined; });
    await refreshing;
  }
  return session.access_token;
}

// ---------------------------------------------------------------- 2. A connection that comes back

let room;
let socket;
let attempt = 0; // failed attempts in a row

const send = (command) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(command));

async function connect() {
  status('Connecting …');
  let ticket;
  try {
    // A one-time ticket instead of the token in the address, which would end in access logs.
    ({ ticket } = await post('/auth/ticket', {}, await accessToken()));
  } catch (problem) {
    if (problem.status !== 401) return comeBack();
    status('Signed out. Load the page again.');
    return;
  }

  let known = session.access_token; // by the server, for this connection
  const current = socket = new WebSocket(`${server.replace(/^http/, 'ws')}/ws?ticket=${ticket}`, 'chat.v1');
  let heard = Date.now();
  let timers = [];
  socket.onmessage = ({ data }) => {
    heard = Date.now();
    receive(JSON.parse(data));
  };
  socket.onclose = ({ code, reason }) => ended(code, reason);
  socket.onopen = () => {
    const heartbeat = 20_000;
    timers = [
      setTimeout(() => { attempt = 0; }, 5_000), // stable: the next loss is the first one again
      setInterval(() => {
        // Scripts do not see the server's pings, so a silent connection is asked, and given up when it does not answer.
        if (Date.now() - heard > 2 * heartbeat) ended();
        else send({ event_type: 'ping', id: 'ping' });
      }, heartbeat),
      setInterval(authenticate, 30_000),
    ];
  };

  /** An open connection outlives its token when it is given a fresh one in time. */
  async function authenticate() {
    try {
      const token = await accessToken();
      if (token !== known) send({ event_type: 'authenticate', id: 'authenticate', access_token: known = token });
    } catch (problem) {
      console.warn('The session could not be renewed yet.', problem); // if it never can, the server closes with 4401
    }
  }

  function ended(code, reason) {
    current.onclose = current.onmessage = null;
    current.close();
    timers.forEach(clearInterval);
    // 1008: disabled, or closed by an admin. 4429: too many connections of this user. Both would only happen again.
    if (code === 1008 || code === 4429) status(`Closed: ${reason}`);
    else comeBack();
  }
}

/** After a random time below a bound that doubles: the clients of a node that stopped must not come back all at once. */
function comeBack() {
  const delay = Math.random() * Math.min(15_000, 250 * 2 ** attempt++);
  status('Connection lost.');
  setTimeout(connect, delay);
}

// ---------------------------------------------------------------- 3. What the server says

let seq; // the last event that was shown, and the
let epoch; // lifetime of the numbering that it belongs to
let held; // live events, while something before them is still to come

function receive(frame) {
  switch (frame.event_type) {
    case 'welcome':
      held = [];
      send({ event_type: 'subscribe', id: 'subscribe', room_id: room, since_seq: seq, epoch }); // joins a public room by itself
      for (const message of outbox) send(message); // again, with the same client_id: safe
      break;
    case 'ack':
      if (frame.id === 'subscribe') subscribed(frame);
      else if (frame.id === 'history') loaded(frame);
      else settle(frame.id);
      break;
    case 'error':
      refused(frame);
      break;
    case 'reconnect': // the node stops soon; its clients are spread over the time that is left
      setTimeout((leaving) => leaving.close(), frame.after_ms, socket);
      break;
    case 'resync': // the numbering restarted: load the room again
      if (frame.room_id !== room) break;
      held = [];
      subscribed({ ...frame, recovered: false });
      break;
    default:
      if (frame.room_id !== room || !frame.seq) break; // typing, presence and so on: not shown here
      if (held) held.push(frame);
      else event(frame);
  }
}

function subscribed(ack) {
  status(`In ${room}.`);
  document.querySelector('#send').hidden = false;
  epoch = ack.epoch;
  if (ack.recovered && seq !== undefined) {
    ack.events.forEach(event); // exactly what was missed
    release();
  } else {
    // The first time, or the gap was too long: start from the newest page of history.
    messages.replaceChildren(...messages.querySelectorAll('.waiting'));
    seq = undefined;
    send({ event_type: 'history', id: 'history', room_id: room, limit: 50 });
  }
}

function loaded(page) {
  page.events.forEach(event);
  seq ??= page.head_seq; // an empty room
  release();
}

function release() {
  const live = held;
  held = undefined;
  live.forEach(event);
}

/** A durable event, shown once: whatever comes a second time has a number that is known already. */
function event(e) {
  if (seq !== undefined && e.seq <= seq) return;
  [seq, epoch] = [e.seq, e.epoch];
  if (e.event_type !== 'chat_message') return; // user_join, message_edited and so on
  const mine = e.client_id && document.getElementById(e.client_id);
  if (mine) mine.remove(); // it waited at the end, and stands where it belongs now
  show(`${e.sender_name}: ${e.content ?? ''}`);
}

// ---------------------------------------------------------------- 4. Sending: kept until it is acknowledged or refused

const outbox = [];

function say(content) {
  const id = crypto.randomUUID(); // (needs https or localhost) The platform makes one message of one client_id, however often it is sent
  const message = { event_type: 'chat_message', id, client_id: id, room_id: room, content };
  outbox.push(message);
  show(content, 'waiting', id);
  send(message);
}

/** Acknowledged (or refused): an acknowledged message is durable. */
function settle(id) {
  const at = outbox.findIndex((message) => message.id === id);
  return at < 0 ? undefined : outbox.splice(at, 1)[0];
}

function refused({ id, code, message, retry_after_ms: wait }) {
  const again = outbox.find((one) => one.id === id) ?? {
    subscribe: { event_type: 'subscribe', id, room_id: room, since_seq: seq, epoch },
    history: { event_type: 'history', id, room_id: room, limit: 50 },
  }[id];
  if (again && (code === 'rate_limited' || code === 'unavailable')) {
    setTimeout(send, wait ?? 1_000 * (1 + Math.random()), again);
    return;
  }
  status(`Refused: ${message}`);
  if (settle(id)) document.getElementById(id).className = 'refused';
}

// ---------------------------------------------------------------- 5. The page

const messages = document.querySelector('#messages');

function status(text) {
  document.querySelector('#status').textContent = text;
}

/** Text is shown as text: never innerHTML. */
function show(text, className = '', id = '') {
  const item = document.createElement('li');
  Object.assign(item, { textContent: text, className, id });
  // What waits for its number stays at the end.
  messages.insertBefore(item, className ? null : messages.querySelector('.waiting'));
  item.scrollIntoView({ block: 'nearest' });
}

document.querySelector('#sign-in').addEventListener('submit', async (submit) => {
  submit.preventDefault();
  const form = submit.target;
  try {
    await openSession(submit.submitter.name, { user_name: form.user_name.value, password: form.password.value });
    room = form.room.value;
    form.hidden = true;
    connect();
  } catch (problem) {
    status(problem.detail ?? 'The platform cannot be reached.');
  }
});

document.querySelector('#send').addEventListener('submit', (submit) => {
  submit.preventDefault();
  say(submit.target.content.value);
  submit.target.reset();
});
