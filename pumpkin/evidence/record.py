"""The canonical bytes of a check, and the hashes that stand for them in the log.

Canonical JSON is RFC 8785. A record holds only ASCII keys, strings, integers below 2^53, booleans and null, where the
standard encoder with sorted keys writes the same bytes; `detail` may hold any JSON, so `canonical` is the whole RFC.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, Protocol

from pumpkin.errors import InvalidCheck
from pumpkin.model.checks import Observation

VERSION = "pumpkin-record/1"
RECORD_LIMIT = 65_535
SAFE_INTEGER = 2**53 - 1
KEYS = frozenset(
    "v id kind type format source observed received after payload detail sig salt".split()  # noqa: SIM905
)
SIGNED_PREFIX = b"pumpkin-observation/1\n"

_HEX = re.compile(r"[0-9a-f]+\Z")
_NUMBER = re.compile(r"(\d)(?:\.(\d+))?e([+-]\d+)\Z")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A check's record with its hashes (all 32 bytes but `record`).

    `leaf_hash` stands in the log (RFC 9162), `group_hash` in the RFC 4998 tree, `payload_hash` is the bare SHA-256 of
    the payload (never published), `content` the digest by which two deliveries of one id are told equal or not.
    """

    record: bytes
    leaf_hash: bytes
    group_hash: bytes
    payload_salt: bytes
    payload_hash: bytes
    content: bytes


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value. ValueError for NaN, infinities, integers past 2^53 - 1 and lone surrogates."""
    return _encode(value).encode()


def canonical_detail(detail: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes of a check's detail; integers past 2^53 - 1 are read as doubles, as JavaScript would.

    PostgreSQL gives 1e22 back as an integer: both spellings have one canonical form here.
    """
    return _encode(detail, wide=True).encode()


def make(
    observation: Observation, received: int, *, salt: bytes | None = None, payload_salt: bytes | None = None
) -> Sealed:
    """The record of `observation`, taken in at `received` (microseconds).

    `salt` (16 bytes) and `payload_salt` (32 bytes) are random where not given. InvalidCheck when the record would pass
    65,535 bytes (the limit of a C2SP entry bundle) or its detail has no canonical form.
    """
    fresh = os.urandom(48) if salt is None or payload_salt is None else b""
    salt = fresh[:16] if salt is None else salt
    payload_salt = fresh[16:] if payload_salt is None else payload_salt
    payload_hash = sha256(observation.payload).digest()
    try:
        detail = canonical_detail(observation.detail) if observation.detail else b""
        record = _template(
            observation,
            received,
            len(observation.payload),
            commit=commitment(payload_salt, observation.payload).hex(),
            detail=commitment(payload_salt, detail).hex() if detail else None,
            salt=salt.hex(),
        )
    except ValueError as error:
        raise InvalidCheck(f"The check has no canonical form: {str(error)[:120]}") from None
    if len(record) > RECORD_LIMIT:
        raise InvalidCheck("The check's record is longer than 65,535 bytes.")
    return Sealed(
        record=record,
        leaf_hash=sha256(b"\0" + record).digest(),
        group_hash=group_hash(record, payload_hash),
        payload_salt=payload_salt,
        payload_hash=payload_hash,
        content=_content(observation, payload_hash, detail),
    )


