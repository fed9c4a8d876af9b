"""Connections to PostgreSQL: one that writes, a few that read, each opened again when the server was away.

Connections are kept without the reset a pool does between two uses (it costs six times the query); so nothing here may
leave session state behind: no SET, no temporary table, no LISTEN.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import aiosql
import asyncpg

from pumpkin.errors import InvalidRequest, StartError, Unavailable
from pumpkin.model.vault import Vault
from pumpkin.store import migrations

READERS = 4
CONNECT_S = 5.0
COMMAND_S = 60.0  # the longest any one statement may take
MIGRATION_S = 86_400.0  # the same of a migration, which may rewrite a table of any size
PAUSE_S = (0.02, 1.0)  # after a failed connect: the first and the longest time in which none is tried

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the connection broke between two of its messages
    asyncpg.InsufficientResourcesError,  # a full disk, no memory, too many connections
    asyncpg.OperatorInterventionError,  # starting, stopping, crashed, or the statement was cancelled
    asyncpg.PostgresSystemError,  # the disk fails
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What says that the server is away or cannot do it now, and not that the question was wrong."""


STANDS = (
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.QueryCanceledError,
)
"""Those of them after which the connection is as good as before: with a full disk there may be no other to be had."""


NOT_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""Those which say that a text has U+0000 in it, which PostgreSQL cannot keep: a fault of who sent it."""


CROWDED = (asyncpg.DiskFullError, asyncpg.PostgresSystemError, asyncpg.ReadOnlySQLTransactionError)
"""Those which say that there is no room, or no disk, to write on."""


def _is_away(error: BaseException) -> bool:
    """An argument that does not fit its column is an InterfaceError too, but also a ValueError."""
    return isinstance(error, AWAY) and not isinstance(error, ValueError)


def sql_folder() -> Path:
    """The folder sql: in the package (wheel), else beside it (checkout)."""
    package = Path(__file__).parent.parent
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "migrations").is_dir():
            return folder
    raise StartError("The folder sql is not part of this installation; install Pumpkin again.")


@cache
def load_queries(folder: Path) -> Any:
    """The named queries of sql/queries, as coroutines of a connection."""
    return aiosql.from_path(folder / "queries", "asyncpg", mandatory_parameters=False)


class Database:
    """The store's door. `async with db.writer() as connection` is the one that writes, held by one task at a time;
    `db.reader()` one of a few that read. `queries` are the named ones of sql/queries.

    Both raise Unavailable while PostgreSQL is away; the next use tries again, at most once in a growing pause.
    InvalidRequest says that a text holds U+0000.
    """

    def __init__(self, dsn: str, *, sql: Path | None = None, readers: int = READERS) -> None:
        self.dsn = dsn
        self.sql = sql or sql_folder()
        self.queries: Any = load_queries(self.sql)
        server = _Server(dsn)
        self._writer = _Line(server, "auto")
        # A plan kept from when a table was small would read all of it when it is large; planning anew costs 0.1 ms.
        self._readers = [_Line(server, "force_custom_plan") for _ in range(readers)]
        self.vault: Vault | None = None
        """What secrets that are read again are closed with; without one (in a command) they are left as they lie."""
        self.refused = ""
        """Why the server last refused to write, for want of room or by its disk's fault; "" once a trial went well."""
        self._idle = list(self._readers)
        self._free = asyncio.Semaphore(readers)

    @classmethod
    async def open(cls, dsn: str, *, sql: Path | None = None, readers: int = READERS) -> Database:
        """Connect and bring the schema forward. StartError, one sentence, when that cannot be."""
        await migrate(dsn, sql=sql)
        return cls(dsn, sql=sql, readers=readers)

    async def close(self) -> None:
        """Close every connection; a statement under way is given two seconds."""
        await asyncio.gather(*(line.close() for line in (self._writer, *self._readers)))

    @contextlib.asynccontextmanager
    async def writer(self) -> AsyncIterator[Any]:
        """The connection that writes. Each statement commits by itself unless a transaction is opened on it."""
        try:
            async with self._writer.use() as connection:
                yield connection
        except Unavailable as error:
            if isinstance(error.__cause__, CROWDED):
                self.refused = " ".join(str(error.__cause__).split())[:200] or "the disk refuses writes"
            raise

    @contextlib.asynccontextmanager
    async def reader(self) -> AsyncIterator[Any]:
        """A connection to read with; the one used last is handed out first, its plans are warm."""
        async with self._free:
            line = self._idle.pop()
            try:
                async with line.use() as connection:
                    yield connection
            finally:
                self._idle.append(line)


