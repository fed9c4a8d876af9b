"""Time-stamp authorities added while the server runs, how they are doing, and the alerts about them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """An authority to ask. `roots` are DER; times in seconds, `added` in microseconds; user name and password are for
    HTTP Basic, empty where there is none."""

    name: str
    url: str
    roots: tuple[bytes, ...]
    policy: str | None = None
    min_interval: float = 0.0
    timeout: float = 5.0
    username: str = ""
    password: str = field(default="", repr=False)
    added: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """Something wrong: `rule` names what, `authority` whose fault it is ("" for all together); times microseconds."""

    n: int
    rule: str
    authority: str
    severity: str
    detail: Mapping[str, Any]
    raised: int
    resolved: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "rule": self.rule,
            "authority": self.authority,
            "severity": self.severity,
            "detail": dict(self.detail),
            "raised": self.raised,
            "resolved": self.resolved,
        }


async def entries(db: Database) -> list[Entry]:
    """The authorities added, oldest first."""
    async with db.reader() as connection:
        rows = [dict(row) async for row in db.queries.authorities_all(connection)]
    return [Entry(**{**row, "roots": tuple(row["roots"]), "password": _opened(db, row)}) for row in rows]


def _opened(db: Database, row: Mapping[str, Any]) -> str:
    """The password in a row. Unavailable under another node's key."""
    kept: str = row["password"]
    return db.vault.open(kept, f"authority:{row['name']}") if kept and db.vault is not None else kept


async def close_passwords(db: Database) -> None:
    """Close the passwords that lie open: kept before there was a vault, or by a command that had no key to it."""
    async with db.reader() as connection:
        open_ = [row["name"] async for row in db.queries.authorities_open(connection)]
    for entry in await entries(db) if open_ and db.vault is not None else ():
        if entry.name in open_:
            await add(db, entry)


async def add(db: Database, entry: Entry) -> None:
    """Keep an authority; one of the same name is replaced. A running server asks it within seconds. Its password is
    closed where there is a vault."""
    password = entry.password
    if password and db.vault is not None:
        password = db.vault.close(password, f"authority:{entry.name}")
    async with db.writer() as connection:
        await db.queries.authorities_add(
            connection,
            name=entry.name,
            url=entry.url,
            roots=list(entry.roots),
            policy=entry.policy,
            min_interval=entry.min_interval,
            timeout=entry.timeout,
            username=entry.username,
            password=password,
            added=entry.added or _now(),
        )


async def remove(db: Database, name: str) -> bool:
    """Ask an authority no more; False when there is none of that name. Its stamps stay, and stay valid."""
    async with db.writer() as connection:
        return await db.queries.authorities_remove(connection, name=name) is not None


async def raise_alert(
    db: Database, *, rule: str, authority: str, severity: str, detail: Mapping[str, Any]
) -> int | None:
    """Keep an alert; its number, None when it stands already."""
    async with db.writer() as connection:
        number: int | None = await db.queries.authorities_raise(
            connection, rule=rule, authority=authority, severity=severity, detail=dict(detail), raised=_now()
        )
    return number


async def resolve_alert(db: Database, *, rule: str, authority: str) -> int | None:
    """Say that an alert is over; its number, None when it did not stand."""
    async with db.writer() as connection:
        number: int | None = await db.queries.authorities_resolve(
            connection, rule=rule, authority=authority, resolved=_now()
        )
    return number


async def alerts(db: Database, *, standing: bool = True, most: int = 100) -> list[Alert]:
    """The alerts that stand; with `standing` false those that are over too, newest first after the standing ones."""
    async with db.reader() as connection:
        rows = db.queries.authorities_alerts(connection, standing=standing, most=most)
        return [Alert(**row) async for row in rows]


async def keep_states(db: Database, statuses: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep how authorities are doing, by name."""
    async with db.writer() as connection:
        await db.queries.authorities_keep(
            connection, names=list(statuses), statuses=[dict(one) for one in statuses.values()], at=_now()
        )


async def states(db: Database) -> dict[str, tuple[Mapping[str, Any], int]]:
    """How each authority was doing when that last changed, and when that was."""
    async with db.reader() as connection:
        return {row["name"]: (row["status"], row["at"]) async for row in db.queries.authorities_states(connection)}


async def forget_state(db: Database, name: str) -> None:
    """Nobody asks this authority any more."""
    async with db.writer() as connection:
        await db.queries.authorities_forget(connection, name=name)


def _now() -> int:
    return time.time_ns() // 1_000
