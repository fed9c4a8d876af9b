"""What a check on the wire must look like: its scalars and both its shapes, as pydantic models.

SCANDALE's `{"version", "format", "meta", "payload": {"raw"}}` (contracts/agents.md section 2) and our native one
(contracts/checks-api.md). What these let through fits the record and the database, so nothing behind looks twice.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from pumpkin.model.checks import NAME_LIMIT, PAYLOAD_LIMIT

DETAIL_LIMIT = 256 * 1024
WIRE_LIMIT = 64 * 1024
DEPTH_LIMIT = 32
SAFE_INTEGER = 2**53 - 1
LAST_MICROSECOND = 253_402_300_800_000_000 - 1
BASE64_LIMIT = (PAYLOAD_LIMIT + 2) // 3 * 4

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\Z", re.IGNORECASE)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d{1,18}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)\Z", re.ASCII
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MEDIA = r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9_.+-]+)*$"


def microseconds(value: object) -> int:
    """A time on the wire (integer or fractional seconds, or RFC 3339 text) as microseconds since 1970 UTC.

    Digits past the microsecond are cut; a leap second is the first second after. ValueError before 1970, past 9999
    and for anything else (rulings.md 5).
    """
    if isinstance(value, str):
        found = _RFC3339.match(value)
        if found is None:
            raise ValueError("not seconds since 1970 nor RFC 3339 (2026-11-21T02:47:44.35Z)")
        day, minute, second, fraction, zone = found.groups()
        leap = second == "60"
        moment = datetime.fromisoformat(
            f"{day}T{minute}:{'59' if leap else second}{'+00:00' if zone in 'Zz' else zone}"
        )
        whole = (moment - EPOCH) // timedelta(microseconds=1) + (1_000_000 if leap else 0)
        micros = whole + int((fraction or "0").ljust(6, "0")[:6])
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not seconds since 1970 nor RFC 3339 text")
    elif isinstance(value, int):
        micros = value * 1_000_000
    elif math.isfinite(value):
        micros = round(value * 1_000_000) if abs(value) <= LAST_MICROSECOND else -1
    else:
        raise ValueError("not a finite number of seconds")
    if not 0 <= micros <= LAST_MICROSECOND:
        raise ValueError("outside the years 1970 to 9999")
    return micros


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or _UUID.match(value) is None:
        raise ValueError("not a UUID in hexadecimal form")
    return UUID(value)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed here")
    return text


def plain(value: Any) -> Any:
    """`value` when it is JSON that the record and PostgreSQL can hold unchanged; ValueError says why not."""
    weigh(value)
    return value


def weigh(value: Any, depth: int = 0) -> int:
    """About how many bytes of JSON `value` is (text that must be escaped weighs more); ValueError as `plain`."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("text with U+0000")
        return 2 + (len(value) if value.isascii() else _utf8(value))
    if value is None or isinstance(value, bool):
        return 5
    if isinstance(value, int):
        if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
            raise ValueError("an integer beyond 2^53 - 1; send it as text")
        return 16
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number that is not finite")
        return 24
    if depth >= DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    weight = 2
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise ValueError("a name that is not text")
            weight += weigh(key) + weigh(member, depth + 1) + 2
        return weight
    if isinstance(value, list):
        for member in value:
            weight += weigh(member, depth + 1) + 1
        return weight
    raise ValueError("not a JSON value")


