"""What another process did to the database, told at once: LISTEN on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from pumpkin.errors import Unavailable
from pumpkin.store.database import AWAY, connect

if TYPE_CHECKING:
    from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.store")
PAUSES_S = (0.2, 10.0)
LOOK_S = 30.0


async def listen(
    db: Database,
    channel: str,
    heard: Callable[[str], Awaitable[None]],
    caught_up: Callable[[], Awaitable[None]],
    *,
    look_s: float = LOOK_S,
) -> None:
    """Call `heard(payload)` for each NOTIFY on `channel`, in order, until cancelled. `caught_up` is called whenever the
    connection stands anew: what was said in between is lost, so look for yourself. A connection silent for `look_s` is
    asked whether it still stands."""
    pause_s = PAUSES_S[0]
    while True:
        try:
            await _listen_once(db.dsn, channel, heard, caught_up, look_s)
            pause_s = PAUSES_S[0]
        except (*AWAY, asyncpg.PostgresError, Unavailable) as error:
            log.info("notices wait for the database", channel=channel, reason=type(error).__name__)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, PAUSES_S[1])


async def _listen_once(
    dsn: str,
    channel: str,
    heard: Callable[[str], Awaitable[None]],
    caught_up: Callable[[], Awaitable[None]],
    look_s: float,
) -> None:
    said: asyncio.Queue[str | None] = asyncio.Queue()
    connection = await connect(dsn)
    try:
        connection.add_termination_listener(lambda _: said.put_nowait(None))
        await connection.add_listener(channel, lambda *given: _take(said, given))
        await caught_up()
        while not connection.is_closed():
            try:
                async with asyncio.timeout(look_s):
                    payload = await said.get()
            except TimeoutError:
                # A connection that is half open says so now. No empty statement: asyncpg fails on its answer.
                await connection.fetchval("select 1")
                continue
            if payload is None:
                return
            await heard(payload)
    finally:
        if not connection.is_closed():
            connection.terminate()


def _take(said: asyncio.Queue[str | None], given: tuple[Any, ...]) -> None:
    said.put_nowait(str(given[3]))
