// Verifies a bundle in the browser. Nothing leaves it: this module and those beside it send no request.
//
// The steps, their order and their codes are those of `pumpkin verify`. What is not judged here is said in `notes`.

import { Fault, digest, hex, join, same, text, unpem, utf8 } from "./bytes.js";
import { readable } from "./certificates.js";
import { ed25519, ed25519Der, ed25519Public } from "./keys.js";
import { checkpoint, cosigned, givenKey, included, vkey } from "./note.js";
import { parsed, tokenOf, verified } from "./stamp.js";
import { unpack } from "./zip.js";

const VERSION = "pumpkin-bundle/1";
const RECORD = "pumpkin-record/1";
const KEYS = "after detail format id kind observed payload received salt sig source type v";
const FOLDER = /^checks\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\//;

export function canonical(value) {
  // RFC 8785: what JSON.stringify writes, with the members in order.
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

class Bundle {
  constructor(files, { roots, at }) {
    Object.assign(this, { files, at, notes: new Set(), read: new Set(), tokens: new Map() });
    this.given = readable(roots.flatMap(certificatesOf));
  }

  get(name) {
    this.read.add(name);
    return this.files.get(name);
  }

  need(name, code) {
    const found = this.get(name);
    if (!found) throw new Fault(code, `${name} is missing`, name);
    return found;
  }

  // Runs one step and says in its fault which file it stands in.
  async of(name, code, work) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Fault) {
        const kept = ["browser", "revoked", "cert_time", "chain", "imprint", "signature", "time"].includes(error.code);
        throw new Fault(code && !kept ? code : error.code, error.message, error.file || name);
      }
      if (error instanceof TypeError || error instanceof RangeError) throw new Fault(code || "malformed", "not readable", name);
      throw error;
    }
  }
}

function certificatesOf(bytes) {
  return bytes[0] === 0x30 ? [bytes] : unpem(bytes, "CERTIFICATE");
}

// The report on a bundle: {code, detail, file, checks, notes, fingerprints, trust, origin}. `roots` and `logKey` are
// bytes of files that the person trusts.
export async function verify(bytes, { roots = [], logKey = null, at = Date.now() * 1000 } = {}) {
  const report = { code: "", detail: "", file: "", checks: [], notes: [], fingerprints: [], trust: { root: false, log_key: false } };
  if (!globalThis.crypto?.subtle) {
    return { ...report, code: "browser", detail: "no WebCrypto: open this page over HTTPS or from localhost" };
  }
  try {
    const bundle = new Bundle(unpack(bytes), { roots, at });
    await manifest(bundle, logKey, report);
    bundle.own = readable(certificatesOf(bundle.get("trust-root.pem") || new Uint8Array([0])));
    for (const one of bundle.own) report.fingerprints.push(hex(await digest(one.der)));
    for (const folder of folders(bundle.files)) report.checks.push(await check(bundle, folder));
    await cosignatures(bundle);
    unread(bundle);
    report.notes = [...bundle.notes];
    report.trust.root = report.checks.every((one) => one.times.some((time) => time.trusted));
    if (bundle.given.length && !report.trust.root) throw new Fault("chain", "no token leads to a root given");
    report.code = report.trust.root ? "proven" : "trust";
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    Object.assign(report, { code: error.code, detail: error.message, file: error.file, trust: { root: false, log_key: false } });
  }
  return report;
}

