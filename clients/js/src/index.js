export { ChatError } from './chat-error.js';
export { ChatConnection } from './connection.js';
export { uuidv7 } from './uuid.js';
