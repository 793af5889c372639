// Menus are popovers of the browser: they open, close with Esc or a click elsewhere, and give focus back without the server.
// This places them at their button and adds the keys of a menu.
const GAP = 6;

document.addEventListener('toggle', e => {
  const menu = e.target;
  if (!menu.matches?.('[popover].menu')) return;
  const opener = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  opener?.setAttribute('aria-expanded', e.newState === 'open');
  if (e.newState !== 'open' || !opener) return;
  place(menu, opener.getBoundingClientRect());
  items(menu)[0]?.focus();
}, true);

document.addEventListener('click', e => {
  const item = e.target.closest('[popover] [role="menuitem"], [popover] [role="menuitemradio"]');
  item?.closest('[popover]').hidePopover();
});

document.addEventListener('keydown', e => {
  const menu = e.target.closest?.('[popover].menu');
  if (!menu) return;
  const all = items(menu);
  const at = all.indexOf(document.activeElement);
  const columns = menu.matches('.emoji') ? 7 : 1;
  const to = {
    ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: all.length - 1,
    ...(columns > 1 ? { ArrowRight: at + 1, ArrowLeft: at - 1 } : {}),
  }[e.key];
  if (to === undefined) return;
  e.preventDefault();
  all[((to % all.length) + all.length) % all.length].focus();
});

const items = menu => [...menu.querySelectorAll('button:not(:disabled), a[href]')];

// By the object model, which a content security policy lets pass where it forbids style attributes.
function place(menu, at) {
  const box = menu.getBoundingClientRect();
  const below = at.bottom + GAP + box.height <= innerHeight;
  const start = Math.min(Math.max(GAP, at.left), innerWidth - box.width - GAP);
  const end = Math.max(GAP, at.right - box.width);
  menu.style.left = `${at.left + box.width + GAP > innerWidth ? end : start}px`;
  menu.style.top = `${below ? at.bottom + GAP : Math.max(GAP, at.top - GAP - box.height)}px`;
}