async function manifest(bundle, logKey, report) {
  const raw = bundle.need("manifest.json", "manifest");
  const signature = bundle.need("manifest.sig", "manifest");
  const body = await bundle.of("manifest.json", "manifest", () => JSON.parse(text(raw))).catch(() => {
    throw new Fault("manifest", "the manifest is none", "manifest.json");
  });
  const key = await bundle.of("manifest.json", "manifest", () => vkey(body.log));
  const files = {};
  for (const [name, data] of bundle.files) {
    const own = hex(await digest(data));
    if (name.startsWith("renewed/")) {
      // Added by whoever held the bundle: outside what the log signed, named by its own digest.
      if (name !== `renewed/${own}.ers`) throw new Fault("manifest", "not named by its own SHA-256", name);
      bundle.get(name);
      bundle.notes.add("The holder's renewals (RFC 4998) are not judged here: `pumpkin verify` does.");
    } else if (name !== "manifest.json" && name !== "manifest.sig") {
      files[name] = own;
    }
  }
  for (const name of new Set([...Object.keys(files), ...Object.keys(body.files || {})])) {
    if (files[name] !== body.files[name]) throw new Fault("manifest", "not the file that the manifest names", name);
  }
  if (canonical({ v: VERSION, log: key.text, files }) !== text(raw)) {
    throw new Fault("manifest", "the manifest does not fit the files", "manifest.json");
  }
  const pem = unpem(bundle.need("log-key.pem", "manifest"), "PUBLIC KEY");
  if (pem.length !== 1 || !same(pem[0], ed25519Der(key.publicKey))) {
    throw new Fault("manifest", "not the key that the manifest names", "log-key.pem");
  }
  if (!(await ed25519(key.publicKey, signature, raw))) {
    throw new Fault("manifest", "not signed by the log key in the bundle", "manifest.sig");
  }
  if (logKey) {
    const given = await bundle.of("the log key given", "log_key", () => givenKey(logKey, key.name));
    if (given.name !== key.name || given.kind !== key.kind || !same(given.publicKey, key.publicKey)) {
      throw new Fault("log_key", "the bundle is not signed by the log key given", "log-key.pem");
    }
    report.trust.log_key = true;
  } else {
    bundle.notes.add("The place in the log is not established: give the log's key.");
  }
  bundle.key = key;
  bundle.logTrusted = Boolean(logKey);
  for (const name of ["verify.sh", "README.txt"]) bundle.get(name);
}

function folders(files) {
  if (files.has("record.json")) return [""];
  const found = new Set([...files.keys()].map((name) => FOLDER.exec(name)?.[0]).filter(Boolean));
  if (!found.size) throw new Fault("record", "the bundle holds no record");
  return [...found].sort();
}

async function check(bundle, folder) {
  const name = `${folder}record.json`;
  const raw = bundle.need(name, "record");
  const body = await bundle.of(name, "record", () => recordOf(raw));
  if (folder && folder !== `checks/${body.id}/`) throw new Fault("record", "another id than its folder's", name);
  const payload = await payloadOf(bundle, folder, body);
  const ways = [...bundle.files.keys()].filter((one) => new RegExp(`^${folder}authorities/[^/]+/proof\\.txt$`).test(one)).sort();
  if (!ways.length) throw new Fault("inclusion", "no authority has stamped this check", name);
  const times = [];
  const places = [];
  for (const way of ways) {
    const { time, place } = await stamped(bundle, folder, way.slice(0, -"proof.txt".length), raw);
    times.push(time);
    places.push(place);
  }
  if (new Set(places.map(({ index }) => index)).size !== 1) {
    throw new Fault("inclusion", "the authorities' proofs put the record at different places", ways[0]);
  }
  const { index, size } = places.reduce((one, other) => (other.size > one.size ? other : one));
  const { after, afterSize } = await lower(bundle, folder, body);
  return {
    id: body.id, agent: body.source.agent, size: body.payload.size, erased: payload === null, index, logSize: size,
    origin: bundle.key.name, times, after, afterSize, direct: await direct(bundle, folder, payload),
    signedBy: await probe(bundle, folder, body, payload), logTrusted: bundle.logTrusted,
  };
}

function recordOf(raw) {
  const words = text(raw);
  let body;
  try {
    body = JSON.parse(words);
  } catch {
    throw new Fault("record", "not JSON");
  }
  if (canonical(body) !== words || body.v !== RECORD || Object.keys(body).sort().join(" ") !== KEYS) {
    throw new Fault("record", `not a ${RECORD}`);
  }
  const wanted = [body.payload.commit, 64, body.salt, 32];
  if (!new RegExp(`^[0-9a-f]{64}$`).test(wanted[0]) || !/^[0-9a-f]{32}$/.test(wanted[2])) {
    throw new Fault("record", "a digest that is none");
  }
  return body;
}

