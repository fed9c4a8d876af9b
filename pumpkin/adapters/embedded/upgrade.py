"""The embedded PostgreSQL's data moved to a newer major version: dumped, loaded beside, compared, exchanged at once."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from pumpkin.adapters import dumping
from pumpkin.adapters.embedded import binaries
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.errors import StartError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2


@dataclass(frozen=True, slots=True)
class Majors:
    """The major version the data were made with, and the newest at hand."""

    kept: int
    newest: int


def majors(data: Path) -> Majors | None:
    """Those of a data folder; None where it holds no cluster of ours."""
    try:
        kept = int((data / "postgres" / "PG_VERSION").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return Majors(kept, max(major for major, _ in binaries.installations()))


async def upgrade(data: Path, found: Majors) -> Path:
    """Move the data from `kept` to `newest`; where the old cluster lies now, to be removed when all is well.

    Needs the programs of both versions, and room for the data twice and a dump. Until the exchange, which is one step,
    nothing of the old cluster is touched. StartError when a server runs, or the copy is not what the original is.
    """
    work = data / "upgrade"
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    old = EmbeddedPostgres(data)
    dsn = await old.start()
    try:
        work.mkdir(mode=0o711)
        dump = work / "database.dump"
        await dumping.dump(dsn, dump)
        new = EmbeddedPostgres(work, major=found.newest)
        copy = await new.start()
        try:
            await dumping.load(copy, dump)
            if await _weights(dsn) != await _weights(copy):
                raise StartError("The copy does not hold what the old data hold; nothing was changed.")
        finally:
            await new.stop()
        await old.stop()
        exchange(data / "postgres", work / "postgres")
        kept = data / f"postgres-{found.kept}.old"
        (work / "postgres").rename(kept)
        return kept
    finally:
        await old.stop()
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def exchange(one: Path, other: Path) -> None:
    """Each gets the other's name, in one step: a crash leaves either both old names or both new (renameat2)."""
    if _renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        raise StartError(f"{one} and {other} cannot be exchanged: {os.strerror(code)}; nothing was changed.")


async def _weights(dsn: str) -> dict[str, int]:
    """How many rows each table holds."""
    connection = await asyncpg.connect(dsn)
    try:
        text = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        tables = [row[0] for row in await connection.fetch(text)]
        return {name: await connection.fetchval(f'select count(*) from "{name}"') for name in tables}  # noqa: S608
    finally:
        await connection.close()
