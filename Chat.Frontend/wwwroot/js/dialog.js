// Dialogs of the browser: focus stays inside and goes back where it came from; Esc and a click outside close.
import { call } from './call.js';

export function attach(dialog, server) {
  dialog.addEventListener('close', () => call(server, 'Closed').catch(() => {}), { once: true });
  let pressed = null;
  dialog.addEventListener('pointerdown', e => { pressed = e.target; });
  dialog.addEventListener('click', e => { if (e.target === dialog && pressed === dialog) dialog.close(); });
  dialog.addEventListener('keydown', e => choose(dialog, e));
  dialog.addEventListener('input', () => options(dialog).forEach(option => option.setAttribute('aria-selected', 'false')));
  new MutationObserver(() => first(dialog)).observe(dialog, { childList: true, subtree: true });
  first(dialog);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector('[data-first]')?.focus();
  return {
    close: () => { if (dialog.open) dialog.close(); },
    detach() {}, // its listeners are the element's own and go with it
  };
}

// In a list below a search field, arrows choose and Enter takes, while the text stays in the field.
function choose(dialog, e) {
  if (!e.target.matches('input[role="combobox"]')) return;
  const all = options(dialog);
  const at = all.findIndex(option => option.getAttribute('aria-selected') === 'true');
  if (e.key === 'Enter') {
    e.preventDefault();
    (all[at] ?? all[0])?.click();
    return;
  }
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[e.key];
  if (to === undefined || !all.length) return;
  e.preventDefault();
  const next = all[((to % all.length) + all.length) % all.length];
  all[at]?.setAttribute('aria-selected', 'false');
  next.setAttribute('aria-selected', 'true');
  e.target.setAttribute('aria-activedescendant', next.id);
  next.scrollIntoView({ block: 'nearest' });
}

const options = dialog => [...dialog.querySelectorAll('[role="option"]')];

// The first row is chosen until the arrows say otherwise.
function first(dialog) {
  const all = options(dialog);
  if (all.length && !all.some(option => option.getAttribute('aria-selected') === 'true')) all[0].setAttribute('aria-selected', 'true');
}
