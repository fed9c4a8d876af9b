"""A check's body on the wire, parsed once into an `Observation`, and an observation put back on the wire.

XMPP, HTTP and the probe's spool use this one parser. Two shapes (`model.shapes`): SCANDALE's and our native one;
the further keys `target`, `status`, `run`, ... are those of rulings.md 39.

An agent (`from_agent`) may be newer than this server: keys it has added to the form are kept in the detail, under
`unread`, which the record commits to like the rest. Everybody else is told of them, as of a mistyped name.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from pumpkin.errors import InvalidCheck, InvalidJson, PayloadTooLarge
from pumpkin.model import sentences
from pumpkin.model.checks import DETAIL_KEYS, NAME_LIMIT, PAYLOAD_LIMIT, UNREAD, Check, Observation
from pumpkin.model.shapes import (
    BASE64_LIMIT,
    DETAIL_LIMIT,
    EPOCH,
    WIRE_LIMIT,
    Further,
    NativeCheck,
    NativePayload,
    ScandaleCheck,
    microseconds,
    small,
)

__all__ = [
    "from_agent",
    "from_any",
    "from_native",
    "from_scandale",
    "is_scandale",
    "may_be_newer",
    "microseconds",
    "parse_json",
    "rfc3339",
    "to_item",
    "to_native",
    "unread",
]

_M = TypeVar("_M", bound=BaseModel)
_CLOSED = frozenset({"run", "result", "payload"})
"""The parts of a check that have a closed form of their own."""


def parse_json(data: bytes | str, *, limit: int = 16 * 1024 * 1024) -> dict[str, Any]:
    """The JSON object in `data`, read strictly: UTF-8, no NaN, no name twice. `limit` in bytes or characters.

    InvalidJson for all else, PayloadTooLarge past the limit.
    """
    if len(data) > limit:
        raise PayloadTooLarge
    try:
        text = data.decode() if isinstance(data, bytes) else data
        value = _strict.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"The body is not valid JSON: {_fault(error)}") from error
    if not isinstance(value, dict):
        raise InvalidJson("The body is valid JSON but not an object.")
    return value


def _fault(error: Exception) -> str:
    """What is wrong with the text, in words about the text and not about this interpreter."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    if isinstance(error, json.JSONDecodeError) or "digits" not in str(error):
        return str(error)[:120]
    return "a number has too many digits"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


_strict = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)


def is_scandale(body: Mapping[str, Any]) -> bool:
    """Whether `body` is meant as SCANDALE's shape (it has `meta`); valid or not."""
    return "meta" in body


def from_scandale(body: Mapping[str, Any], *, agent: str, encrypted: bool = False, newer: bool = False) -> Observation:
    """The observation in a SCANDALE-shaped `body`, made by `agent` (bare JID or "key:<prefix>").

    The payload is the UTF-8 bytes of `payload.raw` exactly as it came (rulings.md 5). InvalidCheck names each field at
    fault; PayloadTooLarge past 10 MiB of output. `newer`: keys a later form may have are kept unread, not refused.
    """
    raw = _member(body, "payload", "raw")
    if isinstance(raw, str) and len(raw) > BASE64_LIMIT:
        raise PayloadTooLarge
    check, beyond = _parse(ScandaleCheck, body, newer=newer)
    detail = _detail(check.meta, beyond)
    wire = {**body, "meta": {key: value for key, value in body["meta"].items() if key not in detail}}
    rest = wire.pop("payload")
    if len(rest) > 1:
        wire["payload"] = {key: value for key, value in rest.items() if key != "raw"}
    _within(WIRE_LIMIT, wire, "meta")
    return Observation(
        id=check.meta.uuid,
        type=check.meta.type,
        format=check.format,
        agent=agent,
        observed=check.meta.ts,
        payload=check.payload.raw.encode("ascii"),
        media="text/plain; charset=utf-8",
        detail=detail,
        wire=wire,
        direct=check.meta.proof == "direct",
        encrypted=encrypted,
    )


