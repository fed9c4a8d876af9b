// Signed notes and checkpoints (C2SP), verifier keys, cosignatures, and the tree's inclusion proofs (RFC 9162).

import { Fault, digest, hex, join, same, text, unbase64, unhex, unpem, utf8 } from "./bytes.js";
import { ed25519, ed25519Public } from "./keys.js";

const KINDS = { log: 1, witness: 4 };

export async function keyId(name, kind, publicKey) {
  return (await digest(join(utf8(`${name}\n`), Uint8Array.of(kind), publicKey))).subarray(0, 4);
}

export async function vkey(line) {
  // name+hash+base64(kind || key)
  const match = /^([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(line.trim());
  const raw = match ? unbase64(match[3]) : new Uint8Array();
  if (raw.length !== 33 || !Object.values(KINDS).includes(raw[0])) throw new Fault("log_key", "not a verifier key");
  const key = { name: match[1], kind: raw[0], publicKey: raw.subarray(1), text: line.trim() };
  if (hex(await keyId(key.name, key.kind, key.publicKey)) !== match[2]) throw new Fault("log_key", "its hash does not fit");
  return key;
}

export async function givenKey(bytes, name) {
  // A log key that a person gives: a verifier key, or PEM under the log's name.
  const words = text(bytes);
  if (!words.includes("-----BEGIN")) return vkey(words);
  const [der] = unpem(bytes, "PUBLIC KEY");
  if (!der) throw new Fault("log_key", "not a public key in PEM");
  return { name, kind: KINDS.log, publicKey: ed25519Public(der) };
}

export function parts(note) {
  const at = note.indexOf("\n\n");
  if (at < 0 || !note.endsWith("\n")) throw new Fault("checkpoint", "not a signed note");
  const lines = note.slice(at + 2, -1).split("\n").map(signature);
  return { body: note.slice(0, at + 1), lines };
}

function signature(line) {
  const match = /^\u2014 (\S{1,255}) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
  if (!match) throw new Fault("checkpoint", "a signature line that is none");
  return { name: match[1], raw: unbase64(match[2]) };
}

export async function checkpoint(bytes, key) {
  // What a note says, once it is signed by the log's key.
  const { body, lines } = parts(text(bytes));
  const [origin, size, root, ...extensions] = body.slice(0, -1).split("\n");
  const hash = root ? unbase64(root) : new Uint8Array();
  if (!/^(0|[1-9]\d{0,18})$/.test(size) || hash.length !== 32) throw new Fault("checkpoint", "not a checkpoint");
  if (origin !== key.name) throw new Fault("checkpoint", "of another log");
  const id = await keyId(key.name, KINDS.log, key.publicKey);
  const mine = lines.filter(({ name, raw }) => name === key.name && same(raw.subarray(0, 4), id));
  if (!mine.length) throw new Fault("checkpoint", "not signed by the log's key");
  for (const { raw } of mine) {
    if (!(await ed25519(key.publicKey, raw.subarray(4), utf8(body)))) throw new Fault("checkpoint", "a wrong signature");
  }
  return { origin, size: Number(size), root: hash, extensions, body, hash: await digest(utf8(body)) };
}

export async function cosigned(bytes, notes) {
  // The witness of a file in cosignatures/, once it has signed one of the notes.
  const words = text(bytes);
  const [first, ...rest] = words.split("\n");
  const witness = await vkey(first);
  const { body, lines } = parts(rest.join("\n"));
  const raw = lines[0].raw;
  const whole = notes.map((one) => parts(text(one)).body);
  if (witness.kind !== KINDS.witness || lines.length !== 1 || lines[0].name !== witness.name || raw.length !== 76
    || !whole.includes(body) || !same(raw.subarray(0, 4), await keyId(witness.name, witness.kind, witness.publicKey))) {
    throw new Fault("cosignature", "no witness's signature of a checkpoint here");
  }
  const when = new DataView(raw.buffer, raw.byteOffset + 4, 8).getBigUint64(0);
  const message = utf8(`cosignature/v1\ntime ${when}\n${body}`);
  if (!(await ed25519(witness.publicKey, raw.subarray(12), message))) throw new Fault("cosignature", "a wrong signature");
  return { witness, when: Number(when) };
}

export async function included(proof, record, head) {
  // The place that a proof.txt gives the record in the checkpoint's tree.
  const match = /^index (0|[1-9]\d{0,14})\nsize ([1-9]\d{0,14})\n((?:[LR] [0-9a-f]{64}\n){0,63})$/.exec(text(proof));
  if (!match) throw new Fault("inclusion", "not a proof");
  const [index, size] = [Number(match[1]), Number(match[2])];
  if (size !== head.size || index >= size) throw new Fault("inclusion", "a proof in another tree");
  let node = await digest(join(Uint8Array.of(0), record));
  let [at, last] = [index, size - 1];
  for (const line of match[3].split("\n").slice(0, -1)) {
    while (at % 2 === 0 && at === last && last) [at, last] = [at / 2, last / 2];
    const sibling = unhex(line.slice(2));
    if (!last || line[0] !== (at % 2 ? "L" : "R")) throw new Fault("inclusion", "a sibling on the wrong side");
    node = await digest(at % 2 ? join(Uint8Array.of(1), sibling, node) : join(Uint8Array.of(1), node, sibling));
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  while (last && at % 2 === 0 && at === last) [at, last] = [at / 2, Math.floor(last / 2)];
  if (last || !same(node, head.root)) throw new Fault("inclusion", "the record does not stand where the proof says");
  return { index, size };
}
