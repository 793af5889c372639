import WebSocket from 'ws';
import { ChatConnection } from '../../src/index.js';
import { until, within } from '../waiting.js';

/** The platform under test: its origin, and two of its users. */
export const url = setting('CHAT_URL', 'the origin of a running platform, e.g. http://localhost:8080');
export const [ann, bob] = JSON.parse(setting('CHAT_PEOPLE', 'a JSON array of two sessions, as POST /api/auth/register returns them'));

function setting(name, meaning) {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}: ${meaning}.`);
  return value;
}

/** A room of this user's own. */
export async function createRoom(person, kind = 'public') {
  const answer = await fetch(`${url}/api/rooms`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${person.access_token}` },
    body: JSON.stringify({ name: 'A room', kind }),
  });
  if (answer.status !== 201) throw new Error(`POST /api/rooms answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).room_id;
}

/** One more device of a user, connected, and closed after the test; it writes down what it is told. */
export async function connect(t, person, through = url) {
  const chat = new ChatConnection({ url: through, token: () => person.access_token, WebSocket, reconnectBaseMs: 20, reconnectCapMs: 200 });
  t.after(() => chat.close());
  const device = { chat, events: [], resets: [] };
  chat.on('event', (event) => device.events.push(event));
  chat.on('reset', (reset) => device.resets.push(reset));
  device.messages = (room) => device.events.filter((event) => event.room_id === room && event.event_type === 'chat_message');
  device.expect = async (condition, expected) => {
    await until(() => device.events.some(condition), expected);
    return device.events.find(condition);
  };
  await within(chat.start(), `a connection of ${person.user_name}`);
  return device;
}
