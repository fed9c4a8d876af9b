// The one zip encoding of a bundle: stored, no dates, no extras, names ascending. It is written anew and compared, so
// that no byte of the archive is unaccounted for.

import { Fault, join, same, utf8 } from "./bytes.js";

const NAME = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}\/){0,5}[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const LOCAL = 30;
const DATE = 33;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function fields(...parts) {
  // Little-endian numbers: [bytes, value] each.
  const size = parts.reduce((sum, [bytes]) => sum + bytes, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of parts) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

export function pack(files) {
  const body = [];
  const directory = [];
  let offset = 0;
  for (const name of [...files.keys()].sort()) {
    const data = files.get(name);
    const raw = utf8(name);
    const rest = [[2, 0], [2, 0], [2, 0], [2, DATE], [4, crc(data)], [4, data.length], [4, data.length], [2, raw.length], [2, 0]];
    const mode = name.endsWith(".sh") ? 0o100755 : 0o100644;
    const head = fields([4, 0x04034b50], [2, 20], ...rest);
    const last = [[2, 0], [2, 0], [2, 0], [4, mode * 65536], [4, offset]];
    directory.push(fields([4, 0x02014b50], [2, 788], [2, 20], ...rest, ...last), raw);
    body.push(head, raw, data);
    offset += head.length + raw.length + data.length;
  }
  const central = join(...directory);
  const count = files.size;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, central.length], [4, offset], [2, 0]);
  return join(...body, central, end);
}

export function unpack(archive) {
  const files = new Map();
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  let at = 0;
  while (at + LOCAL <= archive.length && view.getUint32(at, true) === 0x04034b50) {
    const size = view.getUint32(at + 22, true);
    const start = at + LOCAL + view.getUint16(at + 26, true);
    const name = String.fromCharCode(...archive.subarray(at + LOCAL, start));
    if (start + size > archive.length || files.has(name) || !NAME.test(name)) {
      throw new Fault("unreadable", "cut short, a name that stands twice, or one a bundle may not have");
    }
    files.set(name, archive.subarray(start, start + size));
    at = start + size;
  }
  if (!files.size || !same(pack(files), archive)) {
    throw new Fault("unreadable", "not a zip archive as Pumpkin writes a bundle, or it has been changed");
  }
  return files;
}
