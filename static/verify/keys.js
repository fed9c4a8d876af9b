// Signatures by WebCrypto: Ed25519 of logs, probes and witnesses; ECDSA and RSA of authorities and their issuers.

import { Fault, join, same } from "./bytes.js";
import { read } from "./der.js";

const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48], "1.3.132.0.35": ["P-521", 66] };
export const HASHES = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const SCHEMES = {
  "1.2.840.10045.4.3.2": ["ECDSA", "SHA-256"],
  "1.2.840.10045.4.3.3": ["ECDSA", "SHA-384"],
  "1.2.840.10045.4.3.4": ["ECDSA", "SHA-512"],
  "1.2.840.113549.1.1.11": ["RSASSA-PKCS1-v1_5", "SHA-256"],
  "1.2.840.113549.1.1.12": ["RSASSA-PKCS1-v1_5", "SHA-384"],
  "1.2.840.113549.1.1.13": ["RSASSA-PKCS1-v1_5", "SHA-512"],
};
const ED25519 = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

export async function ed25519(publicKey, signature, data) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error.name !== "NotSupportedError") return false;
    throw new Fault("browser", "this browser's WebCrypto knows no Ed25519: take a newer one, or `pumpkin verify`");
  }
  return crypto.subtle.verify("Ed25519", key, signature, data);
}

export function ed25519Public(der) {
  // The 32 bytes of a SubjectPublicKeyInfo.
  const prefix = Uint8Array.from(ED25519);
  if (der.length !== 44 || !same(der.subarray(0, 12), prefix)) throw new Fault("log_key", "not an Ed25519 key");
  return der.subarray(12);
}

export function ed25519Der(publicKey) {
  return join(Uint8Array.from(ED25519), publicKey);
}

export function scheme(algorithm, digest) {
  // What a signature's AlgorithmIdentifier says: [name, hash, salt]. `digest` is used by bare rsaEncryption.
  const [oid, parameters] = algorithm.children;
  if (oid.oid === "1.2.840.113549.1.1.1" && digest) return ["RSASSA-PKCS1-v1_5", digest, 0];
  if (oid.oid === "1.2.840.113549.1.1.10") {
    const given = Object.fromEntries(parameters.is(0x30).children.map((one) => [one.tag, one.children[0]]));
    const hash = given[0xa0] && HASHES[given[0xa0].children[0].oid];
    const mask = given[0xa1] && HASHES[given[0xa1].children[1].children[0].oid];
    if (!hash || mask !== hash || !given[0xa2]) throw new Fault("algorithm", "RSA-PSS with parameters not taken");
    return ["RSA-PSS", hash, Number(given[0xa2].integer)];
  }
  const [name, hash] = SCHEMES[oid.oid] || [];
  if (!name) throw new Fault("algorithm", `signed by ${oid.oid}`);
  return [name, hash, 0];
}

export async function verifies(spki, [name, hash, saltLength], signature, data) {
  // Whether `signature` over `data` is by the key in this SubjectPublicKeyInfo (a node).
  const [algorithm, bits] = spki.children;
  const [oid, curveOid] = algorithm.children;
  if (oid.oid === "1.2.840.10045.2.1") {
    const [namedCurve, size] = CURVES[curveOid.oid] || [];
    if (!namedCurve || name !== "ECDSA") throw new Fault("algorithm", "the key's kind or curve is not taken");
    const key = await imported(spki, { name, namedCurve });
    const raw = join(...read(signature, 0x30).children.map((one) => fixed(one.integer, size)));
    return crypto.subtle.verify({ name, hash }, key, raw, data);
  }
  if (oid.oid !== "1.2.840.113549.1.1.1" && oid.oid !== "1.2.840.113549.1.1.10") {
    throw new Fault("algorithm", "the key's kind is not taken");
  }
  const modulus = read(bits.bits, 0x30).children[0].integer;
  if (name === "ECDSA" || modulus.toString(2).length < 2048) throw new Fault("algorithm", "RSA below 2048 bits");
  return crypto.subtle.verify({ name, saltLength }, await imported(spki, { name, hash }), signature, data);
}

async function imported(spki, how) {
  try {
    return await crypto.subtle.importKey("spki", spki.whole, how, false, ["verify"]);
  } catch {
    throw new Fault("algorithm", "the key cannot be used");
  }
}

function fixed(value, size) {
  if (value < 0n || value >> BigInt(8 * size)) throw new Fault("signature", "not a signature of this curve");
  const bytes = new Uint8Array(size);
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = Number(value & 255n);
    value >>= 8n;
  }
  return bytes;
}
