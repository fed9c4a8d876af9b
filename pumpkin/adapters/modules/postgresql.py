"""Another PostgreSQL: items as rows of the table `pumpkin_events`, each once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiosql
import asyncpg
from pydantic import Field

from pumpkin.adapters.modules.base import Away, Failed, Module, Options, Outcome, Place, Refused
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item
from pumpkin.store.checks import is_content_fault
from pumpkin.store.database import AWAY, sql_folder

CONNECT_S = 10.0


class PostgresqlOptions(Options):
    create: bool = Field(True, description="Whether the table is made where there is none.")
    db_schema: str = Field(
        "", alias="schema", description="Schema of the table; empty for the account's own search path.",
        pattern=r"^([a-z_][a-z0-9_]{0,62})?$",
    )  # fmt: skip


class Postgresql(Module):
    """The target is a DSN (`postgresql://USER:PASSWORD@HOST/DB?sslmode=verify-full`), itself a secret."""

    Options = PostgresqlOptions
    batch = 500
    secret_target = True

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        if not place.target.startswith(("postgresql://", "postgres://")):
            raise StartError(f"The target of the module {place.name} is no postgresql:// address.")
        self._connection: Any = None

    async def open(self) -> None:
        settings = {
            "application_name": "pumpkin",
            **({"search_path": self.options.db_schema} if self.options.db_schema else {}),
        }
        more: dict[str, Any] = {}
        if not os.access(Path.home(), os.R_OK | os.X_OK):
            more["passfile"] = os.devnull
        try:
            self._connection = await asyncpg.connect(
                self.place.target, timeout=CONNECT_S, command_timeout=60, server_settings=settings, **more
            )
            await self._connection.set_type_codec("jsonb", encoder=str, decoder=str, schema="pg_catalog")
            if self.options.create:
                await _queries().exports_create(self._connection)
        except (*AWAY, asyncpg.PostgresError, ValueError) as error:
            raise Away(f"it cannot be written to ({_words(error)})") from None

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        try:
            await self._connection.fetch(_queries().exports_put.sql, *_columns(items, self.place.link))
        except Exception as error:
            if is_content_fault(error):
                raise (Refused if len(items) == 1 else Failed)(f"it cannot hold this ({_words(error)})") from None
            if isinstance(error, (*AWAY, asyncpg.PostgresError)):
                raise Away(f"it does not take it ({_words(error)})") from None
            raise
        return None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


@cache
def _queries() -> Any:
    return aiosql.from_path(sql_folder() / "exports", "asyncpg", mandatory_parameters=False)


def _columns(items: Sequence[Item], link: str) -> tuple[list[Any], ...]:
    return (
        [one.id for one in items],
        [one.topic for one in items],
        [datetime.fromtimestamp(one.time / 1e6, UTC) for one in items],
        [one.severity for one in items],
        [_clean(one.subject) for one in items],
        [_clean(one.agent) or None for one in items],
        [_clean(one.type) or None for one in items],
        [_clean(one.target) or None for one in items],
        [json.dumps(_clean(one.document(link)), ensure_ascii=False, allow_nan=False) for one in items],
    )


def _clean(value: Any) -> Any:
    """`value` with U+FFFD for what PostgreSQL's text cannot hold: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(name): _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value


def _words(error: BaseException) -> str:
    """The kind of error and its SQLSTATE; never its text, which may hold rows or the address."""
    state = getattr(error, "sqlstate", None)
    return type(error).__name__ + (f", {state}" if state else "")
