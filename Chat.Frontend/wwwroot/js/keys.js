// Keys that work everywhere on the page.
import { drawer, isOpen } from './drawer.js';

const rows = () => [...document.querySelectorAll('.side .list a.row')];
const regions = () => [
  document.querySelector('.side .list a.row[aria-current]') ?? rows()[0],
  document.querySelector('.timeline article[tabindex="0"]'),
  document.getElementById('composer'),
  document.querySelector('.pane input, .pane button'),
].filter(target => target?.checkVisibility());

addEventListener('keydown', e => {
  if (document.querySelector('dialog[open]')) return;
  const command = e.ctrlKey || e.metaKey;
  if (e.key === 'Escape') escape();
  else if (command && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'k') run(e, () => document.querySelector('[data-palette]')?.click());
  else if (e.altKey && !command && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) run(e, () => step(e.key === 'ArrowUp' ? -1 : 1, e.shiftKey));
  else if (e.key === 'F6') run(e, () => region(e.shiftKey ? -1 : 1));
});

document.addEventListener('click', e => {
  // With a <base>, a link to a fragment would leave the room.
  const skip = e.target.closest('.skip');
  if (skip) run(e, () => document.getElementById('composer')?.focus());
});

function run(e, act) {
  e.preventDefault();
  act();
}

function escape() {
  if (document.querySelector('[popover]:popover-open')) return; // the browser closes it
  if (isOpen()) return drawer(false);
  const close = document.querySelector('.pane:not(.fold) [data-close]');
  if (close?.checkVisibility() && document.activeElement?.closest('.pane')) return close.click();
  if (document.activeElement?.closest('.room')) dispatchEvent(new Event('chat:end'));
}

function step(by, unread) {
  const all = rows();
  const at = all.findIndex(row => row.hasAttribute('aria-current'));
  for (let moved = 1; moved <= all.length; moved++) {
    const row = all[(((at + by * moved) % all.length) + all.length) % all.length];
    if (unread && !row.classList.contains('unread')) continue;
    row.click();
    return;
  }
}

function region(by) {
  const all = regions();
  const at = all.findIndex(target => target === document.activeElement
    || target.closest('.side, .timeline, .foot, .pane')?.contains(document.activeElement));
  all[(((at + by) % all.length) + all.length) % all.length]?.focus();
}
