"""What the server orders a probe to do, as bytes with a signature: a probe obeys its installation's fleet key alone.

The signed bytes are the purpose's name, a line feed, and the document's canonical JSON exactly as it travels, so no
reader has to write it anew before it verifies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pumpkin.errors import BadSignature, StartError
from pumpkin.evidence import keys
from pumpkin.evidence.record import canonical

JOBS = "pumpkin-jobs/1"
POOL = "pumpkin-pool/1"
SUCCESSION = "pumpkin-fleet/1"
FOLLOWED = 1_000
"""How many successions a probe that was away follows at once."""
_PUBLIC = re.compile(r"[0-9a-f]{64}\Z")


class FleetKey:
    """The installation's Ed25519 key for orders; `public` is its public half, 32 bytes in hex."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()

    @classmethod
    def generate(cls) -> FleetKey:
        """A new one."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, pem: bytes) -> FleetKey:
        """The key in PKCS#8 PEM; StartError for any other."""
        try:
            private = serialization.load_pem_private_key(pem, None)
        except ValueError as error:
            raise StartError(f"The fleet's key cannot be read: {error}.") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise StartError("The fleet's key is not an Ed25519 key.")
        return cls(private)

    @property
    def pem(self) -> bytes:
        """The key in PKCS#8 PEM, not encrypted."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, purpose: str, document: Mapping[str, Any]) -> tuple[str, str]:
        """The document as it travels, and the signature (hex) over it."""
        text = canonical({**document, "v": purpose}).decode()
        return text, self.endorse(purpose, text)

    def endorse(self, purpose: str, text: str) -> str:
        """The signature (hex) over a document as it travels, made earlier."""
        return self._private.sign(_signed(purpose, text.encode())).hex()

    def hand_over(self, new: FleetKey, at: str) -> tuple[str, str]:
        """The word of this key, `at` a time, that `new` signs in its place from then on."""
        return self.sign(SUCCESSION, {"old": self.public, "new": new.public, "at": at})


def read(purpose: str, text: str, signature: str, public: str) -> dict[str, Any]:
    """The document, once its signature by the key `public` (hex) holds; BadSignature otherwise."""
    try:
        holds = keys.verifies(bytes.fromhex(public), bytes.fromhex(signature), _signed(purpose, text.encode()))
        found = json.loads(text) if holds else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("v") != purpose:
        raise BadSignature("The order does not bear the signature of this probe's fleet key.")
    return found


def followers(public: str, links: Iterable[tuple[str, str]]) -> list[str]:
    """`public` and the keys that follow it, each by the word of the one before; the last signs now. A link that is of
    none of them is passed over."""
    found = [public]
    for text, signature in islice(links, FOLLOWED):
        try:
            said = read(SUCCESSION, text, signature, found[-1])
        except BadSignature:
            continue
        new = said.get("new")
        if said.get("old") == found[-1] and isinstance(new, str) and _PUBLIC.match(new) and new not in found:
            found.append(new)
    return found


def digest(text: str) -> str:
    """SHA-256 of an order's document, in hex: by it assigned and running are told apart."""
    return sha256(text.encode()).hexdigest()


def _signed(purpose: str, text: bytes) -> bytes:
    return purpose.encode() + b"\n" + text


def same_content(text: str, jobs: Sequence[Mapping[str, Any]], update: Mapping[str, Any] | None = None) -> bool:
    """Whether an order's document (one of our own, "" for none) holds just these jobs, and this update."""
    if not text:
        return False
    held = json.loads(text)
    return canonical([held["jobs"], held.get("update")]) == canonical([list(jobs), update])
