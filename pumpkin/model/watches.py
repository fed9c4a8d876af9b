"""Watch lists: "analyse each new version of these"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pumpkin.errors import InvalidPurl, InvalidRequest
from pumpkin.model.packages import stamp
from pumpkin.model.purl import SPELLINGS, Purl, of_name


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants watched: a package by its full name, or names that begin so (`name` ends in `*`)."""

    ecosystem: str
    name: str
    priority: int = 0

    @classmethod
    def of(cls, text: str, priority: int = 0) -> Self:
        """From a purl without version, whose name may end in `*` (`pkg:npm/%40scope/*`). InvalidPurl,
        UnsupportedEcosystem, InvalidRequest (a version, or a `*` alone)."""
        if not text.endswith("*"):
            purl = Purl.package(text)
            if purl.version or purl.qualifiers or purl.subpath:
                raise InvalidRequest("Each new version is watched for: give the purl without version.")
            return cls(purl.type, purl.full_name, priority)
        if "@" in text.rpartition("/")[2]:
            raise InvalidPurl("A pattern has its '*' at the end of the name, and no version.")
        purl = Purl.package(text[:-1] + "x")  # the letter stands for what follows; taken away again
        kept = purl.full_name[:-1]
        if not kept.strip("@/:"):
            raise InvalidRequest("A pattern begins with something: all of a registry cannot be watched.")
        return cls(purl.type, kept + "*", priority)


@dataclass(frozen=True, slots=True)
class Watch:
    """A wish that is kept. `primed` once the versions that were there already are noted."""

    id: int
    ecosystem: str
    name: str
    priority: int
    owner: str
    created: datetime
    primed: bool = False
    polled: datetime | None = None
    error: str | None = None

    @property
    def exact(self) -> Purl | None:
        """The one package watched, None for a pattern."""
        return None if self.name.endswith("*") else of_name(self.ecosystem, self.name)

    def covers(self, purl: Purl) -> bool:
        """Whether this watch is about that package."""
        if purl.type != self.ecosystem:
            return False
        name = purl.full_name
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ecosystem": self.ecosystem,
            "name": self.name,
            "priority": self.priority,
            "owner": self.owner,
            "created": stamp(self.created),
            "primed": self.primed,
            "polled": stamp(self.polled),
            "error": self.error,
        }


def ecosystem_of(text: str) -> str | None:
    """The purl type somebody means by `rubygems`, `rust`, `wolfi`, ...; None for no known one."""
    return SPELLINGS.get(text.lower()) if text.isascii() else None
