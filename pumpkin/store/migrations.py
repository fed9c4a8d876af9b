"""Brings a database's schema forward: numbered files, each applied once, in order, never back."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from pumpkin.errors import StartError, StartRefused

LOCK = 0x70756D706B696E  # "pumpkin"; every node that starts takes it in turn
log = structlog.get_logger("pumpkin.store")
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of sql/migrations: its number, its name without number, its text."""

    number: int
    name: str
    text: str

    @property
    def full_name(self) -> str:
        """As its file is called, without ending."""
        return f"{self.number:04d}_{self.name}"

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hex: a file changed after it was applied is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(folder: Path) -> list[Migration]:
    """The migrations in `folder` by number. StartError for a number that is twice there.

    Numbers may leave gaps: parts made beside one another each have their own range."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise StartError(f"The migration {path.name} is not named like 0001_name.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text("utf-8")))
    if len({one.number for one in found}) != len(found):
        raise StartError(f"Two migrations in {folder} have the same number.")
    return found


async def missing(connection: asyncpg.Connection[Any], queries: Any, wanted: list[Migration]) -> list[Migration]:
    """Those this database has not seen. It is only read: a server that runs on it is not held up.

    StartError as `apply`.
    """
    if not await queries.migrations_counted(connection):
        return wanted
    return await _missing(connection, queries, wanted)


async def apply(connection: asyncpg.Connection[Any], queries: Any, wanted: list[Migration]) -> list[Migration]:
    """Apply what is missing, all in one transaction; what was applied. The journal names each before it is begun, as
    one may take its time.

    StartError when the database was brought further by a newer Pumpkin, or by a file that has since changed, and where
    a migration does not end in time.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await queries.migrations_lock(connection, lock=LOCK)
        await queries.migrations_table(connection)
        found = await _missing(connection, queries, wanted)
        for number, one in enumerate(found, 1):
            if len(found) < len(wanted):  # nothing to tell of an empty database
                log.info("migration", name=one.full_name, number=number, of=len(found))
            try:
                await connection.execute(one.text)
            except TimeoutError as error:
                raise StartError(
                    f"The migration {one.full_name} did not end in time; nothing was changed, try again when less is "
                    "going on in the database."
                ) from error
            await queries.migrations_add(connection, number=one.number, name=one.name, digest=one.digest)
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.commit()
    return found


async def _missing(connection: asyncpg.Connection[Any], queries: Any, wanted: list[Migration]) -> list[Migration]:
    applied = {row["number"]: row["digest"] async for row in queries.migrations_applied(connection)}
    _compare(applied, wanted)
    return [one for one in wanted if one.number not in applied]


def _compare(applied: dict[int, str], wanted: list[Migration]) -> None:
    if applied.keys() - {one.number for one in wanted}:
        raise StartRefused("The database was made by a newer Pumpkin; install that version, or a newer one.")
    for one in wanted:
        if applied.get(one.number, one.digest) != one.digest:
            raise StartRefused(f"The migration {one.full_name} was changed after this database applied it.")
