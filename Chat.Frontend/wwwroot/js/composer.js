// The composer lives in the browser: text, keys, formatting and drafts, so that a slow circuit never delays a keystroke.
import { call } from './call.js';
import * as drafts from './drafts.js';
import { submit } from './outbox.js';

const MAX_BYTES = 24_000;
const TYPING_EVERY_MS = 3_000;
const encoder = new TextEncoder();
const marks = { bold: '**', italic: '*', strike: '~~', code: '`' };
const prefixes = { list: '- ', quote: '> ' };

let current = null;

export function attach(form, server, room, user) {
  const text = form.querySelector('textarea');
  const send = form.querySelector('.send');
  const note = form.querySelector('[data-note]');
  const stop = new AbortController();
  const on = (target, type, act) => target.addEventListener(type, act, { signal: stop.signal });
  let saving = 0;
  let typedAt = 0;

  const grow = () => {
    if (CSS.supports('field-sizing', 'content')) return;
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight}px`;
  };
  const refresh = () => {
    const over = encoder.encode(text.value).length - MAX_BYTES;
    note.hidden = over <= 0;
    note.textContent = over > 0 ? `Too long by ${over} characters` : '';
    send.disabled = !text.value.trim() || over > 0;
    grow();
  };
  const save = () => { clearTimeout(saving); drafts.write(user, room, text.value); };
  const typing = active => {
    const due = active ? Date.now() - typedAt > TYPING_EVERY_MS : typedAt !== 0;
    if (!due) return;
    typedAt = active ? Date.now() : 0;
    // Said now or not at all: without a circuit nobody needs to know.
    call(server, 'SetTyping', active).catch(() => {});
  };

  const set = value => {
    text.value = value;
    save();
    refresh();
  };
  const take = () => {
    const value = text.value.trim();
    if (send.disabled || !value) return;
    if (!submit(room, value)) {
      note.textContent = 'Too many messages are waiting';
      note.hidden = false;
      return;
    }
    set('');
    typing(false);
    dispatchEvent(new CustomEvent('chat:sent', { detail: room }));
    text.focus();
  };

  on(form, 'submit', e => { e.preventDefault(); take(); });
  on(text, 'input', () => {
    refresh();
    clearTimeout(saving);
    saving = setTimeout(save, 300);
    typing(text.value.trim() !== '');
  });
  text.dataset.ready = ''; // before that, Enter is a line break
  on(text, 'keydown', e => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && e.keyCode !== 229) {
      e.preventDefault();
      take();
    } else if ((e.ctrlKey || e.metaKey) && !e.altKey && 'bi'.includes(e.key.toLowerCase())) {
      e.preventDefault();
      format(text, e.key.toLowerCase() === 'b' ? 'bold' : 'italic');
    }
  });
  on(form, 'click', e => {
    const button = e.target.closest('[data-format], [data-emoji]');
    if (!button) return;
    if (button.dataset.emoji) {
      insert(text, button.dataset.emoji);
      button.closest('[popover]')?.hidePopover();
      text.focus();
    } else {
      format(text, button.dataset.format);
    }
  });
  on(window, 'pagehide', save);

  const begun = drafts.read(user, room);
  // What was typed while the circuit started is not thrown away.
  if (begun && !text.value) text.value = begun;
  refresh();

  const handle = {
    restore: value => { set(text.value.trim() ? `${text.value.trimEnd()}\n${value}` : value); text.focus(); },
    detach: () => { save(); stop.abort(); if (current === handle) current = null; },
  };
  return current = handle;
}

/** Takes a text that was not sent back into the composer. */
export const restore = value => current?.restore(value);

// Goes through the browser's own editing, so that undo works.
function insert(text, value) {
  text.focus();
  if (!document.execCommand('insertText', false, value)) text.setRangeText(value, text.selectionStart, text.selectionEnd, 'end');
  text.dispatchEvent(new Event('input', { bubbles: true }));
}

function format(text, kind) {
  const { selectionStart: from, selectionEnd: to, value } = text;
  const chosen = value.slice(from, to);
  text.focus();
  if (kind in prefixes) {
    const lineStart = value.lastIndexOf('\n', from - 1) + 1;
    text.setSelectionRange(lineStart, to);
    insert(text, value.slice(lineStart, to).split('\n').map(line => prefixes[kind] + line).join('\n'));
  } else if (kind === 'link') {
    const address = /^https?:\/\//.test(chosen);
    insert(text, address ? `[](${chosen})` : `[${chosen}](https://)`);
    if (address) text.setSelectionRange(from + 1, from + 1);
  } else if (kind === 'code' && chosen.includes('\n')) {
    insert(text, `\`\`\`\n${chosen}\n\`\`\``);
  } else {
    const mark = marks[kind];
    insert(text, mark + chosen + mark);
    text.setSelectionRange(from + mark.length, from + mark.length + chosen.length);
  }
}
