// Keeps the reader's place in a timeline. At the end, the end stays in view; anywhere else nothing moves, whatever is added above
// or below and however late heights change. Observers run before the next paint, so a correction is never seen.
import { announce, begin } from './announce.js';
import { call } from './call.js';

const END_PX = 48;
const AHEAD = 1.5;        // screens: older messages are loaded before they are needed
const READ_MS = 1_000;
const FAR = 2;            // screens from the end at which the way back is offered

const positions = {
  read(room) {
    try { return JSON.parse(sessionStorage.getItem(`chat.at.${room}`)); } catch { return null; }
  },
  write(room, at) {
    try {
      if (at) sessionStorage.setItem(`chat.at.${room}`, JSON.stringify(at));
      else sessionStorage.removeItem(`chat.at.${room}`);
    } catch { /* private: the room opens at its end */ }
  },
};

/** Where the reader left a room, or null for its end. */
export const position = room => positions.read(room);

export function attach(scroller, server, room) {
  const list = scroller.querySelector('.timeline');
  const stop = new AbortController();
  const on = (target, type, act, options = {}) => target.addEventListener(type, act, { signal: stop.signal, ...options });
  let opened = '';
  let atEnd = true;
  let anchor = null;
  let told = true;       // what the server was last told about the end
  let readSeq = 0;
  let inView = { seq: 0, since: 0 };
  const asked = { LoadOlder: false, LoadNewer: false };

  const rows = () => list.querySelectorAll(':scope > li');
  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; atEnd = true; };
  const topOf = row => row.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

  function remember() {
    for (const row of rows()) {
      const top = topOf(row);
      if (top + row.offsetHeight > 0) {
        anchor = { row, top, seq: Number(row.querySelector('[data-seq]')?.dataset.seq ?? 0) };
        return;
      }
    }
  }

  function restore() {
    if (atEnd) return toEnd();
    if (!anchor?.row.isConnected) return remember();
    const moved = topOf(anchor.row) - anchor.top;
    if (Math.abs(moved) > .5) scroller.scrollTop += moved;
  }

  // The server says once for each opening where the list stands.
  function open() {
    const wanted = scroller.dataset.open;
    if (!wanted || wanted === opened || !rows().length) return false;
    opened = wanted;
    begin(Math.max(0, ...[...list.querySelectorAll('article[data-seq]')].map(article => Number(article.dataset.seq))));
    const [, mode, seq, offset] = wanted.split('|');
    atEnd = false;
    if (mode === 'new') {
      const line = list.querySelector('.new');
      if (line) scroller.scrollTop += topOf(line) - scroller.clientHeight / 3;
    } else if (mode === 'at') {
      const kept = list.querySelector(`[data-seq="${CSS.escape(seq)}"]`)?.closest('li');
      if (kept) scroller.scrollTop += topOf(kept) - Number(offset);
      else toEnd();
    } else {
      toEnd();
    }
    settle();
    return true;
  }

  // One message is the tab stop of the whole list: the newest, unless somebody walks through the list or reads further up.
  function rove() {
    const stop = list.querySelector('article[tabindex="0"]');
    if (stop && (!atEnd || list.contains(document.activeElement))) return;
    const all = list.querySelectorAll('article');
    const newest = all[all.length - 1];
    if (!newest || newest === stop) return;
    stop?.setAttribute('tabindex', '-1');
    newest.setAttribute('tabindex', '0');
  }

  function settle() {
    atEnd = distance() <= END_PX;
    remember();
    rove();
    tell();
    load();
    scroller.toggleAttribute('data-far', distance() > FAR * scroller.clientHeight);
  }

  function tell() {
    if (told === atEnd) return;
    told = atEnd;
    call(server, 'SetEndInView', atEnd).catch(() => { told = !told; });
  }

  async function ask(what) {
    if (asked[what]) return;
    asked[what] = true;
    try {
      await call(server, what);
      // The page may have come before its answer: then nobody has looked yet whether it was enough.
      setTimeout(load);
    } catch {
      // The circuit or the platform is away: asked again with the next scroll.
    } finally {
      asked[what] = false;
    }
  }

  function load() {
    if (scroller.dataset.older === 'true' && scroller.scrollTop < AHEAD * scroller.clientHeight) ask('LoadOlder');
    if (scroller.dataset.newer === 'true' && distance() < AHEAD * scroller.clientHeight) ask('LoadNewer');
  }

  // Read is what was in view for a second, with the window in front.
  function look() {
    if (document.hidden || !document.hasFocus()) return inView = { seq: 0, since: 0 };
    let seq = 0;
    const bottom = scroller.getBoundingClientRect().bottom;
    const all = list.querySelectorAll('article[data-seq]');
    for (let i = all.length - 1; i >= 0; i--) {
      const box = all[i].getBoundingClientRect();
      // Taller than the screen counts when its end was reached.
      if (box.bottom <= bottom + 4) { seq = Number(all[i].dataset.seq); break; }
    }
    const now = performance.now();
    if (seq <= readSeq) return;
    if (inView.seq === 0) inView = { seq, since: now };
    else if (now - inView.since >= READ_MS) {
      readSeq = inView.seq;
      inView = { seq, since: now };
      call(server, 'Seen', readSeq).catch(() => { readSeq = 0; });
    }
  }

  const changed = new MutationObserver(changes => {
    if (!open()) restore();
    rove();
    load();
    announce(changes);
  });
  changed.observe(list, { childList: true, subtree: true, characterData: true });
  const reopened = new MutationObserver(() => { if (!open()) load(); });
  reopened.observe(scroller, { attributes: true, attributeFilter: ['data-open', 'data-older', 'data-newer'] });
  const sized = new ResizeObserver(restore);
  sized.observe(list);
  sized.observe(scroller);

  on(scroller, 'scroll', settle, { passive: true });
  on(window, 'chat:sent', e => { if (e.detail === room) { toEnd(); tell(); } });
  on(window, 'chat:end', () => { toEnd(); settle(); });
  on(window, 'chat:up', () => { told = !atEnd; tell(); load(); });
  on(window, 'pagehide', save);
  on(list, 'keydown', e => move(list, e));
  on(list, 'focusin', e => {
    const article = e.target.closest('article');
    if (!article || article.getAttribute('tabindex') === '0') return;
    list.querySelector('article[tabindex="0"]')?.setAttribute('tabindex', '-1');
    article.setAttribute('tabindex', '0');
  });
  on(list, 'click', copy);
  const looking = setInterval(look, 250);

  function save() {
    positions.write(room, atEnd || !anchor?.seq ? null : { seq: anchor.seq, offset: Math.round(anchor.top) });
  }

  open();
  return {
    toEnd: () => { toEnd(); settle(); },
    detach() {
      save();
      stop.abort();
      changed.disconnect();
      reopened.disconnect();
      sized.disconnect();
      clearInterval(looking);
    },
  };
}

// Arrows, Home and End walk from message to message.
function move(list, e) {
  if (e.ctrlKey || e.altKey || e.metaKey || !e.target.matches('article')) return;
  const all = [...list.querySelectorAll('article')];
  const at = all.indexOf(e.target);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[e.key];
  if (to === undefined) return;
  e.preventDefault();
  all[Math.max(0, Math.min(to, all.length - 1))].focus();
}

async function copy(e) {
  const button = e.target.closest('.copy');
  if (!button) return;
  await navigator.clipboard.writeText(button.closest('.code').querySelector('pre').textContent);
  button.classList.add('done');
  setTimeout(() => button.classList.remove('done'), 2_000);
}
