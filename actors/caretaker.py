"""Keeps house: looks whether there is room to write, and lets go of payloads by the rules for how long they are kept.

What is let go of is erased as by `pumpkin erase`: record, place in the log and proof stand. Each batch is a record of
its own in the log (kind `erasure`, type `retention`), written before the payloads go: a crash in between leaves a
record of an intent that the next look carries out.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from actors.base import LoopActor, describe
from pumpkin.errors import PumpkinError
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import upkeep
from pumpkin.store.database import Database

DAY_US = 86_400_000_000
BATCH = 500
WHO = "system:retention"

log = structlog.get_logger("pumpkin.upkeep")


@dataclass(frozen=True, slots=True)
class Keep:
    """Payloads of checks that fit what is not empty are kept for `days` days."""

    days: float
    type: str = ""
    agent: str = ""
    status: str = ""

    def __str__(self) -> str:
        fits = [f"{name} {value}" for name in ("type", "agent", "status") if (value := getattr(self, name))]
        return f"{' and '.join(fits) or 'everything'}: {self.days:g} days"


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules, the most bytes of payload kept (0: no bound), and days for which messages are kept (0: for ever)."""

    rules: Sequence[Keep] = ()
    quota_bytes: int = 0
    messages_days: float = 0


class Caretaker(LoopActor):
    """`trouble()` is called on the loop: why nothing can be written at the moment, "" when it can.

    `free_bytes()` measures the data folder's disk; below `reserve_bytes` it counts as full. While the database refused
    a write, one is tried every `tick_s`: the disk may have room again with nobody sending. `receive` is that of the
    aggregator.
    """

    def __init__(
        self,
        db: Database,
        *,
        free_bytes: Callable[[], int],
        reserve_bytes: int,
        warn_bytes: int,
        limits: Limits,
        receive: Callable[[Observation], Awaitable[Receipt]],
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
        tick_s: float = 1.0,
        first_s: float = 60.0,
        look_s: float = 3_600.0,
    ) -> None:
        super().__init__()
        self._db, self._free, self._reserve, self._warn = db, free_bytes, reserve_bytes, warn_bytes
        self._limits, self._receive, self._now = limits, receive, now
        self._tick_s, self._first_s, self._look_s = tick_s, first_s, look_s
        self._said = ""
        self.let_go = 0

    def trouble(self) -> str:
        """Why no check can be taken in for want of room; "" when there is room."""
        free = self._measure()
        if free is not None and free < self._reserve:
            return f"{free // 2**20} MiB of disk are free, and {self._reserve // 2**20} must be"
        return self._db.refused

    def warning(self) -> str:
        """What people are to know before it is a trouble: the disk is getting full; "" when it is not, or is full."""
        free = self._measure()
        if self.trouble() or free is None or free >= self._warn:
            return ""
        return f"{free // 2**20:,} MiB are free; below {self._reserve // 2**20:,} checks are refused"

    def figures(self) -> dict[str, float]:
        """For /metrics: free bytes, whether writing works, payloads let go of since the start."""
        return {
            "pumpkin_disk_free_bytes": float(self._measure() or 0),
            "pumpkin_disk_writable": float(not self.trouble()),
            "pumpkin_payloads_let_go_total": float(self.let_go),
        }

    async def on_start(self) -> None:
        self.every(self._tick_s, "look")
        self._keeping = self.spawn(self._keep(), "retention")

    async def on_receive(self, message: Any) -> None:
        if self._db.refused:
            try:
                await upkeep.try_writing(self._db)
            except PumpkinError:
                pass
            else:
                log.info("the disk takes writes again")
        free = self._measure()
        word = self.trouble() or ("low" if free is not None and free < self._warn else "")
        if bool(word) != bool(self._said) or (word == "low") != (self._said == "low"):
            if word == "low" and free is not None:
                log.warning("the disk is getting full", free_mib=free // 2**20)
            elif word:
                log.error("no room to write: checks are refused for now", reason=word)
            self._said = word

    def _measure(self) -> int | None:
        try:
            return self._free()
        except OSError:
            return None

    async def _keep(self) -> None:
        await asyncio.sleep(self._first_s)
        while True:
            try:
                await self.tidy()
            except (PumpkinError, TimeoutError) as error:
                log.warning("retention put off", reason=describe(error))
            await asyncio.sleep(self._look_s)

    async def tidy(self) -> int:
        """Apply every rule until nothing is due; how many payloads were let go of."""
        done = 0
        for rule in self._limits.rules:
            before = self._now() - int(rule.days * DAY_US)
            while found := await upkeep.due(
                self._db,
                before=before,
                type=rule.type or None,
                agent=rule.agent or None,
                status=rule.status or None,
                most=BATCH,
            ):
                done += await self._let_go(found, str(rule))
        if self._limits.quota_bytes:
            over = await upkeep.kept(self._db) - self._limits.quota_bytes
            while over > 0:
                found = await upkeep.oldest(self._db, size_bytes=over, most=BATCH)
                if not found:
                    break
                done += await self._let_go(found, f"quota: {self._limits.quota_bytes} bytes of payload")
                over = await upkeep.kept(self._db) - self._limits.quota_bytes
        if self._limits.messages_days:
            await upkeep.forget_messages(self._db, self._now() - int(self._limits.messages_days * DAY_US))
        return done

    async def _let_go(self, found: Sequence[upkeep.Kept], rule: str) -> int:
        said = {"rule": rule, "erased": [{"id": str(one), "seq": seq} for seq, one in found], "who": WHO}
        await self._receive(
            Observation(
                id=uuid4(),
                kind="erasure",
                type="retention",
                format="json",
                agent=WHO,
                observed=self._now(),
                payload=json.dumps(said, sort_keys=True).encode(),
                media="application/json",
                detail={"status": "ok", "target": f"{len(found)} payloads"},
            )
        )
        count = await upkeep.erase(self._db, [one for _, one in found], who=WHO, reason=rule)
        self.let_go += count
        log.info("payloads let go of", rule=rule, count=count, first=found[0][0], last=found[-1][0])
        return count
