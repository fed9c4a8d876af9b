// Bytes: hexadecimal, base64, joining, comparing, digests. What a bundle's verifier needs of them, and no more.

export class Fault extends Error {
  // Something in the bundle is not as it must be: a code as `pumpkin verify` gives, and which file it stands in.
  constructor(code, detail, file = "") {
    super(detail);
    this.code = code;
    this.file = file;
  }
}

export const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");

export function unhex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(text.substr(2 * at, 2), 16);
  return bytes;
}

export function unbase64(text) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Fault("malformed", "not base64");
  }
  if (btoa(raw) !== text) throw new Fault("malformed", "base64 in another spelling than the one there is");
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

export const utf8 = (text) => new TextEncoder().encode(text);

export function text(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Fault("malformed", "not UTF-8");
  }
}

export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

export async function digest(bytes, name = "SHA-256") {
  return new Uint8Array(await crypto.subtle.digest(name, bytes));
}

export function unpem(bytes, label) {
  // The DER of each block of that label in a PEM text.
  const found = [];
  const blocks = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, "g");
  for (const match of text(bytes).matchAll(blocks)) found.push(unbase64(match[1].replace(/\s/g, "")));
  return found;
}