def from_native(
    body: Mapping[str, Any], *, agent: str, now: int | None = None, encrypted: bool = False, newer: bool = False
) -> Observation:
    """The observation in a native `body`, made by `agent`.

    Without `id` it gets a random one, without `observed` the time `now` (microseconds, default the clock). InvalidCheck
    names each field at fault; PayloadTooLarge past 10 MiB of payload. `newer`: keys a later form may have are kept
    unread, not refused.
    """
    text, encoded = _member(body, "payload", "text"), _member(body, "payload", "base64")
    if isinstance(encoded, str) and len(encoded) > BASE64_LIMIT:
        raise PayloadTooLarge
    if isinstance(text, str) and len(text) > PAYLOAD_LIMIT:
        raise PayloadTooLarge
    check, beyond = _parse(NativeCheck, body, newer=newer)
    if check.key_id is not None and check.signature is None:
        raise InvalidCheck("key_id names the key of a signature, and there is none.", fields={"key_id": "no signature"})
    payload, media = _native_payload(check.payload)
    return Observation(
        id=check.id or uuid4(),
        type=check.type,
        format=check.format or ("text" if check.payload.text is not None else "raw"),
        agent=agent,
        observed=check.observed if check.observed is not None else (now or time.time_ns() // 1_000),
        payload=payload,
        media=media,
        key_id=check.key_id,
        signature=check.signature,
        after=check.after,
        detail=_detail(check, beyond),
        direct=check.proof == "direct",
        encrypted=encrypted,
        dated=check.observed is not None,
    )


def from_any(
    body: Mapping[str, Any], *, agent: str, now: int | None = None, encrypted: bool = False, newer: bool = False
) -> Observation:
    """`from_scandale` for a body with `meta`, else `from_native`."""
    if is_scandale(body):
        return from_scandale(body, agent=agent, encrypted=encrypted, newer=newer)
    return from_native(body, agent=agent, now=now, encrypted=encrypted, newer=newer)


def from_agent(body: Mapping[str, Any], *, agent: str, now: int | None = None) -> Observation:
    """`from_any` of what came under the name `agent`, an agent's or another's."""
    return from_any(body, agent=agent, now=now, newer=may_be_newer(agent))


def may_be_newer(agent: str) -> bool:
    """Whether what comes under this name may be of a later form: an agent's (a JID) may, a key's or person's not."""
    return "@" in agent


def unread(detail: Mapping[str, Any]) -> list[str]:
    """The names of the keys in a check's detail that this version does not read: `later`, `run.later`, ..."""
    beyond, names = detail.get(UNREAD), list[str]()
    for key, value in beyond.items() if isinstance(beyond, Mapping) else ():
        inner = value if key in _CLOSED and isinstance(value, Mapping) else None
        names += [key] if inner is None else [f"{key}.{one}" for one in inner]
    return [name[:NAME_LIMIT] for name in names]


def to_item(check: Check | Observation) -> dict[str, Any]:
    """The check in SCANDALE's shape: what came, when it came so; else the same shape made of a native check.

    After erasure `payload` is `{"raw": "", "erased": true}`.
    """
    wire = check.wire
    if wire is None:
        return {
            "version": "1",
            "format": check.format,
            "meta": {"uuid": str(check.id), "ts": _seconds(check.observed), "type": check.type, **check.detail},
            "payload": _raw(None if check.payload is None else base64.b64encode(check.payload)),
        }
    item = {**wire, "meta": {**wire.get("meta", {}), **check.detail}}
    item["payload"] = {**wire.get("payload", {}), **_raw(check.payload)}
    return item


def to_native(check: Observation) -> dict[str, Any]:
    """The native body that gives this observation back: what probes spool and send. Payload always in base64."""
    body: dict[str, Any] = {
        "id": str(check.id),
        "type": check.type,
        "format": check.format,
        "observed": rfc3339(check.observed),
        "payload": {"base64": base64.b64encode(check.payload).decode(), "media": check.media},
        **check.detail,
    }
    for key in ("after", "signature", "key_id"):
        value = getattr(check, key)
        if value is not None:
            body[key] = value
    if check.direct:
        body["proof"] = "direct"
    return body


def rfc3339(micros: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC with six digits: `2026-11-21T02:47:44.350616Z`."""
    moment = EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(micros: int) -> int | float:
    whole, rest = divmod(micros, 1_000_000)
    return micros / 1_000_000 if rest else whole


def _raw(payload: bytes | None) -> dict[str, Any]:
    return {"raw": "", "erased": True} if payload is None else {"raw": payload.decode("utf-8", "replace")}


def _member(body: Mapping[str, Any], *path: str) -> Any:
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _native_payload(payload: NativePayload) -> tuple[bytes, str]:
    if (payload.text is None) == (payload.base64 is None):
        raise InvalidCheck("payload needs exactly one of text and base64.", fields={"payload": "text or base64"})
    if payload.base64 is not None:
        return binascii.a2b_base64(payload.base64), payload.media or "application/octet-stream"
    try:
        encoded = (payload.text or "").encode()
    except UnicodeEncodeError:
        raise InvalidCheck("payload.text holds half a surrogate pair.", fields={"payload.text": "not text"}) from None
    if len(encoded) > PAYLOAD_LIMIT:
        raise PayloadTooLarge
    return encoded, payload.media or "text/plain; charset=utf-8"


def _detail(further: Further, beyond: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of rulings.md 39 that are present and not empty, as JSON values, and those `beyond` the form."""
    detail: dict[str, Any] = {}
    given = further.model_fields_set
    for key in DETAIL_KEYS:
        if key not in given:
            continue
        value = getattr(further, key)
        if isinstance(value, BaseModel):
            value = value.model_dump(exclude_unset=True)
        if value not in (None, "", {}):
            detail[key] = value
    if beyond:
        _within(WIRE_LIMIT, beyond, next(iter(beyond))[:NAME_LIMIT])
        detail[UNREAD] = beyond
    if detail:
        _within(DETAIL_LIMIT, detail, "result")
    return detail


def _within(limit: int, value: Mapping[str, Any], field: str) -> None:
    try:
        small(limit)(value)
    except ValueError as error:
        raise InvalidCheck(f"{field}: {error}", fields={field: str(error)}) from None


def _parse(model: type[_M], body: Mapping[str, Any], *, newer: bool) -> tuple[_M, dict[str, Any]]:
    """`body` as the model, and what of it is beyond the form where it may be `newer`."""
    try:
        return model.model_validate(body), {}
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False) if newer else []
        if wrong and all(one["type"] == "extra_forbidden" for one in wrong):
            known, beyond = _parted(body, [one["loc"] for one in wrong])
            return _parse(model, known, newer=False)[0], beyond
        fields = sentences.faults(error)
        first = next(iter(fields))
        raise InvalidCheck(f"{first}: {fields[first]}", fields=fields) from None
    except RecursionError:
        raise InvalidCheck("The check is nested too deeply.") from None


def _parted(body: Mapping[str, Any], paths: Iterable[tuple[int | str, ...]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`body` without what lies at `paths`, and just that; `meta` is no level of its own there."""
    known, beyond = dict(body), dict[str, Any]()
    for *above, last in paths:
        place, aside = known, beyond
        for step in map(str, above):
            place[step] = place = dict(place[step])
            aside = aside if step == "meta" else aside.setdefault(step, {})
        aside[str(last)] = place.pop(str(last))
    return known, beyond
