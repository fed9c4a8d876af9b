"""Signed checkpoints: a C2SP tlog-checkpoint inside a C2SP signed note, with Ed25519."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pumpkin.evidence.groups import body_hash
from pumpkin.evidence.merkle import MAX_SIZE

ED25519 = 1
COSIGNATURE = 4
NOTE_LIMIT = 64 * 1024

_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}\Z")
_VKEY = re.compile(r"([^\s+]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_LINE = re.compile(r"— (\S{1,255}) ([A-Za-z0-9+/]+={0,2})\Z")

__all__ = [
    "BadNote",
    "Checkpoint",
    "LogKey",
    "VerifierKey",
    "body_hash",
    "cosign",
    "cosigned_at",
    "newest_token",
    "open_note",
    "parse_note",
    "sign",
    "signatures",
    "signed_only",
]


class BadNote(ValueError):
    """The text is no signed checkpoint, or not one of this key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log's name, how many leaves, the root over them (32 bytes), and further lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log's (or witness's) key. `kind` is 1 for a log, 4 for a witness's cosignatures."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || 0A || kind || public key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """`name+hash+base64(kind || public key)`, the vkey form of signed notes."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([self.kind]) + self.public)}"

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, as openssl reads it."""
        return Ed25519PublicKey.from_public_bytes(self.public).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key of a vkey line. BadNote when it is none, or its hash does not fit."""
        match = _VKEY.match(text.strip())
        raw = _unb64(match[3]) if match else b""
        if not match or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise BadNote("not a verifier key of the form name+hash+key")
        key = cls(match[1], raw[1:], raw[0])
        if key.key_id.hex() != match[2]:
            raise BadNote("the verifier key's hash does not fit its key")
        return key

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> VerifierKey:
        """The key of a SubjectPublicKeyInfo in PEM, under the log's name. BadNote when it is no Ed25519 key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except Exception as error:  # cryptography raises by its backend's mood
            raise BadNote("not a public key in PEM") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadNote("not an Ed25519 key")
        return cls(name, key.public_bytes_raw())

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` (64 bytes) is this key's over `data`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


class LogKey:
    """A log's Ed25519 key with its origin (the log's name, and the first line of each checkpoint)."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        if not _NAME.match(origin):
            raise BadNote("a log's origin has no spaces, no plus sign and at most 255 characters")
        self.origin = origin
        self._private = private
        self.verifier = VerifierKey(origin, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, origin: str) -> LogKey:
        """A fresh key."""
        return cls(origin, Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, origin: str, pem: bytes) -> LogKey:
        """The key of a PKCS #8 PEM without password. BadNote when it is none."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except Exception as error:  # cryptography raises by its backend's mood
            raise BadNote("not a private key in PEM") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise BadNote("not an Ed25519 key")
        return cls(origin, private)

    @property
    def pem(self) -> bytes:
        """PKCS #8 in PEM, unencrypted: keep it in a file of mode 0600."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public_pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM."""
        return self.verifier.pem

    @property
    def key_id(self) -> bytes:
        """4 bytes, as in the note's signature line."""
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        """The public key as `name+hash+base64`."""
        return self.verifier.text

    def sign_bytes(self, data: bytes) -> bytes:
        """A bare Ed25519 signature, 64 bytes (manifests)."""
        return self._private.sign(data)


def sign(origin: str, size: int, root: bytes, key: LogKey, *, extensions: Sequence[str] = ()) -> str:
    """The signed note of a checkpoint over `size` leaves with `root`.

    `extensions` are further lines (C2SP tlog-checkpoint allows them). One of them, `newest_token(...)`, makes every
    record that names this checkpoint provably later than that token.
    """
    if not 0 <= size < MAX_SIZE or len(root) != 32:
        raise ValueError("a checkpoint has a size below 2^63 and a root of 32 bytes")
    if any(not line or not line.isprintable() for line in extensions):
        raise ValueError("an extension is one line of text")
    text = "\n".join([origin, str(size), _b64(root), *extensions, ""])
    return f"{text}\n{_line(text, key)}"


def signed_only(note: str, key: LogKey) -> str:
    """The note with one signature, this key's: what a bundle carries, whoever else signed. Ed25519 makes the same
    signature again, so nothing changes where the key made the note. BadNote when it is no note of this log."""
    text, _ = _parts(note)
    if parse_note(note).origin != key.origin:
        raise BadNote("the checkpoint is of another log")
    return f"{text}\n{_line(text, key)}"


def cosign(note: str, key: LogKey) -> str:
    """The note with this key's signature after those it has: the log's next key vouches for what the old one signed."""
    text, lines = _parts(note)
    if any(name == key.origin and raw[:4] == key.key_id for name, raw in lines):
        return note
    return note + _line(text, key)


def _line(text: str, key: LogKey) -> str:
    return f"— {key.origin} {_b64(key.key_id + key.sign_bytes(text.encode()))}\n"


def newest_token(token: bytes) -> str:
    """The extension line that names a TimeStampToken (DER of the ContentInfo)."""
    return f"token {sha256(token).hexdigest()}"


def parse_note(note: str) -> Checkpoint:
    """What a note says, signatures unchecked. BadNote when it is no checkpoint."""
    text, _ = _parts(note)
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not lines[0] or "" in lines or not _SIZE.match(lines[1]):
        raise BadNote("not a checkpoint: origin, size, root")
    root = _unb64(lines[2])
    if len(root) != 32 or int(lines[1]) >= MAX_SIZE:
        raise BadNote("not a checkpoint: its size or root is none")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]))


def open_note(note: str, key: VerifierKey) -> Checkpoint:
    """What a note says, once its signature by `key` has been checked. BadNote when it has none that verifies.

    The origin must be the key's name (C2SP tlog-checkpoint). Signatures by other keys are left alone.
    """
    checkpoint = parse_note(note)
    if checkpoint.origin != key.name:
        raise BadNote("the checkpoint is of another log")
    text, lines = _parts(note)
    mine = [raw for name, raw in lines if name == key.name and raw[:4] == key.key_id]
    if not mine or not all(key.verify(raw[4:], text.encode()) for raw in mine):
        raise BadNote("the checkpoint is not signed by this key")
    return checkpoint


def cosigned_at(note: str, line: str, witness: VerifierKey) -> int | None:
    """When `witness` cosigned the note (seconds since 1970), by its signature line; None when it does not verify."""
    try:
        text, _ = _parts(note)
        name, raw = _signature(line.rstrip("\n"))
    except BadNote:
        return None
    if name != witness.name or witness.kind != COSIGNATURE or raw[:4] != witness.key_id or len(raw) != 76:
        return None
    when = int.from_bytes(raw[4:12])
    return when if witness.verify(raw[12:], f"cosignature/v1\ntime {when}\n{text}".encode()) else None


def signatures(note: str) -> list[tuple[str, bytes]]:
    """Name and raw bytes (key id, then signature) of each signature line. BadNote when there is none."""
    return _parts(note)[1]


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > NOTE_LIMIT or any(char < " " and char != "\n" for char in note):
        raise BadNote("not a signed note")
    text, blank, rest = note.partition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise BadNote("a signed note has a blank line before its signatures")
    return text + "\n", [_signature(line) for line in rest[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    match = _LINE.match(line)
    raw = _unb64(match[2]) if match else b""
    if not match or len(raw) < 5:
        raise BadNote("a signature line that is none")
    return match[1], raw


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    """Strict base64: only the one canonical spelling; empty bytes for any other."""
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""
    return raw if _b64(raw) == text else b""
