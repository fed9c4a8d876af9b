// A time-stamp token (RFC 3161, CMS): what it says, and whether it holds. The steps are those of `pumpkin verify`.

import { Fault, digest, same } from "./bytes.js";
import { certificate, chain, distinguished, notRevoked, readable, stampsOnly } from "./certificates.js";
import { read } from "./der.js";
import { HASHES, scheme, verifies } from "./keys.js";

const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const ATTRIBUTES = {
  type: "1.2.840.113549.1.9.3",
  digest: "1.2.840.113549.1.9.4",
  ess1: "1.2.840.113549.1.9.16.2.12",
  ess2: "1.2.840.113549.1.9.16.2.47",
};

export function tokenOf(response) {
  // The node of the TimeStampToken in a response; a bare token is given back.
  const outer = read(response, 0x30);
  const [first, second] = outer.children;
  if (first.tag === 6) return outer;
  const status = first.is(0x30).children[0].integer;
  if (status !== 0n && status !== 1n) throw new Fault("rejected", `status ${status}`);
  if (!second || first.children.some((one) => one.tag === 3)) throw new Fault("malformed", "granted, but no token");
  return second;
}

export function parsed(response) {
  const token = tokenOf(response);
  const [kind, wrapped] = token.children;
  if (kind.oid !== "1.2.840.113549.1.7.2") throw new Fault("malformed", "not signed data");
  const parts = wrapped.is(0xa0).children[0].children;
  const [encapsulated] = parts.slice(2);
  const [contentType, content] = encapsulated.children;
  if (contentType.oid !== TST_INFO) throw new Fault("content_type", "the token holds something else");
  const info = content.children[0].is(4).value;
  const certificates = parts.find((one) => one.tag === 0xa0)?.children || [];
  const lists = parts.find((one) => one.tag === 0xa1)?.children || [];
  const signers = parts[parts.length - 1].is(0x31).children;
  return { token, info: tstInfo(info), raw: info, certificates, lists, signers };
}

function tstInfo(raw) {
  const [version, policy, imprint, serial, time, ...more] = read(raw, 0x30).children;
  if (version.integer !== 1n) throw new Fault("malformed", "another version of TSTInfo");
  const [algorithm, value] = imprint.children;
  const accuracy = more.find((one) => one.tag === 0x30);
  let micros = 0;
  for (const part of accuracy ? accuracy.children : []) {
    const amount = part.value.reduce((sum, byte) => sum * 256 + byte, 0);
    if (part.tag !== 2 && (amount < 1 || amount > 999)) throw new Fault("malformed", "an accuracy out of its range");
    micros += amount * { 2: 1e6, 0x80: 1e3, 0x81: 1 }[part.tag];
  }
  const extensions = more.find((one) => one.tag === 0xa1);
  for (const one of extensions ? extensions.children : []) {
    if (one.children.length === 3 && one.children[1].value[0]) throw new Fault("extension", "an unknown critical one");
  }
  const hash = HASHES[algorithm.children[0].oid];
  if (!hash) throw new Fault("algorithm", "the imprint's algorithm is not taken");
  if (value.is(4).value.length * 8 !== Number(hash.slice(4))) throw new Fault("malformed", "an imprint of another length");
  const nonce = more.find((one) => one.tag === 2);
  return { policy: policy.oid, hash, digest: value.is(4).value, serial: serial.integer, genTime: time.micros, accuracy: micros,
    nonce: nonce ? nonce.integer : null, tsa: more.find((one) => one.tag === 0xa0) };
}

function attributesOf(signer) {
  const signed = signer.children.find((one) => one.tag === 0xa0);
  if (!signed) throw new Fault("attributes", "nothing is signed but the content");
  const found = new Map();
  for (const one of signed.children) {
    const [oid, values] = one.children;
    if (found.has(oid.oid) || values.children.length !== 1) throw new Fault("attributes", "an attribute twice");
    found.set(oid.oid, values.children[0]);
  }
  const bytes = Uint8Array.from(signed.whole);
  bytes[0] = 0x31; // RFC 5652 section 5.4: signed as a SET OF
  return { found, bytes };
}

async function bound(attributes, one) {
  // RFC 5816: the attributes name the signer's certificate by its hash.
  const ess2 = attributes.get(ATTRIBUTES.ess2);
  const ess1 = attributes.get(ATTRIBUTES.ess1);
  if (!ess1 && !ess2) throw new Fault("ess", "the signer's certificate is not named");
  if (ess2) {
    const parts = ess2.children[0].children[0].children;
    const hash = parts[0].tag === 0x30 ? HASHES[parts[0].children[0].oid] : "SHA-256";
    const value = parts.find((part) => part.tag === 4);
    if (!hash || !value || !same(await digest(one.der, hash), value.value)) throw new Fault("ess", "another certificate");
    serialFits(parts[0].tag === 0x30 ? parts.slice(1) : parts, one);
  }
  if (ess1) {
    const value = ess1.children[0].children[0].children[0];
    if (!same(await digest(one.der, "SHA-1"), value.value)) throw new Fault("ess", "another certificate");
  }
}

