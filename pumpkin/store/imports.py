"""The databases of SCANDALE and Pack-a-mal, read in their order and left as they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosql
import asyncpg

from pumpkin.errors import StartError
from pumpkin.store.database import AWAY, connect, sql_folder

STRETCH = 500
_APPLICATION = re.compile(r"[a-z][a-z0-9_]{0,40}_\Z")


class Foreign:
    """One opened database: `rows(name)` gives a named query's rows, by stretches. StartError where its tables are not
    there."""

    def __init__(self, connection: Any, queries: Any) -> None:
        self._connection, self._queries = connection, queries

    async def rows(self, name: str) -> AsyncIterator[Any]:
        """Every row of a query that goes on `after` an id."""
        after = -(2**31)  # below every id of a serial column
        while True:
            count = 0
            async for row in getattr(self._queries, name)(self._connection, after=after, most=STRETCH):
                count, after = count + 1, row["id"]
                yield row
            if count < STRETCH:
                return

    async def all(self, name: str) -> list[Any]:
        """Every row of a query without bounds."""
        return [row async for row in getattr(self._queries, name)(self._connection)]


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
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise StartError(f"The database to import from cannot be reached: {why}.") from None
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection
    except asyncpg.UndefinedTableError as error:
        missing = re.sub(r'^relation "(.*)" does not exist$', r'it has no table "\1"', error.message or "")
        raise StartError(f"The database to import from is not of that kind: {missing}.") from None
    finally:
        await connection.close(timeout=5)