def _utf8(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("text with half a surrogate pair") from None


def _base64(text: str) -> str:
    """Strict RFC 4648 section 4: padded, one line, nothing outside the alphabet."""
    try:
        binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64 (RFC 4648 section 4, padded, without line ends)") from None
    return text


def small(limit: int) -> Callable[[Any], Any]:
    """A check that a value is plain JSON of at most about `limit` bytes."""

    def check(value: Any) -> Any:
        if weigh(value) > limit:
            raise ValueError(f"more than {limit} bytes of JSON")
        return value

    return check


def _lower(text: str) -> str:
    return text.lower()


Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT, strict=True), AfterValidator(_printable)]
Text = Annotated[str, StringConstraints(max_length=2_000, strict=True), AfterValidator(plain)]
Identifier = Annotated[UUID, BeforeValidator(_uuid)]
Moment = Annotated[
    int,
    BeforeValidator(
        microseconds,
        json_schema_input_type=int | float | Annotated[str, Field(json_schema_extra={"format": "date-time"})],
    ),
]
Base64 = Annotated[str, StringConstraints(max_length=BASE64_LIMIT, strict=True), AfterValidator(_base64)]
Media = Annotated[str, StringConstraints(max_length=NAME_LIMIT, pattern=_MEDIA, strict=True)]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]+$", strict=True), AfterValidator(_lower)]
Status = Literal["ok", "warning", "critical", "unknown"]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]{1,63}$", strict=True)]
LabelValue = Annotated[str, StringConstraints(max_length=NAME_LIMIT, strict=True), AfterValidator(plain)]
Labels = Annotated[dict[LabelName, LabelValue], Field(max_length=64)]
JsonObject = Annotated[dict[str, Any], AfterValidator(small(DETAIL_LIMIT))]


class Run(BaseModel):
    """How the tool ran, measured outside it (rulings.md 39). `stderr` is bounded text."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    argv: list[Text] = Field(default=[], max_length=1_000)
    exit_status: int | None = None
    signal: int | None = None
    duration_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    timed_out: bool = False
    stderr: Annotated[str, StringConstraints(max_length=16_384), AfterValidator(plain)] = ""


class Result(BaseModel):
    """What a parser made of the output: `data` by the schema `version` of `parser`, or `error`."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    parser: Name
    version: int = Field(ge=0, le=SAFE_INTEGER)
    data: Any = None
    error: Text | None = None


class Further(BaseModel):
    """The keys of rulings.md 39, in `meta` of the old shape and at the top of the native one."""

    source: Text | None = None
    target: Text | None = None
    site: LabelValue | None = None
    status: Status | None = None
    run: Run | None = None
    result: Result | None = None
    labels: Labels | None = None


class Meta(Further):
    """`meta` of SCANDALE's shape; keys we do not know are kept and given back."""

    model_config = ConfigDict(defer_build=True, extra="allow", frozen=True)

    uuid: Identifier
    ts: Moment
    type: Name
    proof: Literal["batch", "direct"] = "batch"


class RawPayload(BaseModel):
    """`payload` of SCANDALE's shape: base64 of the tool's output; its very characters are what is proven."""

    model_config = ConfigDict(defer_build=True, extra="allow", frozen=True)

    raw: Base64


class ScandaleCheck(BaseModel):
    """A check as SCANDALE's probes send it and `POST /items/` takes it."""

    model_config = ConfigDict(defer_build=True, extra="allow", frozen=True)

    version: Annotated[str, StringConstraints(max_length=NAME_LIMIT)] | int | float
    format: Name
    meta: Meta
    payload: RawPayload


class NativePayload(BaseModel):
    """`{"text"}` or `{"base64", "media"}`: exactly one of the two."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    text: Annotated[str, StringConstraints(max_length=PAYLOAD_LIMIT, strict=True)] | None = None
    base64: Base64 | None = None
    media: Media | None = None


class NativeCheck(Further):
    """A check in our own shape, as `POST /api/v1/checks` and the IQ of rulings.md 40 take it."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    id: Identifier | None = None
    kind: Literal["check"] = "check"
    type: Name
    format: Name | None = None
    observed: Moment | None = None
    payload: NativePayload
    after: Annotated[Hex, Field(min_length=64, max_length=64)] | None = None
    signature: Annotated[Hex, Field(min_length=128, max_length=128)] | None = None
    key_id: Annotated[Hex, Field(min_length=8, max_length=64)] | None = None
    proof: Literal["batch", "direct"] = "batch"
