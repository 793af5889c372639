// What the page asks of the browser: where it is, and what it remembers.
import * as drawer from './drawer.js';
import * as drafts from './drafts.js';
import { connect, done } from './outbox.js';
import { restore } from './composer.js';
import { position } from './timeline.js';

export function start(page, user) {
  connect(page, user);
  drawer.again();
  drafts.watch(user);
  const options = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
  return { zone: options.timeZone ?? '', offsetMinutes: -new Date().getTimezoneOffset(), twelveHours: options.hour12 === true };
}

export { done, restore, position };
export const isShown = element => element?.checkVisibility() === true;
export const theme = () => window.chatTheme.get();
export const setTheme = name => window.chatTheme.set(name);
