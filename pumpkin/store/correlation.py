"""What the correlator reads and keeps: the checks in outline, the values rules ask for, its place and its states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumpkin.model.alerts.book import Change
from pumpkin.model.rules.sighting import Sighting, parts
from pumpkin.store import alerts

if TYPE_CHECKING:
    from pumpkin.store.database import Database

LEASE_US = 30_000_000
KEPT_AT_ONCE = 1_000
VALUES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Place:
    """How far correlation is: `handled` checks had their say, the states kept are those after `kept`; `size` is how
    many checks there are, `acts` counts what people did; `begun` is false on a log nobody correlated yet."""

    handled: int
    kept: int
    begun: bool
    acts: int
    size: int


class Lost(Exception):
    """Another process correlates now; this one waits until that is over."""


async def look(db: Database, holder: str) -> Place:
    """Where it stands. Lost where another holds it."""
    async with db.reader() as connection:
        row = await db.queries.correlation_look(connection)
    if row["holder"] != holder:
        raise Lost
    return Place(row["handled"], row["kept"], row["begun"], row["acts"], row["size"])


async def hold(db: Database, holder: str, now: int) -> bool:
    """Be, or stay, the one that correlates; False while another does."""
    async with db.writer() as connection:
        row = await db.queries.correlation_hold(connection, holder=holder, now=now, lease=LEASE_US)
    return row is not None


async def release(db: Database, holder: str) -> None:
    async with db.writer() as connection:
        await db.queries.correlation_release(connection, holder=holder)


async def write(db: Database, holder: str, before: int, handled: int, changes: Sequence[Change]) -> None:
    """What rules said about the checks up to `handled`, and that they were handled, in one transaction. Lost where
    another process was faster: then nothing is written."""
    async with db.writer() as connection, connection.transaction():
        moved = await db.queries.correlation_move(connection, holder=holder, before=before, handled=handled)
        if moved is None:
            raise Lost
        await alerts.apply(connection, db.queries, changes)


async def sightings(
    db: Database, start: int, stop: int, paths: Callable[[str, str, str], frozenset[str] | None]
) -> list[Sighting]:
    """Checks `start` up to (not with) `stop` in outline, with the values `paths(kind, type, agent)` asks for; None
    there means that no rule looks at such a check, and it is left out."""
    async with db.reader() as connection:
        rows = await connection.fetch(db.queries.correlation_sightings.sql, start, stop)
        wanted: dict[frozenset[str], list[int]] = {}
        kept = []
        for row in rows:
            asked = paths(row["kind"], row["type"], row["agent"])
            if asked is None:
                continue
            kept.append(row)
            deep = frozenset(one for one in asked if "." in one or one == "source")
            if deep:
                wanted.setdefault(deep, []).append(row["seq"])
        values: dict[int, dict[str, Any]] = {}
        for deep, seqs in wanted.items():
            await _values(db, connection, sorted(deep), seqs, values)
    return [Sighting(**dict(row), values=values.get(row["seq"], {})) for row in kept]


async def _values(
    db: Database, connection: Any, names: Sequence[str], seqs: Sequence[int], into: dict[int, dict[str, Any]]
) -> None:
    paths = [_array(parts(name)) for name in names]
    for first in range(0, len(seqs), VALUES_AT_ONCE):
        portion = list(seqs[first : first + VALUES_AT_ONCE])
        async for row in db.queries.correlation_values(connection, paths=paths, seqs=portion):
            found = zip(names, row["values"], strict=True)
            into[row["seq"]] = {name: value for name, value in found if value is not None}


def _array(steps: Iterable[str]) -> str:
    """A path as PostgreSQL's text array."""
    escaped = (one.replace("\\", "\\\\").replace('"', '\\"') for one in steps)
    return "{" + ",".join(f'"{one}"' for one in escaped) + "}"


async def since(db: Database, at: int, reach: int) -> int:
    """The place of the first check received at or after `at`, looking back over `reach` checks at most."""
    async with db.reader() as connection:
        return int(await db.queries.correlation_since(connection, at=at, reach=reach))


async def states(db: Database) -> dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]]:
    """The states kept: (group, state) by rule and digest."""
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = {}
    async with db.reader() as connection:
        async for row in db.queries.correlation_states(connection):
            found.setdefault((row["rule"], row["digest"]), []).append((row["key"], row["state"]))
    return found


async def keep(
    db: Database,
    holder: str,
    kept: int,
    changed: Sequence[tuple[str, str, str, Mapping[str, Any] | None]],
    rules: Mapping[str, str],
) -> None:
    """The states that changed (rule, digest, group, state or None), as they are after the checks below `kept`, in one
    transaction; those of rules other than `rules` (digest by name) go."""
    there = [one for one in changed if one[3] is not None]
    gone = [one for one in changed if one[3] is None]
    async with db.writer() as connection, connection.transaction():
        if await db.queries.correlation_kept(connection, holder=holder, kept=kept) is None:
            raise Lost
        await db.queries.correlation_retain(connection, rules=list(rules), digests=list(rules.values()))
        for first in range(0, len(there), KEPT_AT_ONCE):
            part = there[first : first + KEPT_AT_ONCE]
            await db.queries.correlation_keep(
                connection,
                rules=[one[0] for one in part],
                digests=[one[1] for one in part],
                keys=[one[2] for one in part],
                states=[one[3] for one in part],
            )
        if gone:
            await db.queries.correlation_forget(
                connection, rules=[one[0] for one in gone], keys=[one[2] for one in gone]
            )
