"""What the web is handed of the ad hoc modules, and how each is shown: what runs here joined with its row in the
store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumpkin.errors import NotFound, Unavailable
from pumpkin.model.wire import rfc3339
from pumpkin.store import deliveries
from pumpkin.store.deliveries import DeadLetter, Standing, Try

if TYPE_CHECKING:
    from pumpkin.store.database import Database

When = Callable[[int | None], Any]


async def _absent(_: str) -> dict[str, Any]:
    raise Unavailable("No modules run on this server.")


@dataclass(frozen=True)
class Modules:
    """`statuses()` gives each configured module (name, kind, target, filter, after, enabled, actor, restarts, waiting,
    waiting_more), `trial(name)` hands one a test item and answers `{"ok", "error", "took_s"}`."""

    statuses: Callable[[], list[dict[str, Any]]] = list
    trial: Callable[[str], Awaitable[dict[str, Any]]] = _absent


def _when(micros: int | None) -> str | None:
    return rfc3339(micros) if micros else None


async def every(db: Database, modules: Modules, when: When = _when) -> list[dict[str, Any]]:
    """Every module by name: those configured, and those that once were and left something behind. Times are as `when`
    makes them of microseconds."""
    rows = {one.name: one for one in await deliveries.everything(db)}
    here = {one["name"]: one for one in modules.statuses()}
    return [_shown(name, here.get(name), rows.get(name), when) for name in sorted({*rows, *here})]


async def one(db: Database, modules: Modules, name: str, when: When = _when) -> dict[str, Any]:
    """One of them. NotFound for a name there is no module of."""
    for found in await every(db, modules, when):
        if found["name"] == name:
            return found
    raise NotFound("There is no module of this name.")


def _shown(name: str, here: dict[str, Any] | None, row: Standing | None, when: When) -> dict[str, Any]:
    return {
        "name": name,
        "kind": here["kind"] if here else row.kind if row else "",
        "target": here["target"] if here else None,
        "filter": here["filter"] if here else None,
        "after": here["after"] if here else None,
        "state": _state(here, row),
        "restarts": here["restarts"] if here else 0,
        "queue": _queue(here, row),
        "queue_more": bool(here and here["waiting_more"]),
        "behind": row.behind + row.events_behind if row else 0,
        "delivered": row.delivered if row else 0,
        "retries": row.retries if row else 0,
        "attempt": row.attempt if row else 0,
        "dead": row.dead if row else 0,
        "refused": row.refused if row else 0,
        "lost": row.lost if row else 0,
        "last_success": when(row.last_success if row else None),
        "last_error": (here and here.get("broken")) or (row.last_error or None if row else None),
        "last_error_at": when(row.last_error_at if row else None),
        "next_try": when(row.not_before if row and row.attempt else None),
    }


def _state(here: dict[str, Any] | None, row: Standing | None) -> str:
    if here is None:
        return "gone"
    if not here["enabled"]:
        return "off"
    if here.get("broken"):
        return "broken"
    if here["actor"] != "running":
        return "restarting" if here["actor"] in ("starting", "restarting") else "failed"
    if row is not None and row.paused:
        return "paused"
    return "waiting" if row is not None and row.attempt else "running"


def _queue(here: dict[str, Any] | None, row: Standing | None) -> int | None:
    """How many items wait; None where they were not counted (yet)."""
    if row is not None and not row.behind and not row.events_behind:
        return 0
    waiting: int | None = here["waiting"] if here else None
    return waiting


def try_json(one: Try) -> dict[str, Any]:
    return {
        "at": _when(one.at),
        "outcome": one.outcome,
        "items": one.items,
        "took_s": round(one.took, 3),
        "subject": one.subject,
        "error": one.error or None,
    }


def letter_json(one: DeadLetter) -> dict[str, Any]:
    return {
        "id": one.id,
        "delivery": str(one.delivery),
        "topic": one.topic,
        "subject": one.subject,
        "check": str(one.record) if one.record else None,
        "seq": one.seq,
        "data": one.data,
        "reason": one.reason,
        "tries": one.tries,
        "first": _when(one.first),
        "last": _when(one.last),
        "again": one.again,
    }
