// Messages that the platform has not acked yet, as the browser keeps them: they survive a lost circuit and a reload of this tab.
// Each has its id from the start, so handing one over again makes no second message.
import { call } from './call.js';

const MAX = 100;

let server = null;
let user = '';
let handing = false;
const taken = new Set(); // by the circuit of this page

const key = () => `chat.outbox.${user}`;
const read = () => {
  try { return JSON.parse(sessionStorage.getItem(key())) ?? []; } catch { return []; }
};
const write = entries => {
  try { sessionStorage.setItem(key(), JSON.stringify(entries)); } catch { /* full or private: the circuit has the text all the same */ }
};

/** Called once by each circuit: hands over what an earlier one may have lost. */
export function connect(page, userId) {
  server = page;
  user = userId;
  taken.clear();
  handOver();
}

/** True when the text was taken; false when too many wait, and it must stay where it is. */
export function submit(room, text) {
  const entries = read();
  if (entries.length >= MAX) return false;
  write([...entries, { id: uuid7(), room, text }]);
  handOver();
  return true;
}

/** The platform has it, or its author threw it away. */
export function done(id) {
  write(read().filter(entry => entry.id !== id));
  taken.delete(id);
}

export const waiting = () => read().length;

// One after the other, so that they arrive in the order in which they were written.
async function handOver() {
  if (handing || !server) return;
  handing = true;
  try {
    for (let entry; (entry = read().find(e => !taken.has(e.id)));) {
      taken.add(entry.id);
      try {
        await call(server, 'Submit', entry.room, entry.id, entry.text);
      } catch {
        taken.delete(entry.id); // the circuit is down: again when it is up
        return;
      }
    }
  } finally {
    handing = false;
  }
}

addEventListener('chat:up', handOver);

// RFC 9562: 48 bits of time, then random. The platform remembers such an id for ever.
function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let i = 5; i >= 0; i--, time = Math.floor(time / 256)) bytes[i] = time % 256;
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
