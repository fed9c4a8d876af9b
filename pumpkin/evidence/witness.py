"""A witness of a log: remembers the newest checkpoint it saw, takes only what continues it, and cosigns that.

C2SP tlog-witness (the request and its answers) and tlog-cosignature (Ed25519, cosignature/v1).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pumpkin.evidence import checkpoint, keys, merkle
from pumpkin.evidence.checkpoint import COSIGNATURE, BadNote, Checkpoint, VerifierKey

PATH_MOST = 63

Judgement = Literal["new", "known", "older", "fork", "shrunk", "inconsistent", "unsigned"]
"""`new` continues what was seen, `known` is the same, `older` a smaller one shown on the way. `fork`: another root at
the size seen. `shrunk`: the newest is smaller than what was seen. `inconsistent`: the proof does not lead from one to
the other. `unsigned`: not a checkpoint of that log."""


class WitnessKey:
    """A witness's Ed25519 key under its name."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = VerifierKey(name, private.public_key().public_bytes_raw(), COSIGNATURE)

    @classmethod
    def generate(cls, name: str) -> WitnessKey:
        """A fresh key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, name: str, seed: bytes) -> WitnessKey:
        """The key of a seed of 32 bytes, as `to_bytes` gave it."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    def to_bytes(self) -> bytes:
        """The seed, 32 bytes: a secret."""
        return self._private.private_bytes_raw()

    def cosign(self, note: str, when: int) -> str:
        """The signature line for a checkpoint, at `when` (seconds since 1970)."""
        text = note.partition("\n\n")[0] + "\n"
        signature = self._private.sign(f"cosignature/v1\ntime {when}\n{text}".encode())
        raw = self.verifier.key_id + when.to_bytes(8) + signature
        return f"— {self.verifier.name} {base64.b64encode(raw).decode()}"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a witness saw last: the note, and what it says."""

    note: str
    said: Checkpoint


def judge(
    seen: Sight | None, note: str, path: Sequence[bytes], key: VerifierKey, *, newest: bool = True
) -> tuple[Judgement, Sight | None]:
    """What to make of `note`, which `path` (RFC 9162 consistency, from the size seen) should connect with `seen`; and
    what the witness has seen from now on. `newest`: the log shows this as its newest, so a smaller one has shrunk."""
    try:
        said = checkpoint.open_note(note, key)
    except BadNote:
        return "unsigned", seen
    if seen is None:
        return "new", Sight(note, said)
    old = seen.said
    if said.size == old.size:
        return ("known", seen) if said.root == old.root else ("fork", seen)
    if said.size < old.size:
        return ("shrunk" if newest else "older"), seen
    if not merkle.verify_consistency(old.size, said.size, old.root, said.root, path):
        return "inconsistent", seen
    return "new", Sight(note, said)


def follow(known: str, successions: Sequence[Mapping[str, Any]]) -> str:
    """The log's key today (vkey text) for a witness that knows an older one: each key must have signed that the next
    follows it, before anybody else had it. What is no such statement is passed over; so is one of a compromised key,
    whose word is worth nothing: then the new key must come to the witness by another way."""
    for said in successions:
        try:
            text = keys.succession(said["old"], said["new"], int(said["size"]), bytes.fromhex(said["root"]))
            old, new = VerifierKey.parse(said["old"]), VerifierKey.parse(said["new"])
            signed = [bytes.fromhex(said[name]) for name in ("signed_by_old", "signed_by_new")]
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if said["old"] != known or said.get("compromised") is not False or old.name != new.name:
            continue
        if old.verify(signed[0], text) and new.verify(signed[1], text):
            known = said["new"]
    return known


def request(old: int, path: Sequence[bytes], note: str) -> bytes:
    """The body of `add-checkpoint` (C2SP tlog-witness): the size the witness has, the consistency proof, the note."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in path), "", note]
    return "\n".join(lines).encode()


def read_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Old size, proof and note of an `add-checkpoint` body. ValueError for anything else."""
    head, blank, note = body.decode().partition("\n\n")
    first, *hashes = head.split("\n")
    size = first.removeprefix("old ")
    if not blank or not first.startswith("old ") or not (size.isascii() and size.isdigit()) or size != str(int(size)):
        raise ValueError("not an add-checkpoint request")
    try:
        path = [binascii.a2b_base64(one, strict_mode=True) for one in hashes]
    except binascii.Error:
        raise ValueError("the proof is not base64") from None
    if len(path) > PATH_MOST or any(len(one) != 32 for one in path):
        raise ValueError("the proof is at most 63 hashes of 32 bytes")
    return int(size), path, note


def read_answer(body: bytes, note: str, witness: VerifierKey) -> tuple[str, int]:
    """The witness's line in the answer to `add-checkpoint`, and when it signed. ValueError when it is not there."""
    for line in body.decode("utf-8", "replace").splitlines()[:16]:
        when = checkpoint.cosigned_at(note, line, witness)
        if when is not None:
            return line, when
    raise ValueError("the answer holds no signature of this witness over this checkpoint")


def with_lines(note: str, lines: Sequence[str]) -> str:
    """A note with further signature lines under its own."""
    return note + "".join(f"{line}\n" for line in lines)


__all__ = [
    "Judgement",
    "Sight",
    "WitnessKey",
    "follow",
    "judge",
    "read_answer",
    "read_request",
    "request",
    "with_lines",
]
