"""Warm sandboxes of one engine: created ahead, used once; never more at once than the engine has slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from pumpkin.adapters.engine import Engine, EngineError
from pumpkin.adapters.engines.sandbox import Sandbox

FAILURES_BEFORE_PAUSE = 3


class Pool:
    """One engine's sandboxes: `busy` at work, `warm` waiting, at most `engine.slots` at work."""

    def __init__(self, engine: Engine, warm: int) -> None:
        self.engine, self.wanted = engine, warm
        self.busy: set[Sandbox] = set()
        self.taken = 0
        self._warm: deque[Sandbox] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._build: asyncio.Task[None] | None = None
        self.building = ""
        self.problem = "not asked yet"
        self._closed = False

    @property
    def free(self) -> int:
        """Slots a job could have now; none while the engine is away or has no image."""
        return 0 if self.problem or self._closed else max(0, self.engine.slots - self.taken)

    async def take(self) -> Sandbox:
        """A warm sandbox, else a fresh one; its slot is held until `give_back`. Raises EngineError."""
        self.taken += 1
        try:
            sandbox = self._warm.popleft() if self._warm else await self.engine.sandbox()
        except BaseException:
            self.taken -= 1
            raise
        self.busy.add(sandbox)
        return sandbox

    async def give_back(self, sandbox: Sandbox) -> None:
        """End it and free its slot, whatever happened in it."""
        self.busy.discard(sandbox)
        try:
            await sandbox.close()
        finally:
            self.taken -= 1
            self.fill()

    def fill(self) -> None:
        """Begin to make up for used sandboxes, in the background."""
        if not self._closed and not self.problem and (self._filling is None or self._filling.done()):
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def _fill(self) -> None:
        failures = 0
        while len(self._warm) < self.wanted and not self.problem and failures < FAILURES_BEFORE_PAUSE:
            try:
                sandbox = await self.engine.sandbox()
            except EngineError as error:
                failures += 1
                if failures >= FAILURES_BEFORE_PAUSE:
                    self.problem = error.message
                continue
            if self._closed:
                await sandbox.close()
                return
            self._warm.append(sandbox)

    async def check(self) -> None:
        """Ask the engine how it is; throw warm sandboxes away when it was away, they went with it."""
        health = await self.engine.check()
        if health.problem and not self.building:
            await self.drain()
        self.problem = health.problem
        for sandbox in [one for one in self._warm if not one.alive]:
            self._warm.remove(sandbox)
            await sandbox.close()
        self.fill()

    async def build(self) -> None:
        """Make the engine's image, once though many ask; `building` is its last line meanwhile. Raises EngineError."""
        if self._build is None or self._build.done():
            self._build = asyncio.get_running_loop().create_task(self._make())
            self._build.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._build)

    async def _make(self) -> None:
        self.building = "begun"
        try:
            await self.engine.build(self._progress)
        except EngineError as error:
            self.problem = error.message
            raise
        finally:
            self.building = ""
        await self.check()

    async def drain(self) -> None:
        """Remove the warm ones."""
        while self._warm:
            await self._warm.popleft().close()

    async def close(self) -> None:
        """Remove all, those at work too."""
        self._closed = True
        for task in (self._filling, self._build):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, EngineError):
                    await task
        await self.drain()
        for sandbox in tuple(self.busy):
            await sandbox.close()
        await self.engine.close()

    def status(self) -> dict[str, Any]:
        """For the page: how it is, what it holds."""
        health = self.engine.health
        return {
            "address": health.address, "engine": f"{health.name} {health.version}".strip(), "image": self.engine.tag,
            "runtimes": list(health.runtimes), "slots": self.engine.slots, "busy": len(self.busy),
            "warm": len(self._warm), "problem": self.problem, "building": self.building,
            "network": self.engine.settings.mode, "runtime": self.engine.settings.runtime,
        }  # fmt: skip

    def _progress(self, line: str) -> None:
        self.building = line