class _Server:
    """What all connections know of the server: after a failed connect none is tried for a growing pause."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pause_s = 0.0
        self._not_before_s = 0.0

    async def connect(self, plans: str) -> Any:
        if time.monotonic() < self._not_before_s:
            raise Unavailable("The database is away at the moment; try again.")
        try:
            connection = await connect(self._dsn, plans=plans)
        except (*AWAY, asyncpg.PostgresError) as error:
            self._pause_s = min(max(self._pause_s * 2, PAUSE_S[0]), PAUSE_S[1])
            self._not_before_s = time.monotonic() + self._pause_s
            raise Unavailable("The database cannot be reached at the moment; try again.") from error
        self._pause_s = self._not_before_s = 0.0
        return connection


class _Line:
    """One connection that comes back: opened at first use, dropped when it broke, for one task at a time."""

    def __init__(self, server: _Server, plans: str) -> None:
        self._server = server
        self._plans = plans
        self._lock = asyncio.Lock()
        self._connection: Any = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        async with self._lock:
            connection = await self._opened()
            try:
                yield connection
            except asyncio.CancelledError:
                # What was asked goes on at the server: a BEGIN not answered yet would take in the next statement and
                # lose it with the connection, after it was acknowledged; a cancel under way would hit it.
                self._drop()
                raise
            except NOT_TEXT as error:
                raise InvalidRequest("Text with the character U+0000 cannot be kept.") from error
            except Exception as error:
                if not _is_away(error) and not connection.is_closed():
                    raise
                if not isinstance(error, STANDS):
                    self._drop()
                raise Unavailable("The database does not answer at the moment; try again.") from error
            finally:
                if not connection.is_closed() and connection.is_in_transaction():
                    self._drop()  # cut off in the middle: what it was doing must not be committed by the next

    async def _opened(self) -> Any:
        if self._closed:
            raise Unavailable("The database was closed here; Pumpkin is stopping.")
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._server.connect(self._plans)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except (*AWAY, asyncpg.PostgresError):
                connection.terminate()


async def connect(dsn: str, *, plans: str = "auto", command_s: float = COMMAND_S) -> Any:
    """A connection of ours: JSON as Python values, a deadline for connecting and (`command_s`) for each statement.

    `plans` is PostgreSQL's plan_cache_mode.
    """
    more: dict[str, Any] = {}
    if not os.access(Path.home(), os.R_OK | os.X_OK):
        # asyncpg looks below HOME for passwords and certificates and fails where it may not look.
        more["passfile"] = os.devnull
        if "host=%2F" not in dsn and "sslmode=" not in dsn:
            more["ssl"] = False
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_S,
        command_timeout=command_s,
        statement_cache_size=500,
        max_cached_statement_lifetime=0,
        server_settings={"application_name": "pumpkin", "jit": "off", "plan_cache_mode": plans},
        **more,
    )
    await connection.set_type_codec("jsonb", encoder=_json, decoder=json.loads, schema="pg_catalog")
    return connection


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


async def migrate(
    dsn: str, *, dry_run: bool = False, sql: Path | None = None, within_s: float = MIGRATION_S
) -> list[str]:
    """Bring the schema at `dsn` forward; the names of the migrations applied, or with `dry_run`, which only reads, of
    those missing. Each statement may take `within_s`.

    StartError when the server cannot be reached or refuses; its sentence holds no password.
    """
    folder = sql or sql_folder()
    try:
        connection = await connect(dsn, command_s=COMMAND_S if dry_run else within_s)
    except (*AWAY, asyncpg.PostgresError, ValueError) as error:
        raise StartError(f"PostgreSQL cannot be reached ({type(error).__name__}: {_bare(error, dsn)}).") from error
    try:
        wanted = migrations.read(folder / "migrations")
        work = migrations.missing if dry_run else migrations.apply
        return [one.full_name for one in await work(connection, load_queries(folder), wanted)]
    except (*AWAY, asyncpg.PostgresError) as error:
        raise StartError(f"PostgreSQL refused to make the tables ({_bare(error, dsn)}).") from error
    finally:
        await connection.close(timeout=CONNECT_S)


def _bare(error: BaseException, dsn: str) -> str:
    """An error's first line, without the DSN it may repeat."""
    text = " ".join(str(error).split())[:200]
    return text.replace(dsn, "the given address") or "no answer"
