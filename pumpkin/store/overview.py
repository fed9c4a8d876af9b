"""What the pages show at a glance: how far log and authorities are, who the agents are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heads:
    """Checks stored and sealed, and the newest stamp of each authority (rows of authority, size, gen_time, ...)."""

    stored: int
    sealed: int
    sealed_at: int | None
    stamps: tuple[Row, ...]

    def state(self, seq: int) -> tuple[str, int]:
        """A check's state by its place, and how many authorities stamped it."""
        stamped = sum(1 for stamp in self.stamps if stamp["size"] > seq)
        return ("stamped" if stamped else "sealed" if self.sealed > seq else "stored"), stamped


async def heads(db: Database) -> Heads:
    """How far log and authorities are now."""
    async with db.reader() as connection:
        row = await db.queries.overview_heads(connection)
        stamps = [dict(stamp) async for stamp in db.queries.overview_stamp_heads(connection)]
    return Heads(row["stored"], row["sealed"], row["sealed_at"], tuple(stamps))


async def _rows(db: Database, name: str, **values: Any) -> list[Row]:
    async with db.reader() as connection:
        return [dict(row) async for row in getattr(db.queries, name)(connection, **values)]


async def sizes_at(db: Database, times: Sequence[int]) -> list[int]:
    """How many checks the log held at each of `times` (ascending microseconds)."""
    return [row["size"] for row in await _rows(db, "overview_log_sizes_at", times=list(times))]


async def stamped_at(db: Database, times: Sequence[int]) -> list[int]:
    """How many checks, from the first on, some authority had stamped at each of `times` (ascending microseconds)."""
    return [row["size"] for row in await _rows(db, "overview_stamped_at", times=list(times))]


async def newest_checks(db: Database, most: int) -> list[Row]:
    """The newest checks in outline."""
    return await _rows(db, "overview_newest_checks", most=most)


async def newest_stamps(db: Database, most: int, before: int | None = None) -> list[Row]:
    """Stamps, newest first, before the stamp id `before`."""
    return await _rows(db, "overview_newest_stamps", most=most, before=before)


async def stamp_waits(db: Database, most: int) -> list[Row]:
    """The newest stamps, oldest first: how long (microseconds) the first record each covers had waited for it."""
    return await _rows(db, "overview_stamp_waits", most=most)


async def newest_checkpoints(db: Database, most: int, before: int | None = None) -> list[Row]:
    """Checkpoints, newest first, below the size `before`."""
    return await _rows(db, "overview_newest_checkpoints", most=most, before=before)


async def agent_outline(db: Database, most: int = 10_000) -> list[Row]:
    """Every agent in a line (jid, state, first_seen, last_seen, last_check, troubled), by name."""
    return await _rows(db, "overview_agent_outline", most=most)


async def agent_choices(db: Database, most: int) -> list[Row]:
    """The approved agents by name (jid, duties, tags, site)."""
    return await _rows(db, "overview_agent_choices", most=most)


async def agent_list(
    db: Database,
    *,
    after: str = "",
    state: str | None = None,
    duty: str | None = None,
    tag: str | None = None,
    q: str | None = None,
    only: Sequence[str] | None = None,
    most: int,
) -> list[Row]:
    """Agents by name after `after`; `only` restricts them to these JIDs."""
    names = None if only is None else list(only)
    return await _rows(
        db, "overview_agent_list", after=after, state=state, duty=duty, tag=tag, q=q, only=names, most=most
    )


async def newcomers(db: Database, most: int) -> list[Row]:
    """Agents that wait for approval, in the order in which they came."""
    return await _rows(db, "overview_newcomers", most=most)


async def agent_strips(db: Database, jids: Sequence[str], days: int) -> dict[str, dict[date, float]]:
    """Seconds available by agent and day, over the last `days` days."""
    found: dict[str, dict[date, float]] = {jid: {} for jid in jids}
    for row in await _rows(db, "overview_agent_strips", jids=list(jids), days=days):
        found[row["jid"]][row["day"]] = row["up_s"]
    return found


async def agent_messages(db: Database, jid: str, most: int, before: int | None = None) -> list[Row]:
    """What an agent sent and got, newest first, before the message number `before`."""
    return await _rows(db, "overview_agent_messages", jid=jid, most=most, before=before)
