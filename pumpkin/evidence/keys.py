"""Keys that sign: how a probe offers its own, how one key names the next, and what the log says of each change.

An offer is signed by the new key over its own name, and by the key before it where there is one: so nobody can put a
key in a probe's place without either that key's consent or a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pumpkin.evidence.record import canonical

PREFIX = b"pumpkin-key/1\n"
VERSION = "pumpkin-key/1"
_SMALL_ORDER = frozenset(
    bytes.fromhex(one)
    for one in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""The points of order 1, 2, 4 and 8, and the spellings of them past the field's prime, without the sign's bit."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A probe's key as it offers it: the public key (32 bytes), the id of the one before ("" for the first), and the
    endorsement of that one (64 bytes, empty for the first)."""

    public: bytes
    previous: str = ""
    endorsed: bytes = b""

    @property
    def key_id(self) -> str:
        return key_id(self.public)


def key_id(public: bytes) -> str:
    """SHA-256 of an Ed25519 public key's 32 bytes, in hex."""
    return sha256(public).hexdigest()


def offered(agent: str, public: bytes, previous: str = "") -> bytes:
    """What is signed when a key of `agent` is offered."""
    return PREFIX + canonical({"v": VERSION, "agent": agent, "public": public.hex(), "previous": previous or None})


def offer(agent: str, private: Ed25519PrivateKey, before: Ed25519PrivateKey | None = None) -> dict[str, Any]:
    """The members a probe's report carries under `signing_key`."""
    public = private.public_key().public_bytes_raw()
    previous = key_id(before.public_key().public_bytes_raw()) if before else ""
    said = offered(agent, public, previous)
    return {
        "public": public.hex(),
        "previous": previous or None,
        "proof": private.sign(said).hex(),
        "endorsed": before.sign(said).hex() if before else None,
    }


def read_offer(agent: str, document: Mapping[str, Any]) -> Offer | None:
    """The offer in a report, once its proof holds; None for anything else. The endorsement is not looked at."""
    try:
        public = bytes.fromhex(_text(document, "public", 64))
        previous = _text(document, "previous", 64) if document.get("previous") else ""
        endorsed = bytes.fromhex(_text(document, "endorsed", 128)) if document.get("endorsed") else b""
        proof = bytes.fromhex(_text(document, "proof", 128))
    except ValueError:
        return None
    if not verifies(public, proof, offered(agent, public, previous)):
        return None
    return Offer(public, previous, endorsed)


def endorses(agent: str, before: bytes, offer: Offer) -> bool:
    """Whether the key `before` (32 bytes) names this offer as its successor."""
    said = offered(agent, offer.public, offer.previous)
    return offer.previous == key_id(before) and verifies(before, offer.endorsed, said)


def is_weak(public: bytes) -> bool:
    """Whether a public key is a point of small order: signatures "by" it can be made by anybody, over anything."""
    return public[:31] + bytes([public[31] & 0x7F]) in _SMALL_ORDER if len(public) == 32 else True


def verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether an Ed25519 signature (64 bytes) over `data` holds; never by a weak key."""
    if is_weak(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def succession(old: str, new: str, size: int, root: bytes) -> bytes:
    """What both keys of a log sign when the new one (vkey text) follows the old at a tree of `size` and `root`."""
    return PREFIX + canonical({"v": VERSION, "old": old, "new": new, "size": size, "root": root.hex()})


def event_payload(event: Mapping[str, Any]) -> bytes:
    """The payload of the record that says a key changed: canonical JSON, so that anybody can make it again."""
    return canonical({"v": VERSION, **event})


def _text(document: Mapping[str, Any], name: str, digits: int) -> str:
    value = document.get(name)
    if not isinstance(value, str) or len(value) != digits or value != value.lower():
        raise ValueError(name)
    return value
