"""Keeps the tally of what fails: folds checks in as they come, so that pages have little left to look at."""

from __future__ import annotations

from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.errors import PumpkinError
from pumpkin.store import failing
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.tally")


class Tally(LoopActor):
    """Folds in what came, every `tick_s` seconds; several servers on one database do it in turn."""

    def __init__(self, db: Database, *, tick_s: float = 1.0) -> None:
        super().__init__()
        self._db, self._tick_s = db, tick_s

    async def on_start(self) -> None:
        self.every(self._tick_s, "fold")

    async def on_receive(self, message: Any) -> None:
        try:
            while await failing.fold(self._db):
                pass
        except PumpkinError as error:
            log.warning("the tally of what fails is put off", reason=describe(error))