function named(tsa, leaf) {
  // RFC 3161 section 2.4.2: the name in the token is one of the certificate's.
  if (!tsa) return;
  const [name] = tsa.children;
  if (name.tag === 0x86) return; // a URI names no certificate
  const other = leaf.extensions.get("2.5.29.17")?.value.children || [];
  const names = [leaf.subjectNode, ...other.filter((one) => one.tag === 0xa4).map((one) => one.children[0])];
  const folded = (one) => distinguished(one).toLowerCase(); // whatever the string types, RFC 5280 section 7.1
  if (name.tag !== 0xa4 || !names.some((one) => folded(one) === folded(name.children[0]))) {
    throw new Fault("tsa_name", "the token names another authority");
  }
}

function serialFits(parts, one) {
  // The issuer and serial number that an ESSCertID may hold besides the hash.
  const more = parts.find((part) => part.tag === 0x30 && part.children[0]?.tag === 0x30);
  if (more && more.children[1].integer !== one.serial) throw new Fault("ess", "another serial number");
}

function signerOf(signer, pool) {
  const sid = signer.children[1];
  if (sid.tag === 0x30) {
    const [issuer, serial] = sid.children;
    return pool.filter((one) => same(one.issuer, issuer.whole) && one.serial === serial.integer);
  }
  return pool.filter((one) => one.extensions.has("2.5.29.14") && same(one.extensions.get("2.5.29.14").value.value, sid.value));
}

// What a token says, once it holds: `data` is what it should stamp (or `imprint`, its digest), `roots` whom to trust.
export async function verified(response, { data, imprint, query, untrusted, roots, lists = [], at }) {
  const { info, raw, certificates, lists: carried, signers } = parsed(response);
  const wanted = data ? await digest(data, info.hash) : imprint;
  if (!same(wanted, info.digest)) throw new Fault("imprint", "the token stamps other data");
  if (query) asked(query, info);
  if (signers.length !== 1) throw new Fault("signers", `${signers.length} signers`);
  const inside = readable(certificates.map((one) => one.whole));
  const pool = [...inside, ...untrusted];
  const { found, bytes } = attributesOf(signers[0]);
  const fitting = signerOf(signers[0], pool);
  if (!fitting.length) throw new Fault("no_certificate", "the signer's certificate is not there");
  let leaf = fitting[0];
  for (const one of fitting) if (await bound(found, one).then(() => true, () => false)) leaf = one;
  stampsOnly(leaf);
  named(info.tsa, leaf);
  if (found.get(ATTRIBUTES.type)?.oid !== TST_INFO) throw new Fault("content_type", "another type is signed");
  const hash = HASHES[signers[0].children[2].children[0].oid];
  if (!hash) throw new Fault("algorithm", "the signer's digest is not taken");
  const said = found.get(ATTRIBUTES.digest);
  if (!said || !same(said.is(4).value, await digest(raw, hash))) throw new Fault("imprint_signed", "other content is signed");
  await bound(found, leaf);
  const after = signers[0].children.slice(signers[0].children.findIndex((one) => one.tag === 0xa0) + 1);
  const how = scheme(after[0], hash);
  if (how[1] !== hash) throw new Fault("algorithm", "digest and signature differ");
  if (!(await verifies(leaf.spki, how, after[1].is(4).value, bytes))) throw new Fault("signature", "does not verify");
  const path = await chain(leaf, pool, roots, info.genTime);
  await notRevoked(path, info.genTime, [...lists, ...carried.map((one) => one.whole)]);
  if (info.genTime > at + info.accuracy + 300e6) throw new Fault("time", "the token is later than now");
  const names = path.map((one) => distinguished(one.subjectNode));
  return { genTime: info.genTime, accuracy: info.accuracy, authority: names[0], path,
    selfAsserted: names.some((one) => one.includes("local, self-asserted")) };
}

function asked(query, info) {
  const [, imprint, ...rest] = read(query, 0x30).children;
  if (!same(imprint.children[1].value, info.digest)) throw new Fault("imprint", "another digest than asked for");
  const nonce = rest.find((one) => one.tag === 2);
  if (nonce && nonce.integer !== info.nonce) throw new Fault("nonce", "another nonce than asked for");
}

export { certificate };
