"""One stored row against its record: every column a page or an answer shows, the payload, the detail, the group hash.

The record is written anew from the columns and compared byte for byte; only where that fails is it taken apart to say
what differs. That is what makes a whole log's audit a matter of microseconds a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from pumpkin.evidence import record

_NO_DETAIL, _DETAIL, _NEAR = b'"detail":null', b'"detail":"', 100  # the second member of every record
_SALT = b'"salt":"'
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_COMMIT = b'"payload":{"commit":"'


class Stored(NamedTuple):
    """The columns of a row, in the order in which the store gives them. Payload, salt and hash are None once erased;
    `detail` is JSON text; `lost` says that the payload is gone though nobody noted its erasure."""

    seq: int
    record: bytes
    leaf_hash: bytes
    group_hash: bytes
    payload: bytes | None
    payload_salt: bytes | None
    payload_hash: bytes | None
    id: str
    kind: str
    type: str
    format: str
    agent: str
    key_id: str | None
    observed: int
    received: int
    after: str | None
    signature: str | None
    media: str
    size: int
    detail: str
    target: str | None
    status: str | None
    lost: bool


def faults(row: Stored) -> list[str]:
    """What does not fit: any of `leaf payload detail group row lost`; nothing for a row as it was stored."""
    found = ["leaf"] if sha256(b"\0" + row.record).digest() != row.leaf_hash else []
    payload, salt = row.payload, row.payload_salt
    if row.lost or (payload is None) is not (salt is None):
        found.append("lost")
    detail = json.loads(row.detail) if row.detail != "{}" else {}
    if _rewritten(row, _quick(detail)) != row.record and _rewritten(row, _slow(detail)) != row.record:
        found += _differing(row, _slow(detail))
    if payload is not None and salt is not None and "payload" not in found:
        digest = sha256(payload).digest()
        found += ["group"] * (record.group_hash(row.record, digest) != row.group_hash)
        found += ["row"] * (digest != row.payload_hash)
    if salt is not None and (detail.get("target"), detail.get("status")) != (row.target, row.status):
        found.append("row")
    return list(dict.fromkeys(found))


def _quick(detail: Mapping[str, Any]) -> bytes:
    """The detail as the fast encoder writes it: nearly always its canonical form, and where not its hash tells."""
    return _encode(detail).encode("utf-8", "surrogatepass") if detail else b""


def _slow(detail: Mapping[str, Any]) -> bytes:
    """The detail's canonical form; something that fits nothing where it has none."""
    try:
        return record.canonical_detail(detail) if detail else b""
    except ValueError:
        return b"none"


def _rewritten(row: Stored, detail: bytes) -> bytes:
    """The record that the columns give; empty bytes where they can give none."""
    salt = row.payload_salt
    if salt is None:  # erased: what the digests were over is gone
        commit = _after(row.record, _COMMIT, 64)
        said = None if _NO_DETAIL in row.record[:_NEAR] else _after(row.record, _DETAIL, 64)
    else:
        commit = record.commitment(salt, row.payload or b"").hex()
        said = record.commitment(salt, detail).hex() if detail else None
    try:
        return record.written(row, commit=commit, detail=said, salt=_after(row.record, _SALT, 32))
    except (ValueError, TypeError):
        return b""


def _after(raw: bytes, name: bytes, digits: int) -> str:
    """The digits after a member's name, which as quoted cannot stand inside a string."""
    at = raw.find(name) + len(name)
    return raw[at : at + digits].decode("latin-1")


def _differing(row: Stored, detail: bytes) -> list[str]:
    try:
        body = record.parse(row.record)
    except ValueError:
        return ["leaf"]
    found, salt = [], row.payload_salt
    if salt is not None and row.payload is not None:
        found += ["payload"] * (record.commitment(salt, row.payload).hex() != body["payload"]["commit"])
    if salt is not None:
        found += ["detail"] * ((record.commitment(salt, detail).hex() if detail else None) != body["detail"])
    shown = {
        "id": row.id,
        **{name: getattr(row, name) for name in ("kind", "type", "format", "observed", "received", "after")},
    }
    same = all(body[name] == value for name, value in shown.items())
    same = same and body["source"] == {"agent": row.agent, "key_id": row.key_id} and body["sig"] == row.signature
    if not same or (body["payload"]["media"], body["payload"]["size"]) != (row.media, row.size):
        found.append("row")
    return found or ["leaf"]