async function payloadOf(bundle, folder, body) {
  const [payload, salt, detail] = ["payload.bin", "payload-salt.bin", "detail.json"].map((one) => bundle.get(folder + one));
  if (!payload && !salt && !detail) {
    bundle.notes.add("The payload was erased: the record stands without it.");
    return null;
  }
  if (!payload || salt?.length !== 32) throw new Fault("payload", "payload and salt belong together", `${folder}payload-salt.bin`);
  if (payload.length !== body.payload.size || hex(await digest(join(salt, payload))) !== body.payload.commit) {
    throw new Fault("payload", "not the payload the record commits to", `${folder}payload.bin`);
  }
  if ((detail ? hex(await digest(join(salt, detail))) : null) !== body.detail) {
    throw new Fault("detail", "not the detail the record commits to", `${folder}detail.json`);
  }
  return payload;
}

async function stamped(bundle, folder, way, raw) {
  const proof = bundle.need(`${way}proof.txt`, "inclusion");
  const size = /\nsize (\d+)\n/.exec(text(proof))?.[1];
  const shared = folder ? `${way.slice(folder.length, -1)}-${size}/` : way;
  const noteName = `${shared}checkpoint.txt`;
  const head = await bundle.of(noteName, "checkpoint", () => checkpoint(bundle.need(noteName, "checkpoint"), bundle.key));
  const place = await bundle.of(`${way}proof.txt`, "inclusion", () => included(proof, raw, head));
  const anchor = bundle.need(`${shared}anchor.bin`, "anchor");
  const [low, high] = [hex(anchor.subarray(0, 32)), hex(anchor.subarray(32))];
  if (anchor.length !== 64 || low > high || ![low, high].includes(hex(head.hash))) {
    throw new Fault("anchor", "the anchor does not hold the checkpoint's hash", `${shared}anchor.bin`);
  }
  if (bundle.get(`${way}evidence.ers`)) bundle.notes.add("evidence.ers (RFC 4998) is not judged here: `pumpkin verify` does.");
  const lists = [];
  for (const name of bundle.files.keys()) {
    if (!name.startsWith(`${shared}revocation/`)) continue;
    const content = bundle.get(name);
    if (name.includes("/crl")) lists.push(...(content[0] === 0x30 ? [content] : unpem(content, "X509 CRL")));
    else bundle.notes.add("OCSP answers are not judged here: `pumpkin verify` does.");
  }
  const time = await timeOf(bundle, `${shared}token.tsr`, {
    data: anchor, query: bundle.get(`${shared}token.tsq`), chain: bundle.get(`${shared}chain.pem`), lists,
  });
  return { time, place };
}

// What a token says, trusted when its chain leads to a root given; else it must hold by the bundle's own roots.
async function timeOf(bundle, name, { data, imprint, query, chain, lists = [], code }) {
  const response = bundle.need(name, "malformed");
  const known = `${name}`;
  if (bundle.tokens.has(known)) return bundle.tokens.get(known);
  const untrusted = chain ? readable(certificatesOf(chain)) : [];
  const how = { data, imprint, query, untrusted, lists, at: bundle.at };
  const time = await bundle.of(name, code, async () => {
    if (bundle.given.length) {
      try {
        return { ...(await verified(response, { ...how, roots: bundle.given })), trusted: true };
      } catch (error) {
        if (!(error instanceof Fault) || !["chain", "cert_time"].includes(error.code)) throw error;
      }
    }
    return { ...(await verified(response, { ...how, roots: bundle.own })), trusted: false };
  });
  bundle.tokens.set(known, time);
  return time;
}

async function lower(bundle, folder, body) {
  const name = `${folder}after/checkpoint.txt`;
  const bytes = bundle.get(name);
  if (!bytes) return { after: null, afterSize: null };
  const head = await bundle.of(name, "after", () => checkpoint(bytes, bundle.key));
  if (hex(head.hash) !== body.after) throw new Fault("after", "the record names another checkpoint", name);
  const token = `${folder}after/token.tsr`;
  if (!bundle.get(token)) return { after: null, afterSize: head.size };
  const imprint = await bundle.of(token, "after", async () => {
    const line = `token ${hex(await digest(tokenOf(bundle.get(token)).whole))}`;
    if (!head.extensions.includes(line)) throw new Fault("after", "the checkpoint does not name this token");
    return parsed(bundle.get(token)).info.digest;
  });
  const after = await timeOf(bundle, token, { imprint, chain: bundle.get(`${folder}after/chain.pem`), code: "after" });
  return { after, afterSize: head.size };
}

