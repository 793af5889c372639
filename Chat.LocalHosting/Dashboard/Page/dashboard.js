// Refreshes the table, sends commands, follows one log. No state beyond what the page shows.
const maxLines = 2000;
const rows = document.getElementById('rows');
const note = document.getElementById('note');
const panel = document.getElementById('logs');
const lines = document.getElementById('lines');
const filter = document.getElementById('filter');
const pinned = document.getElementById('pinned');
let source = null;

async function refresh() {
  try {
    const response = await fetch('/rows');
    if (!response.ok) throw new Error(`status ${response.status}`);
    const html = await response.text();
    // A focused button must not lose its focus to a refresh that changes nothing.
    if (html !== rows.dataset.html) {
      const focused = describe(document.activeElement);
      rows.innerHTML = html;
      rows.dataset.html = html;
      if (focused) rows.querySelector(focused)?.focus();
    }
    note.textContent = '';
  } catch (error) {
    note.textContent = `The engine does not answer (${error.message}).`;
  }
}

function describe(element) {
  const name = element?.closest?.('tr')?.dataset.name;
  if (!name || !rows.contains(element)) return null;
  const command = element.dataset.command;
  return `tr[data-name="${CSS.escape(name)}"] ${command ? `[data-command="${command}"]` : '.name'}`;
}

rows.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.logs) {
    follow(button.dataset.logs);
    return;
  }
  const name = button.closest('tr').dataset.name;
  button.disabled = true;
  const response = await fetch(`/api/resources/${encodeURIComponent(name)}/${button.dataset.command}`, { method: 'POST' });
  if (!response.ok) note.textContent = await response.text();
  await refresh();
});

function follow(name) {
  source?.close();
  lines.textContent = '';
  document.getElementById('logs-name').textContent = name;
  panel.hidden = false;
  source = new EventSource(`/api/resources/${encodeURIComponent(name)}/logs/follow?tail=500`);
  source.onopen = () => { lines.textContent = ''; };
  source.onmessage = (event) => append(JSON.parse(`"${event.data}"`));
  panel.scrollIntoView({ block: 'nearest' });
}

function append(text) {
  const line = document.createElement('div');
  line.textContent = text || ' ';
  line.hidden = !matches(text);
  lines.append(line);
  while (lines.childElementCount > maxLines) lines.firstElementChild.remove();
  if (pinned.checked) lines.scrollTop = lines.scrollHeight;
}

function matches(text) {
  return text.toLowerCase().includes(filter.value.toLowerCase());
}

filter.addEventListener('input', () => {
  for (const line of lines.children) line.hidden = !matches(line.textContent);
});

document.getElementById('close').addEventListener('click', () => {
  source?.close();
  source = null;
  panel.hidden = true;
});

setInterval(refresh, 2000);
