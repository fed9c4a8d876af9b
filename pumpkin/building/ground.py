"""The ground: a socket to listen on, a database, the key of the log it holds, an administrator."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import AsyncExitStack, suppress
from urllib.parse import urlsplit

import structlog

from pumpkin import identity
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import SEEN, DataFolder
from pumpkin.errors import PumpkinError, StartError, StartRefused
from pumpkin.evidence.checkpoint import LogKey
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


async def open_database(
    settings: Settings, place: DataFolder, stack: AsyncExitStack, *, new_log: bool = False
) -> Database:
    """The store, still without the key of its secrets. StartError where this folder's data lie elsewhere."""
    dsn = settings.database
    if not dsn:
        if not new_log and (place.seen() or place.has("log-key.secret.pem")) and not place.has("postgres"):
            raise StartRefused(
                f"The folder {settings.data / 'postgres'} is not there, and a log was begun in {settings.data}: mount "
                "or restore it, or name the PostgreSQL that holds the data (setting database). `pumpkin run --new-log` "
                "puts the old key aside and begins another log."
            )
        postgres = EmbeddedPostgres(settings.data, watch=lambda event: log.warning("postgres", said=event))
        dsn = await postgres.start()
        stack.push_async_callback(postgres.stop)
    db = await Database.open(dsn)
    stack.push_async_callback(db.close)
    return db


async def open_log(
    settings: Settings, place: DataFolder, db: Database, stack: AsyncExitStack, *, new_log: bool = False
) -> LogKey:
    """The log's key, and the store given that of its secrets, once folder and database are seen to belong together;
    with `new_log` another log's, of another name. StartError else, before any key is made."""
    found, folder = await identity.held(db), str(settings.data)
    if new_log:
        _begin_anew(settings, place, found)
    elif found is not None and not place.has("log-key.secret.pem"):
        raise StartRefused(
            f"This database holds the log {found.origin}, and {folder} has no log-key.secret.pem: put the log's keys "
            "there (log-* of another node or of a backup), or name another database."
        )
    await identity.compare(db, found, mark_of(place), called(settings), folder)
    if not place.has_vault_key():
        await identity.same_vault(db, None, folder)
    key = place.log_key(settings.log.origin)
    identity.signed_by(found, key, folder)
    closing = place.vault_key()
    await identity.same_vault(db, closing, folder)
    db.vault = Vault(closing)
    await authorities.close_passwords(db)

    async def see() -> None:
        with suppress(PumpkinError):  # the database is away: what was seen at the start stands
            place.see((await identity.keep(db, key.origin)).text)

    place.see((await identity.keep(db, key.origin)).text)
    stack.push_async_callback(see)
    return key


def _begin_anew(settings: Settings, place: DataFolder, found: identity.Held | None) -> None:
    if found is not None:
        raise StartRefused(
            f"The database holds the log {found.origin} already: start without --new-log, or name an empty one."
        )
    mark = mark_of(place)
    if mark is not None and settings.log.origin == mark.origin:
        raise StartRefused(f"A new log needs a new name: {mark.origin} has been used; change log.origin.")
    place.forsake()


def mark_of(place: DataFolder) -> identity.Mark | None:
    """What the folder has seen of its log. StartError where that cannot be read."""
    text = place.seen()
    try:
        return identity.Mark.parse(text) if text else None
    except (ValueError, TypeError):
        raise StartRefused(
            f"{place.path / SEEN} cannot be read; put it back from a backup of the disk, or remove it once you know "
            "that the database is the right one."
        ) from None


def called(settings: Settings) -> str:
    """The database in words, without its password."""
    if not settings.database:
        return f"the embedded PostgreSQL in {settings.data / 'postgres'}"
    parts = urlsplit(settings.database)
    return f"the database {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


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