async function direct(bundle, folder, payload) {
  const chain = bundle.get(`${folder}direct/chain.pem`);
  if (!bundle.get(`${folder}direct/token.tsr`) || payload === null) return null;
  return timeOf(bundle, `${folder}direct/token.tsr`, { data: payload, chain, code: "direct" });
}

async function probe(bundle, folder, body, payload) {
  const name = `${folder}probe-key.pem`;
  const pem = bundle.get(name);
  if (!pem || payload === null) return "";
  const key = await bundle.of(name, "probe", () => ed25519Public(unpem(pem, "PUBLIC KEY")[0] || new Uint8Array()));
  const { id, kind, type, format, observed, after } = body;
  const said = { v: RECORD, id, kind, type, format, source: { agent: body.source.agent }, observed, after,
    payload_sha256: hex(await digest(payload)) };
  const message = utf8(`pumpkin-observation/1\n${canonical(said)}`);
  const signature = body.sig ? Uint8Array.from(body.sig.match(/../g), (pair) => parseInt(pair, 16)) : new Uint8Array();
  if (!(await ed25519(key, signature, message))) throw new Fault("probe", "not signed by the probe's key", name);
  return hex(await digest(key));
}

async function cosignatures(bundle) {
  const notes = [...bundle.files].filter(([name]) => name.endsWith("checkpoint.txt")).map(([, bytes]) => bytes);
  for (const name of bundle.files.keys()) {
    if (!name.startsWith("cosignatures/")) continue;
    const { witness } = await bundle.of(name, "cosignature", () => cosigned(bundle.get(name), notes));
    bundle.notes.add(`Cosigned by a witness that calls itself ${witness.name} (key ${witness.text}).`);
  }
}

function unread(bundle) {
  const left = [...bundle.files.keys()].filter((name) => !bundle.read.has(name));
  if (left.length) bundle.notes.add(`Not judged here: ${left.slice(0, 5).join(", ")}. \`pumpkin verify\` does.`);
}

// The claims that stand, in words; what is not trusted says on what condition it would stand.
export function claims(report) {
  if (!["proven", "trust"].includes(report.code)) return [];
  return report.checks.flatMap((one) => {
    const what = `The record ${one.id}${one.erased ? "" : ` with its payload of ${one.size} bytes`}`;
    const place = `It stands at position ${one.index} of ${one.logSize} in the log "${one.origin}", says that log's key.`;
    const order = `It was made after the log's checkpoint of ${one.afterSize} records, which it names.`;
    const ofLog = (words) => (one.logTrusted ? words : on("the log key in the bundle is that log's", words));
    const signed = one.signedBy
      ? `, and it is signed by the Ed25519 key with SHA-256 ${one.signedBy}: compare it with that probe's.`
      : ".";
    return [
      ...one.times.map((time) => before(what, time)),
      ofLog(place),
      `It names "${one.agent}" as its source; that is the log's word${signed}`,
      ...(one.direct ? [before("The payload alone", one.direct)] : []),
      ...(one.after ? [later(one.after)] : []),
      ...(one.afterSize === null ? [] : [ofLog(order)]),
    ];
  });
}

const SELF = "a local, self-asserted authority: only this installation vouches for that time, nobody else does";
const moment = (micros) => `${new Date(micros / 1000).toISOString().slice(0, 19)}.${String(micros % 1e6).padStart(6, "0")}Z`;
const on = (condition, words) => `Only if ${condition}: ${words[0].toLowerCase()}${words.slice(1)}`;

function before(what, time) {
  const words = `${what} existed before ${moment(time.genTime + time.accuracy)}, says "${time.authority}" (accurate to `
    + `${time.accuracy / 1e6} s)${time.selfAsserted ? `, ${SELF}` : ""}.`;
  return time.trusted ? words : on(`the root of "${time.authority}" is genuine`, words);
}

function later(time) {
  const words = `It was made after ${moment(time.genTime - time.accuracy)}, when "${time.authority}" issued a token that it `
    + `names${time.selfAsserted ? `, ${SELF}` : ""}.`;
  return time.trusted ? words : on(`the root of "${time.authority}" is genuine`, words);
}
