"""What other processes on this database say: one connection that listens and comes back when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from pumpkin.store.database import AWAY, Database, connect

CHANNEL = "pumpkin"
AGAIN_S = 1.0


async def listen(
    db: Database, heard: Callable[[str], None], back: Callable[[], None] = lambda: None, *, channel: str = CHANNEL
) -> None:
    """Call `heard` with each payload until cancelled; `back` after each (re)connection, as something may have been
    missed."""
    while True:
        with contextlib.suppress(*AWAY, asyncpg.PostgresError):
            connection = await connect(db.dsn)
            lost = asyncio.Event()
            try:
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(channel, lambda *said: heard(str(said[3])))
                back()
                await lost.wait()
            finally:
                connection.terminate()
        await asyncio.sleep(AGAIN_S)


async def say(db: Database, payload: str, *, channel: str = CHANNEL) -> None:
    """Tell every process that listens; at most 8,000 bytes."""
    async with db.writer() as connection:
        await db.queries.listening_say(connection, channel=channel, payload=payload)
