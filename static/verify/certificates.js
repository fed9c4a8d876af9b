// X.509 certificates as far as time-stamps need them (RFC 5280): their fields, a chain at a moment, revocation lists.

import { Fault, same } from "./bytes.js";
import { read } from "./der.js";
import { scheme, verifies } from "./keys.js";

const KNOWN = new Set(["2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.14", "2.5.29.35", "2.5.29.32", "2.5.29.17"]);
const STAMPING = "1.3.6.1.5.5.7.3.8";
const ANY_PURPOSE = "2.5.29.37.0";
const LATER_HARMLESS = [0, 3, 4, 5]; // RFC 3161 section 4: tokens from before stay good
const NAMES = { "2.5.4.3": "CN", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C" };

export function certificate(der) {
  const [tbs, algorithm, signature] = read(der, 0x30).children;
  const parts = tbs.is(0x30).children;
  if (parts[0].tag === 0xa0) parts.shift();
  const [serial, inner, issuer, validity, subject, spki] = parts;
  const [from, to] = validity.children;
  const extensions = new Map();
  const last = parts.find((one) => one.tag === 0xa3);
  for (const one of last ? last.children[0].children : []) {
    const [oid, ...rest] = one.children;
    const critical = rest.length === 2 && rest[0].value[0] === 255;
    if (extensions.has(oid.oid)) throw new Fault("chain", "an extension stands twice");
    extensions.set(oid.oid, { critical, value: read(rest[rest.length - 1].is(4).value) });
  }
  if (!same(inner.whole, algorithm.whole)) throw new Fault("chain", "a certificate of two algorithms");
  return {
    der, serial: serial.integer, issuer: issuer.whole, issuerNode: issuer, subject: subject.whole, subjectNode: subject,
    from: from.micros, to: to.micros, spki, extensions, tbs: tbs.whole, algorithm, signature: signature.bits,
  };
}

export function readable(ders) {
  // The certificates among `ders`; what is none is left out.
  return ders.flatMap((der) => {
    try {
      return [certificate(der)];
    } catch (error) {
      if (error instanceof Fault) return [];
      throw error;
    }
  });
}

export function distinguished(name) {
  // A name for people: CN=..., O=...
  return name.children
    .flatMap((set) => set.children)
    .map((pair) => {
      const [oid, value] = pair.children;
      return `${NAMES[oid.oid] || oid.oid}=${new TextDecoder().decode(value.value).replace(/[^\p{L}\p{N} .,:;()'@+/_-]/gu, "?")}`;
    })
    .reverse()
    .join(",");
}

function bitsOf(one) {
  const found = one.extensions.get("2.5.29.15");
  return found ? found.value.bits : null;
}

function purposes(one) {
  const found = one.extensions.get("2.5.29.37");
  return found ? found.value.children.map((oid) => oid.oid) : null;
}

function constraints(one) {
  const parts = one.extensions.get("2.5.29.19")?.value.children || [];
  const is = parts[0]?.tag === 1 && parts[0].value[0] === 255;
  const depth = parts.find((part) => part.tag === 2);
  return { is, depth: is && depth ? Number(depth.integer) : Infinity };
}

export function stampsOnly(one) {
  // RFC 3161 section 2.3: one purpose, critical; a key that signs, and nothing else.
  const eku = one.extensions.get("2.5.29.37");
  if (!eku || !eku.critical || purposes(one).join() !== STAMPING) {
    throw new Fault("eku", "the signer's certificate is not for time-stamping only");
  }
  const bits = bitsOf(one);
  if (constraints(one).is || (bits && (!(bits[0] & 0xc0) || bits[0] & 0x3f || bits[1] & 0x80))) {
    throw new Fault("key_usage", "the signer's certificate is for other uses");
  }
}

function known(one) {
  return [...one.extensions].every(([oid, { critical }]) => !critical || KNOWN.has(oid));
}

function mayIssue(one, below) {
  const bits = bitsOf(one);
  const uses = purposes(one);
  const { is, depth } = constraints(one);
  return is && depth >= below && (!bits || bits[0] & 0x04) && (!uses || uses.includes(STAMPING) || uses.includes(ANY_PURPOSE));
}

export async function issued(one, issuer) {
  if (!same(one.issuer, issuer.subject)) return false;
  try {
    return await verifies(issuer.spki, scheme(one.algorithm), one.signature, one.tbs);
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

export async function chain(leaf, pool, roots, moment) {
  // Leaf to a root given, every certificate valid at `moment`.
  const valid = (one) => one.from <= moment && moment <= one.to;
  if (!valid(leaf)) throw new Fault("cert_time", "the signer's certificate was not valid at the token's time");
  let budget = 200;
  let stale = false;
  async function climb(path) {
    const top = path[path.length - 1];
    if (!known(top)) return null;
    if (roots.some((root) => same(root.der, top.der)) && path.length > 1) return path;
    for (const candidate of [...roots, ...pool]) {
      if (path.includes(candidate) || path.length > 8 || (budget -= 1) < 0) continue;
      if (!mayIssue(candidate, path.length - 1) || !(await issued(top, candidate))) continue;
      if (!valid(candidate)) {
        stale = true;
        continue;
      }
      const isRoot = roots.includes(candidate);
      const found = isRoot ? known(candidate) && [...path, candidate] : await climb([...path, candidate]);
      if (found) return found;
    }
    return null;
  }
  const found = await climb([leaf]);
  if (found) return found;
  throw new Fault(stale ? "cert_time" : "chain", "no chain of valid issuers leads to a root");
}

export async function notRevoked(path, moment, lists) {
  for (const der of lists) {
    let tbs, algorithm, signature;
    try {
      [tbs, algorithm, signature] = read(der, 0x30).children;
    } catch {
      continue;
    }
    const parts = tbs.children.filter((one) => one.tag !== 2);
    for (let at = 0; at + 1 < path.length; at += 1) {
      const issuer = path[at + 1];
      if (!same(parts[1].whole, issuer.subject)) continue;
      if (!(await verifies(issuer.spki, scheme(algorithm), signature.bits, tbs.whole).catch(() => false))) continue;
      const entries = parts.slice(3).find((one) => one.tag === 0x30);
      for (const entry of entries ? entries.children : []) {
        const [serial, since, more] = entry.children;
        if (serial.integer !== path[at].serial) continue;
        const reason = more?.children.map((one) => one.children).find(([oid]) => oid.oid === "2.5.29.21");
        const code = reason ? read(reason[reason.length - 1].value, 10).value[0] : null;
        if (code === 8) continue;
        if (!LATER_HARMLESS.includes(code) || since.micros <= moment) {
          throw new Fault("revoked", distinguished(path[at].subjectNode));
        }
      }
    }
  }
}
