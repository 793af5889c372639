// The sidebar as a drawer on narrow screens. Its state is the browser's: opening it waits for nobody.
const app = () => document.querySelector('.app');
let wanted = false;

export function drawer(open) {
  const host = app();
  if (!host || (host.dataset.drawer === 'open') === open) return;
  wanted = open;
  host.dataset.drawer = open ? 'open' : 'closed';
  const opener = document.querySelector('[data-drawer-open]');
  opener?.setAttribute('aria-expanded', open);
  const inside = document.getElementById('side');
  if (open) (inside.querySelector('[aria-current]') ?? inside.querySelector('a, button'))?.focus();
  else if (inside.contains(document.activeElement)) opener?.focus();
}

/** The circuit has rendered the page anew: the drawer is as it was. */
export const again = () => drawer(wanted);

export const isOpen = () => app()?.dataset.drawer === 'open';

document.addEventListener('click', e => {
  if (e.target.closest('[data-drawer-open]')) drawer(true);
  else if (e.target.closest('[data-drawer-close], .side a.row')) drawer(false);
});

// A swipe towards the start side closes it.
let from = null;
addEventListener('touchstart', e => { from = isOpen() ? e.touches[0].clientX : null; }, { passive: true });
addEventListener('touchend', e => {
  if (from === null) return;
  const moved = e.changedTouches[0].clientX - from;
  if ((document.documentElement.dir === 'rtl' ? moved : -moved) > 60) drawer(false);
}, { passive: true });
