"""The databases of SCANDALE and Pack-a-mal, read in their order and left as they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiosql
import asyncpg

from pumpkin.errors import StartError
from pumpkin.store.database import AWAY, connect, sql_folder

STRETCH = 100
_APPLICATION = re.compile(r"[a-z][a-z0-9_]{0,40}_\Z")


class Foreign:
    """One opened database and its named queries. StartError where its tables are not there, or other than those of that
    system."""

    def __init__(self, connection: Any, queries: Any) -> None:
        self._connection, self._queries = connection, queries

    async def rows(self, name: str) -> AsyncIterator[Any]:
        """Every row of a query, by a cursor: also those whose ids are missing, repeated or of another kind."""
        with _reading():
            async for row in self._connection.cursor(getattr(self._queries, name).sql, prefetch=STRETCH):
                yield row

    async def all(self, name: str) -> list[Any]:
        """Every row of a query without bounds."""
        with _reading():
            return [row async for row in getattr(self._queries, name)(self._connection)]


@contextmanager
def _reading() -> Iterator[None]:
    """Our names for what asyncpg says while it reads; what its caller does with a row is not named anew, for typed
    errors pass."""
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        missing = re.sub(r'^relation "(.*)" does not exist$', r'it has no table "\1"', error.message or "")
        raise StartError(f"The database to import from is not of that kind: {missing}.") from None
    except AWAY as error:
        raise StartError(f"The database to import from went away: {_said(error)}.") from None
    except asyncpg.PostgresError as error:
        raise StartError(f"The database to import from is not of that kind: {_said(error)}.") from None


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@asynccontextmanager
async def scandale(dsn: str) -> AsyncIterator[Foreign]:
    """SCANDALE's database: `imports_items`, `imports_tokens`."""
    async with _opened(dsn) as connection:
        yield Foreign(connection, _queries("scandale", ""))


@asynccontextmanager
async def packamal(dsn: str) -> AsyncIterator[Foreign]:
    """Pack-a-mal's: `imports_reports`, `imports_keys`."""
    async with _opened(dsn) as connection:
        application = await _queries("packamal", "").imports_application(connection)
        if application is None or not _APPLICATION.match(application):
            raise StartError("This is no database of Pack-a-mal: it has no table of dynamic analyses.")
        yield Foreign(connection, _queries("packamal", application))


def _queries(name: str, application: str) -> Any:
    text = (sql_folder() / "imports" / f"{name}.sql").read_text("utf-8")
    return aiosql.from_str(text.replace("APP_", application), "asyncpg", mandatory_parameters=False)


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[Any]:
    try:
        connection = await connect(dsn)
    except (*AWAY, asyncpg.PostgresError, ValueError) as error:
        raise StartError(f"The database to import from cannot be reached: {_said(error)}.") from None
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    finally:
        await connection.close(timeout=5)
