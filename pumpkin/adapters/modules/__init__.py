"""Ad hoc modules: what hands checks, reports, alerts and events to other systems; found by name or by entry point."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pumpkin.adapters.modules.base import (
    Away,
    DeliveryError,
    Failed,
    Module,
    Options,
    Outcome,
    Place,
    Refused,
    read_options,
)
from pumpkin.errors import StartError

__all__ = [
    "Away",
    "DeliveryError",
    "Failed",
    "Kind",
    "Module",
    "Options",
    "Outcome",
    "Place",
    "Refused",
    "kinds",
    "make",
]

GROUP = "pumpkin.modules"
OWN = {
    "webhook": "webhook:Webhook",
    "slack": "chat:Slack",
    "matrix": "chat:Matrix",
    "email": "mail:Mail",
    "jsonl": "lines:JsonLines",
    "syslog": "syslog:Syslog",
    "postgresql": "postgresql:Postgresql",
    "elasticsearch": "elasticsearch:Elasticsearch",
    "misp": "misp:Misp",
    "taxii": "taxii:Taxii",
}
"""The kinds that come with Pumpkin: file and class in this folder."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of module there is: its name, and the distribution it comes from."""

    name: str
    source: str
    _point: EntryPoint | None = None

    def load(self) -> type[Module]:
        """Its class. StartError, one sentence, when it cannot be loaded."""
        try:
            if self._point is not None:
                found = self._point.load()
            else:
                room, _, name = OWN[self.name].partition(":")
                found = getattr(import_module(f"pumpkin.adapters.modules.{room}"), name)
        except ImportError as error:
            hint = " (install pumpkin[formats])" if self._point is None else ""
            raise StartError(
                f"The module kind {self.name} of {self.source} lacks {error.name or 'a part'}{hint}."
            ) from None
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:200]
            raise StartError(f"The module kind {self.name} of {self.source} cannot be loaded: {why}.") from error
        if not (isinstance(found, type) and issubclass(found, Module)):
            raise StartError(f"The module kind {self.name} of {self.source} is no subclass of Module.")
        return found


def kinds() -> dict[str, Kind]:
    """Every kind by name. An entry point cannot take the name of one of ours; of two others the first by distribution
    counts."""
    found = {name: Kind(name, "pumpkin") for name in OWN}
    points = entry_points(group=GROUP)
    for point in sorted(points, key=lambda one: (one.name, one.dist.name if one.dist else "")):
        found.setdefault(point.name, Kind(point.name, point.dist.name if point.dist else "an entry point", point))
    return found


def make(kind: str, place: Place, options: dict[str, Any]) -> Module:
    """A module, not yet opened. StartError, one sentence, for an unknown kind or a target or option that cannot
    work."""
    known = kinds()
    if kind not in known:
        raise StartError(f"The module {place.name} is of the kind {kind}, which is none of {', '.join(sorted(known))}.")
    wanted = known[kind].load()
    try:
        return wanted(place, read_options(wanted, place.name, options))
    except StartError:
        raise
    except Exception as error:  # a third party's: its fault is its own module's alone
        raise StartError(f"The module {place.name} cannot be made: {type(error).__name__}.") from error
