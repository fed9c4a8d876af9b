"""One stored row against its record: every column a page or an answer shows, the payload, the detail, the group hash.

The record is written anew from the columns and compared byte for byte; only where that fails is it taken apart to say
what differs. That is what makes a whole log's audit a matter of microseconds a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from pumpkin.evidence import record

_SALT = b'"salt":"'
_COMMIT = b'"payload":{"commit":"'


class Stored(NamedTuple):
    """The columns of a row, in the order in which the store gives them. Payload, salt and hash are None once erased."""

    seq: int
    record: bytes
    leaf_hash: bytes
    group_hash: bytes
    payload: bytes | None
    payload_salt: bytes | None
    payload_hash: bytes | None
    id: UUID
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
    detail: Mapping[str, Any]
    target: str | None
    status: str | None


def faults(row: Stored) -> list[str]:
    """What does not fit: any of `leaf payload detail group row`; nothing for a row as it was stored. Never raises."""
    found: list[str] = []
    if row.payload is not None and row.payload_salt is not None:
        digest = sha256(row.payload).digest()
        if record.group_hash(row.record, digest) != row.group_hash:
            found.append("group")
        if digest != row.payload_hash:
            found.append("row")
    if _rewritten(row) != row.record:
        found += _differing(row)
    seen = row.detail.get("target"), row.detail.get("status")
    if row.payload_salt is not None and seen != (row.target, row.status):
        found.append("row")
    return list(dict.fromkeys(found))


def _rewritten(row: Stored) -> bytes:
    """The record that the columns give; empty bytes where they can give none."""
    salt, commit = _after(row.record, _SALT, 32), _after(row.record, _COMMIT, 64)
    detail: str | None = None
    try:
        if row.payload_salt is not None:
            if row.detail:
                detail = record.commitment(row.payload_salt, record.canonical_detail(row.detail)).hex()
            if row.payload is not None:
                commit = record.commitment(row.payload_salt, row.payload).hex()
        elif row.detail or b'"detail":null' not in row.record[:100]:
            detail = _after(row.record, b'"detail":"', 64)
        return record.written(row, commit=commit, detail=detail, salt=salt)
    except (ValueError, TypeError):
        return b""


def _after(raw: bytes, name: bytes, digits: int) -> str:
    """The digits after a member's name, which as quoted cannot stand inside a string."""
    at = raw.find(name) + len(name)
    return raw[at : at + digits].decode("latin-1")


def _differing(row: Stored) -> list[str]:
    try:
        body = record.parse(row.record)
    except ValueError:
        return ["leaf"]
    found, salt = [], row.payload_salt
    if salt is not None and row.payload is not None:
        found += ["payload"] * (record.commitment(salt, row.payload).hex() != body["payload"]["commit"])
    if salt is not None:
        try:
            said = record.commitment(salt, record.canonical_detail(row.detail)).hex() if row.detail else None
        except ValueError:
            said = ""
        found += ["detail"] * (said != body["detail"])
    shown = {
        "id": str(row.id),
        **{name: getattr(row, name) for name in ("kind", "type", "format", "observed", "received", "after")},
    }
    same = all(body[name] == value for name, value in shown.items())
    same = same and body["source"] == {"agent": row.agent, "key_id": row.key_id} and body["sig"] == row.signature
    if not same or (body["payload"]["media"], body["payload"]["size"]) != (row.media, row.size):
        found.append("row")
    return found or ["leaf"]
