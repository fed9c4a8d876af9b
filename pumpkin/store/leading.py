"""Who leads among the nodes on one database: whoever holds an advisory lock on a connection of its own.

The lock goes with its connection: at once when the process ends, after a few seconds without an answer when its machine
does, and when the holder hangs the others end its connection (LEAD_S).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from pumpkin.errors import Unavailable
from pumpkin.store.database import AWAY, connect

if TYPE_CHECKING:
    from pumpkin.store.database import Database

TRY_S = 0.25  # how often one that waits asks for the lead
BEAT_S = 1.0
LEAD_S = 3.0  # a leader that was silent for so long is sent away
ANSWER_S = 2.0  # the longest the database may take before the lead counts as lost
_KEPT_ALIVE = "set tcp_keepalives_idle = 2; set tcp_keepalives_interval = 1; set tcp_keepalives_count = 2"


class Seat:
    """The lead, or the wait for it. `held` is true while this node leads; `changed` is called when that changes."""

    def __init__(self, db: Database, node: str, changed: Callable[[bool], None] = lambda _: None) -> None:
        self._db, self._node, self._changed = db, node, changed
        self._connection: Any = None
        self.held = False

    async def sit(self) -> bool:
        """Ask once; whether this node leads now. False too while the database is away."""
        with contextlib.suppress(*AWAY, asyncpg.PostgresError, Unavailable):
            async with asyncio.timeout(ANSWER_S):
                await self._ask()
        return self.held

    async def keep(self) -> None:
        """Wait for the lead, hold it, wait for it again: until cancelled, which gives it up."""
        try:
            while True:
                try:
                    async with asyncio.timeout(ANSWER_S):
                        await self._ask()
                        if self.held:
                            await self._db.queries.leading_beat(self._connection, node=self._node)
                except (*AWAY, asyncpg.PostgresError, Unavailable):
                    self._leave()
                await asyncio.sleep(BEAT_S if self.held else TRY_S)
        finally:
            self._leave()

    async def _ask(self) -> None:
        queries = self._db.queries
        if self._connection is None or self._connection.is_closed():
            self._leave()
            self._connection = await connect(self._db.dsn)
            self._connection.add_termination_listener(self._lost)
            await self._connection.execute(_KEPT_ALIVE)
        if self.held:
            return
        if await queries.leading_try(self._connection):
            await queries.leading_beat(self._connection, node=self._node)
            self._set(True)
        else:
            async for _ in queries.leading_evict(self._connection, patience=int(LEAD_S * 1e6)):
                continue

    def _lost(self, connection: Any) -> None:
        if connection is self._connection:
            self._leave()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()
        self._set(False)

    def _set(self, held: bool) -> None:
        if held != self.held:
            self.held = held
            self._changed(held)
