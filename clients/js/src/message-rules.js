import { ChatError } from './chat-error.js';

const MAX_CONTENT_BYTES = 24_000;
const MAX_CLIENT_ID_LENGTH = 64;
const MAX_FRAME_BYTES = 32_768;
// For the id that is added when it is sent: ,"id":9007199254740991
const ROOM_FOR_ID = 32;
const utf8 = new TextEncoder();

/** Refuses what may not go out, since the server would close the connection for it or could not know what was meant. */
export function checkMessage(command) {
  const content = command.content ?? '';
  if (typeof content !== 'string') throw new ChatError('bad_request', 'content is text; write objects with JSON.stringify.');
  if (utf8.encode(content).length > MAX_CONTENT_BYTES) throw new ChatError('too_large', `A message has at most ${MAX_CONTENT_BYTES} bytes of UTF-8.`);
  if (!isWellFormed(content)) throw new ChatError('bad_request', 'The text has an unpaired surrogate.'); // as UTF-8 it would become another text
  const id = command.client_id;
  if (typeof id !== 'string' || id.length === 0 || id.length > MAX_CLIENT_ID_LENGTH)
    throw new ChatError('bad_request', `A client_id has 1 to ${MAX_CLIENT_ID_LENGTH} characters.`);
  if (utf8.encode(JSON.stringify(command)).length > MAX_FRAME_BYTES - ROOM_FOR_ID)
    throw new ChatError('too_large', `Written as JSON, a message has at most ${MAX_FRAME_BYTES} bytes: too many quotes, backslashes or control characters.`);
}

// String.prototype.isWellFormed is younger than some browsers in use.
function isWellFormed(text) {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
