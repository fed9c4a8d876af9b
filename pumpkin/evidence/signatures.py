"""Signature algorithms a token may use: RSA (PKCS#1 v1.5 and PSS) and ECDSA, over SHA-256, SHA-384 and SHA-512."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pumpkin.evidence import der
from pumpkin.evidence.certificates import PublicKey
from pumpkin.evidence.tsp_query import HASHES, algorithm

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA, _PSS, _MGF1 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
SALT_MOST = 1_022  # of RSA-8192; one the key at hand has no room for does not verify
_WITH_HASH = {
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a signature is checked: `padding` for RSA, None for ECDSA."""

    hash: hashes.HashAlgorithm
    padding: padding.AsymmetricPadding | None

    def verifies(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        try:
            if isinstance(key, rsa.RSAPublicKey):
                if self.padding is None:
                    return False
                key.verify(signature, signed, self.padding, self.hash)
            else:
                key.verify(signature, signed, ec.ECDSA(self.hash))
        except (InvalidSignature, ValueError):
            return False
        return True


def scheme(identifier: bytes, digest: str, key: PublicKey) -> Scheme:
    """The scheme of an AlgorithmIdentifier in DER. `digest` is the signer's digest algorithm, which a bare
    rsaEncryption takes over and every other must equal. Raises ValueError when it is none of those or does not suit
    the key."""
    kind, name, pad = _read(identifier)
    if name and name != digest:
        raise ValueError("the signature's digest is not the signer's")
    if digest not in _HASHES:
        raise ValueError("a digest that is not taken")
    if (kind == "rsa") != isinstance(key, rsa.RSAPublicKey):
        raise ValueError("the signature algorithm does not suit the key")
    return Scheme(_HASHES[digest], pad)


@lru_cache(maxsize=64)
def _read(identifier: bytes) -> tuple[str, str, padding.AsymmetricPadding | None]:
    """Kind of key, digest name ("" when left to the signer), padding."""
    parts = der.children(identifier, der.whole(identifier, der.SEQUENCE))
    if not 1 <= len(parts) <= 2:
        raise ValueError("signature algorithm")
    oid = der.read_oid(identifier, parts[0])
    if oid == _PSS:
        return _pss(identifier, parts[1:])
    if len(parts) == 2 and der.encoded(identifier, parts[1]) != b"\x05\x00":
        raise ValueError("parameters of the signature algorithm")
    if oid == _RSA:
        return "rsa", "", padding.PKCS1v15()
    kind, name = _WITH_HASH.get(oid, ("", ""))
    if not kind:
        raise ValueError(f"signature algorithm {oid}")
    return kind, name, padding.PKCS1v15() if kind == "rsa" else None


def _pss(data: bytes, parts: list[der.Element]) -> tuple[str, str, padding.AsymmetricPadding]:
    """RSASSA-PSS-params (RFC 4055): the same digest for message and mask, and a salt as long as a key may have room
    for (openssl writes the longest); its defaults mean SHA-1 and are refused."""
    fields = {one[0]: one for one in der.children(data, parts[0])} if parts and parts[0][0] == der.SEQUENCE else {}
    if not {0xA0, 0xA1} <= set(fields) <= {0xA0, 0xA1, 0xA2, 0xA3}:
        raise ValueError("RSASSA-PSS parameters")
    digest = algorithm(data, _inside(data, fields[0xA0]))
    mask = der.children(data, _inside(data, fields[0xA1]))
    salt = der.read_integer(data, _inside(data, fields[0xA2])) if 0xA2 in fields else 20
    trailer = der.read_integer(data, _inside(data, fields[0xA3])) if 0xA3 in fields else 1
    if len(mask) != 2 or der.read_oid(data, mask[0]) != _MGF1 or algorithm(data, mask[1]) != digest:
        raise ValueError("RSASSA-PSS mask")
    if digest not in HASHES or not 0 <= salt <= SALT_MOST or trailer != 1:
        raise ValueError("RSASSA-PSS parameters")
    name = HASHES[digest]
    return "rsa", name, padding.PSS(padding.MGF1(_HASHES[name]), salt)


def _inside(data: bytes, found: der.Element) -> der.Element:
    inside = der.children(data, found)
    if len(inside) != 1:
        raise ValueError("one element expected")
    return inside[0]
