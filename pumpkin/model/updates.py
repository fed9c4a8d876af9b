"""A probe told to update itself: to which kits, by their digests, and what it says of that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pumpkin.errors import InvalidRequest

STATES = ("waiting", "trying", "done", "failed")
KITS_LIMIT = 200
SAID_LIMIT = 500
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class KitLike(Protocol):
    """A kit as it is offered."""

    @property
    def tag(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Update:
    """Update to `version`: `kits` names the kit of each kind of host (`adapters.kit.tag()`) by its SHA-256 in hex.
    `id` is when it was told, in microseconds; one that is not above the last a probe tried is not tried."""

    id: int
    version: str
    kits: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """As it stands in a signed order."""
        return {"id": self.id, "version": self.version, "kits": dict(self.kits)}


@dataclass(frozen=True, slots=True)
class Said:
    """What a probe says of the update `id`: one of STATES, and why."""

    id: int
    state: str
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "state": self.state, "said": self.text}


def offered(kits: Iterable[KitLike]) -> tuple[str, dict[str, str]]:
    """The version of the first kit (the server's own), and all kits of that version by tag: those of another version,
    laid beside it long ago, are for nobody. InvalidRequest when there is none."""
    listed = list(kits)
    if not listed:
        raise InvalidRequest("This server has no kit to update probes to.")
    version = listed[0].version
    return version, {one.tag: one.sha256 for one in reversed(listed) if one.version == version and one.tag}


def read_update(given: Any) -> Update | None:
    """The update in an order's document, None where it names none; InvalidRequest for what is none."""
    if given is None:
        return None
    number, version, kits = (
        (given.get(key) for key in ("id", "version", "kits")) if isinstance(given, dict) else [None] * 3
    )
    if not (
        isinstance(number, int)
        and number > 0
        and isinstance(version, str)
        and 0 < len(version) <= 100
        and isinstance(kits, dict)
        and len(kits) <= KITS_LIMIT
        and all(isinstance(one, str) and _SHA256.match(one) for one in kits.values())
    ):
        raise InvalidRequest("The order's update names no version or no kits by their SHA-256.")
    return Update(number, version, kits)


def read_said(given: Any) -> Said | None:
    """What an agent's report says of its update; None for what is none."""
    if not isinstance(given, Mapping) or given.get("state") not in STATES:
        return None
    number = given.get("id")
    if not isinstance(number, int) or not 0 < number < 2**63:
        return None
    return Said(number, given["state"], str(given.get("said", ""))[:SAID_LIMIT].replace("\x00", "\ufffd"))
