"""The ground: a socket to listen on, a database, an administrator."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import AsyncExitStack

import structlog

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from pumpkin.errors import StartError
from pumpkin.model.vault import Vault
from pumpkin.settings import Settings
from pumpkin.store import authorities, people
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin")


def listen(settings: Settings) -> socket.socket:
    """The web server's socket, taken before anything is made: a port in use ends the start with one sentence."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=1024, reuse_port=False)
    except OSError as error:
        raise StartError(
            f"The web server cannot listen on {settings.listen}: {_reason(error)}; give --listen another HOST:PORT."
        ) from None


def _reason(error: OSError) -> str:
    """The system's own words; Python's repeat the address."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


async def open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    dsn = settings.database
    if not dsn:
        postgres = EmbeddedPostgres(settings.data, watch=lambda event: log.warning("postgres", said=event))
        dsn = await postgres.start()
        stack.push_async_callback(postgres.stop)
    db = await Database.open(dsn)
    db.vault = Vault(DataFolder(settings.data).vault_key())
    stack.push_async_callback(db.close)
    await authorities.close_passwords(db)
    return db


def first_administrator(db: Database, stack: AsyncExitStack) -> asyncio.Task[str | None]:
    """The one-time password of `admin`, made where nobody has an account yet; a new one at each start until it was
    used: a start that failed after making it, or a lost line, must not lock everybody out.

    Hashing it takes a third of a second, meanwhile the rest is built."""
    task = asyncio.create_task(_first_administrator(db), name="first administrator")

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
    return task


async def _first_administrator(db: Database) -> str | None:
    everybody = await people.everybody(db)
    if not everybody:
        password = secrets.token_urlsafe(12)
        await people.add(db, "admin", password, role="admin", must_change=True)
    elif len(everybody) == 1 and everybody[0].name == "admin" and everybody[0].must_change:
        password = secrets.token_urlsafe(12)
        await people.set_password(db, "admin", password, must_change=True)
    else:
        return None
    return password
