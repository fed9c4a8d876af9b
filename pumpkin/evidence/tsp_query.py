"""Time-stamp requests (RFC 3161 section 2.4.1): make one, read one."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import lru_cache

from pumpkin.evidence import der
from pumpkin.evidence.der import NotDer

SHA256 = "2.16.840.1.101.3.4.2.1"
HASHES = {SHA256: "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}
"""The imprint and signature digests taken, by object identifier. SHA-1, MD5 and the rest are refused."""
SIZES = {name: hashlib.new(name).digest_size for name in HASHES.values()}
_ALGORITHMS = {name: der.put(der.SEQUENCE, der.put_oid(oid), der.put(der.NULL)) for oid, name in HASHES.items()}
_VERSION = der.put_integer(1)
_TRUE = b"\x01\x01\xff"


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked. `algorithm` is a dotted object identifier, `extensions` whether there is any."""

    version: int
    algorithm: str
    digest: bytes
    policy: str | None
    nonce: int | None
    certificates: bool
    extensions: bool


def make_query(
    digest: bytes, alg: str = "sha256", nonce: int | None = None, policy: str | None = None, certs: bool = True
) -> bytes:
    """DER of a TimeStampReq over `digest` (made with sha256, sha384 or sha512). Without a nonce given, one of 64
    random bits is made. Raises ValueError for another algorithm, a digest of another length, a bad policy."""
    if SIZES.get(alg) != len(digest):
        raise ValueError(f"{len(digest)} bytes are no digest of {alg}")
    return der.put(
        der.SEQUENCE,
        _VERSION,
        der.put(der.SEQUENCE, _ALGORITHMS[alg], der.put(der.OCTET_STRING, digest)),
        der.put_oid(policy) if policy else b"",
        der.put_integer(secrets.randbits(64) | 1 << 63 if nonce is None else nonce),
        _TRUE if certs else b"",
    )


def parse_query(request: bytes) -> Query:
    """Raises NotDer for what is no TimeStampReq in DER; judges neither version nor algorithm."""
    parts = der.children(request, der.whole(request, der.SEQUENCE))
    if len(parts) < 2:
        raise NotDer("request too short")
    algorithm, digest = imprint(request, parts[1])
    rest = parts[2:]
    policy = der.read_oid(request, rest.pop(0)) if rest and rest[0][0] == der.OID else None
    nonce = der.read_integer(request, rest.pop(0)) if rest and rest[0][0] == der.INTEGER else None
    certificates = der.read_boolean(request, rest.pop(0)) if rest and rest[0][0] == der.BOOLEAN else False
    extensions = bool(rest) and rest.pop(0)[0] == 0xA0
    if rest:
        raise NotDer("unexpected element in the request")
    return Query(der.read_integer(request, parts[0]), algorithm, digest, policy, nonce, certificates, extensions)


def imprint(data: bytes, found: der.Element) -> tuple[str, bytes]:
    """Object identifier and digest of a MessageImprint."""
    if found[0] != der.SEQUENCE:
        raise NotDer("no imprint")
    parts = der.children(data, found)
    if len(parts) != 2:
        raise NotDer("imprint")
    return algorithm(data, parts[0]), der.expect(data, parts[1], der.OCTET_STRING)


def algorithm(data: bytes, found: der.Element) -> str:
    """The identifier in an AlgorithmIdentifier of a digest, whose parameters must be absent or NULL."""
    if found[0] != der.SEQUENCE:
        raise NotDer("no algorithm")
    return _algorithm(data[found[2] : found[3]])


@lru_cache(maxsize=64)
def _algorithm(contents: bytes) -> str:
    parts = der.children(contents, (der.SEQUENCE, 0, 0, len(contents)))
    if not parts or len(parts) > 2 or (len(parts) == 2 and contents[parts[1][1] :] != b"\x05\x00"):
        raise NotDer("parameters of a digest algorithm")
    return der.read_oid(contents, parts[0])