class Columns(Protocol):
    """What a record says besides its digests, as the store keeps it."""

    @property
    def id(self) -> object: ...
    @property
    def kind(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def key_id(self) -> str | None: ...
    @property
    def observed(self) -> int: ...
    @property
    def received(self) -> int: ...
    @property
    def after(self) -> str | None: ...
    @property
    def signature(self) -> str | None: ...
    @property
    def media(self) -> str: ...
    @property
    def size(self) -> int: ...


def written(row: Columns, *, commit: str, detail: str | None, salt: str) -> bytes:
    """The record of a stored row, whose digests (lower-case hex) are given. As `make` writes it, byte for byte."""
    return _template(row, row.received, row.size, commit=commit, detail=detail, salt=salt)


def _template(
    seen: Observation | Columns, received: int, size: int, *, commit: str, detail: str | None, salt: str
) -> bytes:
    """The canonical bytes, written in key order: a template takes a third of what an encoder takes, and this is done
    for every check. A lone surrogate raises UnicodeEncodeError."""
    text = encode_basestring
    return (
        f'{{"after":{_or_null(seen.after)},"detail":{_or_null(detail)},"format":{text(seen.format)},"id":"{seen.id}",'
        f'"kind":{text(seen.kind)},"observed":{seen.observed:d},"payload":{{"commit":"{commit}",'
        f'"media":{text(seen.media)},"size":{size:d}}},"received":{received:d},"salt":"{salt}",'
        f'"sig":{_or_null(seen.signature)},"source":{{"agent":{text(seen.agent)},"key_id":{_or_null(seen.key_id)}}},'
        f'"type":{text(seen.type)},"v":"{VERSION}"}}'
    ).encode()


def _or_null(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def commitment(payload_salt: bytes, content: bytes) -> bytes:
    """SHA-256(payload_salt || content): what a record says of a payload or of a detail (rulings.md 3 and 39)."""
    digest = sha256(payload_salt)
    digest.update(content)
    return digest.digest()


def group_hash(record: bytes, payload_hash: bytes) -> bytes:
    """The hash of the RFC 4998 data object group {record, payload}: members' hashes ascending, joined, hashed."""
    mine = sha256(record).digest()
    return sha256(mine + payload_hash if mine <= payload_hash else payload_hash + mine).digest()


def signed_bytes(observation: Observation) -> bytes:
    """The bytes a probe's Ed25519 key signs (rulings.md 4)."""
    return signed_parts(
        id=str(observation.id),
        kind=observation.kind,
        type=observation.type,
        format=observation.format,
        agent=observation.agent,
        observed=observation.observed,
        after=observation.after,
        payload_hash=sha256(observation.payload).digest(),
    )


def signed_parts(
    *, id: str, kind: str, type: str, format: str, agent: str, observed: int, after: str | None, payload_hash: bytes
) -> bytes:
    """As `signed_bytes`, from the members of a record and the payload's SHA-256: what a verifier has."""
    return SIGNED_PREFIX + canonical(
        {
            "v": VERSION,
            "id": id,
            "kind": kind,
            "type": type,
            "format": format,
            "source": {"agent": agent},
            "observed": observed,
            "after": after,
            "payload_sha256": payload_hash.hex(),
        }
    )


def parse(record: bytes) -> dict[str, Any]:
    """The members of a record. ValueError unless it is canonical, of this version and has exactly the known keys."""
    if len(record) > RECORD_LIMIT:
        raise ValueError("a record is at most 65,535 bytes")
    try:
        body = json.loads(record)
    except RecursionError:
        raise ValueError("the record is nested too deeply") from None
    if not isinstance(body, dict) or body.keys() != KEYS or body["v"] != VERSION:
        raise ValueError("not a pumpkin-record/1")
    source, payload = body["source"], body["payload"]
    if not isinstance(source, dict) or source.keys() != {"agent", "key_id"}:
        raise ValueError("the record's source is not of the known form")
    if not isinstance(payload, dict) or payload.keys() != {"commit", "size", "media"}:
        raise ValueError("the record's payload is not of the known form")
    texts = (body["id"], body["kind"], body["type"], body["format"], source["agent"], payload["media"])
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("the record has a text that is none")
    if not all(type(number) is int for number in (body["observed"], body["received"], payload["size"])):
        raise ValueError("the record has a number that is none")
    _hex(body["salt"], 32)
    _hex(payload["commit"], 64)
    for value, digits in ((body["after"], 64), (body["detail"], 64), (body["sig"], 128), (source["key_id"], None)):
        if value is not None:
            _hex(value, digits)
    if canonical(body) != record:
        raise ValueError("the record is not canonical JSON")
    return body


def _hex(value: object, digits: int | None) -> None:
    if not isinstance(value, str) or not _HEX.match(value) or len(value) != (digits or len(value)):
        raise ValueError("the record has a digest that is none")


def _content(observation: Observation, payload_hash: bytes, detail: bytes) -> bytes:
    seen, text = observation, encode_basestring
    head = (
        f"[{text(seen.kind)},{text(seen.type)},{text(seen.format)},{text(seen.agent)},"
        f"{format(seen.observed, 'd') if seen.dated else 'null'},{text(seen.media)},"
        f"{'true' if seen.direct else 'false'}]\n"
    )
    content = sha256(head.encode() + payload_hash + detail)
    if seen.wire is not None:  # what else came in SCANDALE's shape (its version, unknown keys) and is given back
        content.update(b"\n" + json.dumps(seen.wire, sort_keys=True).encode())
    return content.digest()


def _encode(value: Any, *, wide: bool = False) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, int):
        if -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return str(int(value))
        if not wide:
            raise ValueError("an integer past 2^53 - 1")
        try:
            return _number(float(value))
        except OverflowError:
            raise ValueError("a number past the range of doubles") from None
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key that is no text")
        ordered = sorted(value.items(), key=_utf16)
        return "{" + ",".join(f"{encode_basestring(key)}:{_encode(item, wide=wide)}" for key, item in ordered) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_encode(item, wide=wide) for item in value) + "]"
    raise ValueError(f"no JSON value: {type(value).__name__}")


def _utf16(item: tuple[str, Any]) -> bytes:
    """RFC 8785 section 3.2.3 sorts keys by UTF-16 code units. A lone surrogate raises UnicodeEncodeError."""
    return item[0].encode("utf-16-be")


def _number(value: float) -> str:
    """ECMAScript's Number::toString, RFC 8785 section 3.2.2.3; Python's repr has the same shortest digits."""
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if value == 0:
        return "0"
    sign, text = ("-", repr(-value)) if value < 0 else ("", repr(value))
    digits, point = _digits(text)
    if 0 < point <= 21:
        whole = digits[:point].ljust(point, "0")
        return sign + whole + ("." + digits[point:] if len(digits) > point else "")
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{point - 1:+d}"


def _digits(text: str) -> tuple[str, int]:
    """Significant digits of a positive repr and the place of its decimal point: 0.00125 gives ("125", -2)."""
    scientific = _NUMBER.match(text)
    if scientific:
        first, rest, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        digits, point = first + rest, exponent + 1
    else:
        whole, _, fraction = text.partition(".")
        digits, point = whole + fraction, len(whole)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return stripped.rstrip("0"), point
