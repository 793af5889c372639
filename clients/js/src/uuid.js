/**
 * A UUIDv7: 48 bits of time, 74 random bits (RFC 9562, section 5.7). The platform remembers such a `client_id` for ever, any other
 * for 24 hours. `crypto.randomUUID` would be a version 4, and is missing on pages without TLS.
 */
export function uuidv7() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const now = Date.now();
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
