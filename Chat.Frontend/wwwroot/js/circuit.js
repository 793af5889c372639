// The way between browser and server. It comes back by itself: the same circuit while the server still has it, else a new page,
// which opens the same room at the same place. What was written waits in the browser meanwhile.
import { el, icon } from './dom.js';
import { waiting } from './outbox.js';

const SILENT_MS = 2_000;     // no banner for what is over before anybody notices
const PATIENT_MS = 10_000;   // then it says since when and until when
const BACK_MS = 4_000;
const CAP_MS = 10_000;
const RELOADS = 3;           // new pages within a minute; beyond it the person decides

let lostAt = 0;
let nextAt = 0;
let wake = null;
let ticker = 0;

export const reconnectionHandler = {
  onConnectionDown() {
    if (lostAt) return;
    lostAt = Date.now();
    ticker = setInterval(show, 500);
    document.documentElement.dataset.circuit = 'down';
    reconnect();
  },
  onConnectionUp: up,
};

export const isDown = () => lostAt !== 0;

async function reconnect() {
  for (let attempt = 0; lostAt; attempt++) {
    // Full jitter: a thousand browsers do not come back in the same moment.
    const wait = attempt === 0 ? Math.random() * 300 : 250 + Math.random() * Math.min(CAP_MS, 500 * 2 ** attempt);
    nextAt = Date.now() + wait;
    await new Promise(resolve => { wake = resolve; setTimeout(resolve, wait); });
    if (!lostAt) return;
    nextAt = 0;
    try {
      if (await Blazor.reconnect()) return up();
      return anew(); // the server answers, but has forgotten this circuit
    } catch { /* not reachable yet: the loop goes on, and the banner says so */ }
  }
}

function up() {
  if (!lostAt) return;
  const away = Date.now() - lostAt;
  lostAt = 0;
  clearInterval(ticker);
  delete document.documentElement.dataset.circuit;
  dispatchEvent(new Event('chat:up'));
  if (away < SILENT_MS) return clear();
  banner('good', 'check', null, 'Back. Everything you missed is here, in order.');
  setTimeout(() => { if (!lostAt) clear(); }, BACK_MS);
}

function anew() {
  clearInterval(ticker);
  const recent = reloads().filter(at => Date.now() - at < 60_000);
  if (recent.length < RELOADS) {
    sessionStorage.setItem('chat.reloads', JSON.stringify([...recent, Date.now()]));
    return location.reload();
  }
  banner('bad', 'alert', 'Something went wrong on our side.', 'Loading again usually helps. What you wrote is kept.',
    button('Load again', () => location.reload()));
}

function reloads() {
  try { return JSON.parse(sessionStorage.getItem('chat.reloads')) ?? []; } catch { return []; }
}

function show() {
  const away = Date.now() - lostAt;
  if (!lostAt || away < SILENT_MS) return;
  if (away < PATIENT_MS) return banner('', 'redo', null, 'Connecting again. You can keep writing, messages are sent once when the connection is back.');
  const count = waiting();
  const held = count === 0 ? '' : count === 1 ? '1 message is waiting here. ' : `${count} messages are waiting here. `;
  const since = away < 60_000 ? `${Math.floor(away / 1000)} s` : `${Math.floor(away / 60_000)} min`;
  const next = nextAt > Date.now() ? `Next try in ${Math.ceil((nextAt - Date.now()) / 1000)} s.` : 'Trying now.';
  banner('warn', 'offline', `No connection for ${since}.`, held + next, button('Try now', tryNow));
}

const tryNow = () => wake?.();
addEventListener('online', tryNow);
document.addEventListener('visibilitychange', () => { if (!document.hidden) tryNow(); });

// The element is rendered empty by the page, which never touches its content.
function banner(kind, name, strong, text, action) {
  const host = document.getElementById('circuit-banner');
  if (!host) return;
  const key = kind + name;
  if (host.dataset.key !== key) {
    host.dataset.key = key;
    host.replaceChildren(el('div', { class: `banner ${kind}`.trim(), role: kind === 'bad' ? 'alert' : 'status' },
      icon(name, kind ? '' : 's'), el('span', { class: 'grow' }, el('b'), ' ', el('span')), ...(action ? [action] : [])));
  }
  host.querySelector('b').textContent = strong ?? '';
  host.querySelector('.grow > span').textContent = text;
  host.hidden = false;
}

function clear() {
  const host = document.getElementById('circuit-banner');
  if (!host) return;
  host.hidden = true;
  host.replaceChildren();
  delete host.dataset.key;
}

const button = (text, act) => {
  const made = el('button', { class: 'btn sm', type: 'button' }, text);
  made.addEventListener('click', act);
  return made;
};
