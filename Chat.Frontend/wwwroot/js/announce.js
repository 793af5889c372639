// Tells screen readers of new messages in the open room: bundled, cut, and silent while the window is hidden.
const EVERY_MS = 3_000;
const CUT = 200;

let heard = 0;
let waiting = [];
let timer = 0;

/** Looks through what was added to the timeline for live messages of others. */
export function announce(changes) {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      const article = node.nodeType === 1 ? node.querySelector?.('article[data-seq]') : null;
      if (!article || article.dataset.mine !== undefined) continue;
      const seq = Number(article.dataset.seq);
      if (seq <= heard) continue;
      heard = seq;
      waiting.push({ from: article.dataset.from, text: article.querySelector('.text')?.textContent ?? '' });
    }
  }
  if (waiting.length && !timer) timer = setTimeout(say, 300);
}

/** A room was opened: what stands in it up to this number is not news. */
export function begin(seq) {
  heard = seq;
  waiting = [];
}

function say() {
  timer = setTimeout(() => { timer = 0; if (waiting.length) say(); }, EVERY_MS);
  const messages = waiting;
  waiting = [];
  const log = document.getElementById('announce');
  if (!log || document.hidden || !messages.length) return;
  const people = new Set(messages.map(message => message.from)).size;
  const said = messages.length === 1
    ? `${messages[0].from}: ${messages[0].text}`.slice(0, CUT)
    : `${messages.length} new messages from ${people === 1 ? messages[0].from : `${people} people`}`;
  const line = document.createElement('p');
  line.textContent = said;
  log.replaceChildren(line);
}
