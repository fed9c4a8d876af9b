"""Where a command works: the data folder in force, and the database of a server that runs or rests."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from pumpkin import identity
from pumpkin import settings as configuration
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from pumpkin.building.ground import called, mark_of
from pumpkin.commands.options import config_option as config_option
from pumpkin.commands.options import data_option as data_option
from pumpkin.commands.options import json_option as json_option
from pumpkin.errors import PumpkinError, StartError
from pumpkin.model.vault import Vault
from pumpkin.settings import Settings
from pumpkin.store import audit
from pumpkin.store.database import Database, migrate


@asynccontextmanager
async def database(
    settings: Settings,
    *,
    make: bool = False,
    older: bool = False,
    filled_by: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Database]:
    """The store: the external one, that of the server running on this folder, else one started for the while.

    Only with `make` (what may come before the first `pumpkin run`) or `filled_by` is one made where there is none; else
    StartError: a mistyped folder must not answer "no faults found". `filled_by(dsn)` is awaited before anything else
    sees the database. One of an older version is not brought forward, as its servers would be locked out: StartError,
    unless the command can do with `older` tables as they are.
    """
    if settings.database:
        if filled_by is not None:
            await filled_by(settings.database)
        db = await _opened(settings.database, older=older, filled=filled_by is not None)
        db.vault = _vault(settings)
        try:
            await _belongs(settings, db)
            yield db
        finally:
            await db.close()
        return
    if filled_by is None:
        _stands(settings.data, may_make=make)
    postgres = EmbeddedPostgres(settings.data)
    running = postgres.running_dsn()
    dsn = running or await postgres.start()
    try:
        if filled_by is not None:
            await filled_by(dsn)
        db = await _opened(dsn, older=older, filled=filled_by is not None)
        db.vault = _vault(settings)
        try:
            await _belongs(settings, db)
            yield db
        finally:
            await db.close()
    finally:
        if not running:
            await postgres.stop()


async def _opened(dsn: str, *, older: bool, filled: bool) -> Database:
    """The store as it is: only an empty one, or one that was just filled, gets this version's tables."""
    missing = await migrate(dsn, dry_run=True)
    if filled or (missing and missing[0].startswith("0001_")):
        return await Database.open(dsn)
    if missing and not older:
        raise StartError(
            f"The database is of an older version: {len(missing)} of its migrations are to come, from {missing[0]} on. "
            "`pumpkin upgrade` or a start of this version brings it forward; servers of the older one cannot start on "
            "it afterwards."
        )
    return Database(dsn)


async def _belongs(settings: Settings, db: Database) -> None:
    """StartError where the database is not that of this folder's log: of another no command may say that it fits."""
    mark = mark_of(DataFolder(settings.data))
    if mark is not None:
        found = await identity.held(db)
        await identity.compare(db, found, mark, called(settings), str(settings.data))


def _vault(settings: Settings) -> Vault | None:
    """What secrets are closed with, where this folder has the installation's key for it. A server that starts closes
    what lies open."""
    folder = DataFolder(settings.data)
    return Vault(folder.vault_key()) if folder.has_vault_key() else None


async def noted(db: Database, act: str, object: str, **detail: Any) -> None:
    """Note in the audit trail what somebody did by the command line."""
    await audit.add(db, who=f"shell:{getpass.getuser()}", act=act, object=object, detail=detail)


def _stands(folder: Path, *, may_make: bool) -> None:
    if (folder / "postgres").is_dir():
        return
    if (folder / "log-key.secret.pem").exists():
        raise StartError(
            f"The Pumpkin of {folder} keeps its data in another PostgreSQL; "
            "name it as `database` in its settings file, or as PUMPKIN_DATABASE."
        )
    if not may_make:
        raise StartError(f"There is no Pumpkin in {folder}; name its folder by --data.")
    click.echo(f"There was no Pumpkin in {folder}; one is made there.", err=True)


def domain(settings: Settings) -> str:
    """The domain of all JIDs: that of the server running on this folder, which may have been told by flag, else the
    setting's."""
    try:
        return str(json.loads((settings.data / "ready.json").read_bytes())["xmpp"]["domain"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings.xmpp.domain


def work(job: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run one command's coroutine; a typed error becomes one sentence on standard error and exit status 1."""
    try:
        return asyncio.run(job())
    except StartError as error:
        raise click.ClickException(error.message) from None
    except PumpkinError as error:
        raise click.ClickException(f"{error.message} [{error.code}]") from None


REFUSED = 78
"""The exit status (EX_CONFIG of sysexits.h) of a start that would end the same way again: a service manager is not to
try it anew."""


class Refused(click.ClickException):
    """A start that is refused, in its sentence."""

    exit_code = REFUSED


def load_to_serve(data: Path | None, config: Path | None = None, **flags: Any) -> Settings:
    """As `load`, for what a service manager starts."""
    try:
        return configuration.load(data, config, **flags)
    except StartError as error:
        raise Refused(error.message) from None


def load(data: Path | None, config: Path | None = None, **flags: Any) -> Settings:
    """The settings in force, a wrong one ending the command with its sentence."""
    try:
        return configuration.load(data, config, **flags)
    except StartError as error:
        raise click.ClickException(error.message) from None


def answer(value: Any, as_json: bool, text: str) -> None:
    """Print the answer for a program or for a person."""
    click.echo(json.dumps(value, indent=2, default=str) if as_json else text)
