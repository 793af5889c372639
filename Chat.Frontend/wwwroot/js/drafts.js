// What was begun in each room, kept on this device and apart for each user. Rooms with a draft carry a pencil in the sidebar.
const key = (user, room) => `chat.draft.${user}.${room}`;

export function read(user, room) {
  try { return localStorage.getItem(key(user, room)) ?? ''; } catch { return ''; }
}

export function write(user, room, text) {
  try {
    if (text.trim()) localStorage.setItem(key(user, room), text);
    else localStorage.removeItem(key(user, room));
  } catch { /* full or private: the text stays in its field */ }
  mark(user);
}

/** Keeps the pencils right, also when the sidebar is rendered anew. */
export function watch(user) {
  const side = document.getElementById('side');
  if (side) new MutationObserver(() => mark(user)).observe(side, { childList: true, subtree: true });
  mark(user);
}

function mark(user) {
  for (const row of document.querySelectorAll('.side li[data-room]')) {
    row.toggleAttribute('data-draft', read(user, row.dataset.room) !== '');
  }
}
