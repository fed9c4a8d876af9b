"""What a verified bundle claims, in words and as JSON (rulings.md 13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pumpkin.evidence import renewal

PROVEN, NOT_PROVEN, NO_TRUST, UNREADABLE = 0, 1, 3, 4

_LAST = 253_402_300_800_000_000 - 1
SELF_ASSERTED = "a local, self-asserted authority: only this installation vouches for that time, nobody else does"


@dataclass(frozen=True, slots=True)
class Time:
    """What one authority's token says. Times in microseconds; `trusted` whether its chain ends in a root given,
    `good_until` the end of its certificates and algorithms."""

    authority: str
    gen_time: int
    accuracy: int
    self_asserted: bool
    trusted: bool
    good_until: int = renewal.END

    @property
    def latest(self) -> int:
        return self.gen_time + self.accuracy

    @property
    def earliest(self) -> int:
        return self.gen_time - self.accuracy


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome for one check of a bundle. `code` is "ok" or why not; `times` one for each authority."""

    id: str
    code: str
    detail: str = ""
    agent: str = ""
    payload_size: int | None = None
    erased: bool = False
    index: int | None = None
    size: int | None = None
    origin: str = ""
    times: tuple[Time, ...] = ()
    after: Time | None = None
    after_size: int | None = None
    direct: Time | None = None
    signed_by: str = ""
    renewals: tuple[Time, ...] = ()
    log_trusted: bool = False

    @property
    def best(self) -> Time | None:
        """The earliest upper bound among authorities whose root was given, else among all."""
        trusted = [time for time in self.times if time.trusted]
        return min(trusted or self.times, key=lambda time: time.latest, default=None)

    def sentences(self) -> list[str]:
        """The claims that stand, in words. What is not trusted says on what condition it would stand."""
        if self.code != "ok":
            return []
        what = f"The record {self.id}" + ("" if self.erased else f" with its payload of {self.payload_size} bytes")
        lines = [_before(what, time) for time in self.times]
        lines += [_renewed(time) for time in self.renewals]
        place = (
            f"It stands at position {self.index} of {self.size} in the log {quoted(self.origin)}, says that log's key."
        )
        lines.append(place if self.log_trusted else _if("the log key in the bundle is that log's", place))
        lines.append(f"It names {quoted(self.agent)} as its source; that is the log's word" + self._signed())
        if self.direct and not self.erased:
            lines.append(_before("The payload alone", self.direct))
        if self.after:
            lines.append(_after(self.after))
        if self.after_size is not None:
            order = f"It was made after the log's checkpoint of {self.after_size} records, which it names."
            lines.append(order if self.log_trusted else _if("the log key in the bundle is that log's", order))
        return lines

    @property
    def not_before(self) -> int | None:
        """The lower bound in microseconds, where a token whose root was given says one."""
        return self.after.earliest if self.after and self.after.trusted else None

    def _signed(self) -> str:
        if not self.signed_by:
            return "."
        return f", and it is signed by the Ed25519 key with SHA-256 {self.signed_by}: compare it with that probe's."

    def as_json(self) -> dict[str, Any]:
        best = self.best
        return {
            "id": self.id,
            "code": self.code,
            "detail": self.detail,
            "index": self.index,
            "size": self.size,
            "erased": self.erased,
            "not_before": moment(self.not_before),
            "not_after": moment(best.latest) if best else None,
            "renewals": [
                {"authority": time.authority, "gen_time": moment(time.gen_time), "trusted": time.trusted}
                for time in self.renewals
            ],
            "authorities": [
                {
                    "authority": time.authority,
                    "gen_time": moment(time.gen_time),
                    "accuracy_s": time.accuracy / 1e6,
                    "self_asserted": time.self_asserted,
                    "trusted": time.trusted,
                }
                for time in self.times
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for a bundle. `code` is "proven", "trust" (nothing wrong, but nobody vouches), "unreadable", or why
    it is not proven."""

    code: str
    detail: str = ""
    checks: tuple[CheckReport, ...] = ()
    root_trusted: bool = False
    log_trusted: bool = False
    warnings: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.code == "proven"

    @property
    def exit_status(self) -> int:
        return {"proven": PROVEN, "trust": NO_TRUST, "unreadable": UNREADABLE}.get(self.code, NOT_PROVEN)

    @property
    def claims(self) -> list[str]:
        if self.exit_status in (NOT_PROVEN, UNREADABLE):
            return []
        return [sentence for check in self.checks for sentence in check.sentences()]

    def as_json(self) -> dict[str, Any]:
        """Ruling 13's members, of the first check where there are several; each check's own stand in `checks`."""
        first = self.checks[0] if self.checks else None
        stands = first if first and self.exit_status in (PROVEN, NO_TRUST) else None
        best = stands.best if stands else None
        return {
            "ok": self.ok,
            "code": self.code,
            "detail": self.detail,
            "claims": self.claims,
            "not_before": moment(stands.not_before) if stands else None,
            "not_after": moment(best.latest) if best else None,
            "authority": best.authority if best else None,
            "self_asserted": best.self_asserted if best else None,
            "accuracy_s": best.accuracy / 1e6 if best else None,
            "index": first.index if first else None,
            "size": first.size if first else None,
            "trust": {"root": self.root_trusted, "log_key": self.log_trusted},
            "roots_in_bundle": list(self.fingerprints),
            "checks": [check.as_json() for check in self.checks],
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """The outcome for people: one word, then a claim a line."""
        if self.code == "trust":
            head = "consistent, but trust is not established: give the authority's root with --root"
        else:
            head = "proven" if self.ok else f"not proven: {self.code}" if self.code != "unreadable" else "unreadable"
        lines = [head + (f" ({self.detail})" if self.detail else "")]
        lines += [f"  {sentence}" for sentence in self.claims]
        if not self.root_trusted and self.exit_status == NO_TRUST:
            lines += [
                f"  root in the bundle, SHA-256 {one}: compare it with one got elsewhere" for one in self.fingerprints
            ]
        return "\n".join([*lines, *(f"  note: {one}" for one in self.warnings)])


def moment(micros: int | None) -> str | None:
    """RFC 3339 in UTC with microseconds; times past the year 9999 are its end."""
    if micros is None:
        return None
    whole, rest = divmod(min(max(micros, 0), _LAST), 1_000_000)
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}Z"


def quoted(text: str) -> str:
    """A name from the bundle, in quotation marks and without what a terminal would obey."""
    return '"' + "".join(char if char.isprintable() and char != '"' else "?" for char in text[:300]) + '"'


def _before(what: str, time: Time) -> str:
    accuracy = f"accurate to {time.accuracy / 1e6:g} s"
    said = f"{what} existed before {moment(time.latest)}, says {quoted(time.authority)} ({accuracy})"
    said += f", {SELF_ASSERTED}." if time.self_asserted else "."
    return said if time.trusted else _if(f"the root of {quoted(time.authority)} is genuine", said)


def _renewed(time: Time) -> str:
    said = f"The proof was renewed at {moment(time.gen_time)} by {quoted(time.authority)}"
    said += f", {SELF_ASSERTED}." if time.self_asserted else "."
    return said if time.trusted else _if(f"the root of {quoted(time.authority)} is genuine", said)


def _after(time: Time) -> str:
    said = f"It was made after {moment(time.earliest)}, when {quoted(time.authority)} issued a token that it names"
    said += f", {SELF_ASSERTED}." if time.self_asserted else "."
    return said if time.trusted else _if(f"the root of {quoted(time.authority)} is genuine", said)


def _if(condition: str, sentence: str) -> str:
    return f"Only if {condition}: {sentence[0].lower()}{sentence[1:]}"
