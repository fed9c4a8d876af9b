"""Holds this node's seat: leads, or waits until it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from actors.base import LoopActor
from pumpkin.store.database import Database
from pumpkin.store.leading import Seat

log = structlog.get_logger("pumpkin.leader")


class Leader(LoopActor):
    """`took()` is called when this node begins to lead. A node alone on its database leads as soon as it has
    started."""

    def __init__(self, db: Database, node: str, took: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._took, self._node = took, node
        self._seat = Seat(db, node, self._changed)

    @property
    def leading(self) -> bool:
        """Whether this node leads now."""
        return self._seat.held

    def status(self) -> dict[str, Any]:
        """For a page or metric."""
        return {"node": self._node, "leading": self.leading}

    async def on_start(self) -> None:
        await self._seat.sit()
        _ = self.spawn(self._seat.keep(), name="seat")

    def _changed(self, held: bool) -> None:
        log.info("this node leads" if held else "this node no longer leads", node=self._node)
        if held:
            self._took()
