// DER (X.690), read only, strictly: definite lengths in their shortest form, nothing behind the end.

import { Fault } from "./bytes.js";

const bad = (why) => new Fault("malformed", `not DER: ${why}`);

export class Node {
  constructor(bytes, tag, start, content, end) {
    Object.assign(this, { bytes, tag, start, content, end });
  }

  get whole() {
    return this.bytes.subarray(this.start, this.end);
  }

  get value() {
    return this.bytes.subarray(this.content, this.end);
  }

  get children() {
    const found = [];
    for (let at = this.content; at < this.end; ) {
      const child = node(this.bytes, at, this.end);
      found.push(child);
      at = child.end;
    }
    return found;
  }

  is(tag) {
    if (this.tag !== tag) throw bad(`tag ${this.tag} instead of ${tag}`);
    return this;
  }

  get oid() {
    this.is(6);
    const arcs = [];
    let arc = 0n;
    for (const byte of this.value) {
      arc = (arc << 7n) | BigInt(byte & 127);
      if (byte < 128) {
        if (arcs.length) arcs.push(arc);
        else arcs.push(arc < 80n ? arc / 40n : 2n, arc < 80n ? arc % 40n : arc - 80n);
        arc = 0n;
      }
    }
    return arcs.join(".");
  }

  get integer() {
    this.is(2);
    return number(this.value);
  }

  get bits() {
    this.is(3);
    if (!this.value.length || this.value[0] > 7) throw bad("a bit string");
    return this.value.subarray(1);
  }

  get micros() {
    // Microseconds since 1970 of a GeneralizedTime or UTCTime in UTC.
    const words = String.fromCharCode(...this.value);
    const match = this.tag === 24
      ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d*[1-9]))?Z$/.exec(words)
      : this.tag === 23 && /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()Z$/.exec(words);
    if (!match) throw bad("a time");
    let [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
    if (this.tag === 23) year += year < 50 ? 2000 : 1900;
    const at = Date.UTC(year, month - 1, day, hour, minute, second);
    const back = new Date(at);
    if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
      throw bad("a date there is none of");
    }
    return at * 1000 + Number((match[7] || "").padEnd(6, "0").slice(0, 6));
  }
}

export function number(bytes) {
  if (!bytes.length) throw bad("an integer without bytes");
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return bytes[0] & 128 ? value - (1n << BigInt(8 * bytes.length)) : value;
}

function node(bytes, at, limit) {
  if (at + 2 > limit) throw bad("cut short");
  const tag = bytes[at];
  if ((tag & 31) === 31) throw bad("a long tag");
  let length = bytes[at + 1];
  let content = at + 2;
  if (length > 127) {
    const count = length - 128;
    if (!count || count > 4 || content + count > limit) throw bad("an indefinite or endless length");
    length = 0;
    for (let n = 0; n < count; n += 1) length = length * 256 + bytes[content + n];
    content += count;
    if (length < 128 || length < 256 ** (count - 1)) throw bad("a length longer than it need be");
  }
  if (content + length > limit) throw bad("cut short");
  return new Node(bytes, tag, at, content, content + length);
}

export function read(bytes, tag) {
  // The one value that `bytes` are.
  const found = node(bytes, 0, bytes.length);
  if (found.end !== bytes.length) throw bad("bytes behind the end");
  return tag === undefined ? found : found.is(tag);
}
