"""A small pool of confined scan workers: one artifact a worker at a time, under a deadline that ends in a kill."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from pumpkin.analysis.scans import Scan

ANSWER_LIMIT = 64 * 1024 * 1024
TIMEOUT_S = 120.0
START_S = 30.0
_log = structlog.get_logger(__name__)


class WorkerFailed(Exception):
    """The worker died, hung or answered nonsense; the text says which, in words for a report."""


class _Worker:
    """One process and what it said of itself when it was ready."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.isolation = ""
        self.rules = ""

    @classmethod
    async def start(cls, packs: Path | None) -> _Worker:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
        if os.environ.get("PYTHONPATH"):
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        argv = [sys.executable, "-m", "pumpkin.adapters.scanner.child", *([str(packs)] if packs else [])]
        worker = cls(
            await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=None, env=environment,
                cwd=Path(__file__).parents[3],
            )
        )  # fmt: skip
        try:
            ready = await worker.answer(time.monotonic() + START_S)
        except BaseException:
            await worker.kill()
            raise
        worker.isolation, worker.rules = str(ready.get("isolation")), str(ready.get("rules"))
        return worker

    async def ask(self, request: dict[str, Any], data: bytes, timeout_s: float) -> dict[str, Any]:
        """The worker's answer; WorkerFailed when there is none in time (the worker must then be killed)."""
        deadline = time.monotonic() + timeout_s
        body = json.dumps(request).encode()
        stdin = self.process.stdin
        if stdin is None:
            raise WorkerFailed("has no input")
        try:
            async with asyncio.timeout(timeout_s):
                stdin.write(struct.pack(">I", len(body)) + body + struct.pack(">Q", len(data)))
                stdin.write(data)
                await stdin.drain()
        except TimeoutError:
            raise WorkerFailed(f"took longer than {timeout_s:g} s") from None
        except (ConnectionError, OSError):
            raise WorkerFailed("died") from None
        return await self.answer(deadline)

    async def answer(self, deadline: float) -> dict[str, Any]:
        stdout = self.process.stdout
        if stdout is None:
            raise WorkerFailed("has no output")
        left = max(deadline - time.monotonic(), 0.01)
        try:
            async with asyncio.timeout(left):
                size = struct.unpack(">I", await stdout.readexactly(4))[0]
                if size > ANSWER_LIMIT:
                    raise WorkerFailed("answered more than it may")
                value = json.loads(await stdout.readexactly(size))
        except TimeoutError:
            raise WorkerFailed("was stopped: it took too long") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise WorkerFailed("died") from None
        except ValueError:
            raise WorkerFailed("answered nonsense") from None
        if not isinstance(value, dict):
            raise WorkerFailed("answered nonsense")
        return value

    async def kill(self) -> None:
        if self.process.returncode is None:
            try:
                self.process.kill()
            except ProcessLookupError:
                pass
        await self.process.wait()


class Scanner:
    """`async with Scanner(size=2) as scanner: scan = await scanner.scan(data, name, "npm")`.

    `packs` is a folder of rule packs (`pumpkin rules add`). Workers start when first needed. Cancelling a call kills
    its worker; so does a deadline missed. Nothing a package does to a worker is an exception here: it is a gap.
    """

    def __init__(self, size: int = 1, *, timeout_s: float = TIMEOUT_S, packs: Path | None = None) -> None:
        self._free: asyncio.Queue[_Worker | None] = asyncio.Queue()
        for _ in range(size):
            self._free.put_nowait(None)
        self._size, self._timeout_s = size, timeout_s
        self._packs = packs if packs is not None and packs.is_dir() else None
        self._workers: set[_Worker] = set()
        self.isolation = ""
        self.rules = ""

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers there are now."""
        return [worker.process.pid for worker in self._workers]

    async def __aenter__(self) -> Scanner:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _n in range(self._size):
            worker = await self._free.get()
            if worker is not None:
                await worker.kill()

    async def scan(self, data: bytes, name: str, ecosystem: str = "") -> Scan:
        """What `static.scan` says of the archive `data` (bytes of at most 512 MiB), from a process of its own.

        When the worker dies or hangs the scan has no findings and one gap, so its verdict is *incomplete*.
        """
        try:
            scan = Scan.unpack(await self._ask({"name": name, "ecosystem": ecosystem}, data))
        except (WorkerFailed, KeyError, TypeError, ValueError) as error:
            why = str(error) if isinstance(error, WorkerFailed) else "answered nonsense"
            _log.warning("scan worker failed", artifact=name, why=why)
            artifact = {"name": name, "ecosystem": ecosystem, "size": len(data), "files": 0,
                        "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
            return Scan((), (f"static: the worker {why}",), (), artifact, self.rules)
        if self.isolation != "full":
            return replace(scan, skipped=(*scan.skipped, f"isolation: {self.isolation}"))
        return scan

    async def _ask(self, request: dict[str, Any], data: bytes) -> dict[str, Any]:
        worker = await self._free.get()
        kept: _Worker | None = None
        try:
            if worker is None or worker.process.returncode is not None:
                if worker is not None:
                    self._workers.discard(worker)
                worker = await _Worker.start(self._packs)
                self._workers.add(worker)
                self.isolation, self.rules = worker.isolation, worker.rules
            answer = await worker.ask(request, data, self._timeout_s)
            kept = worker
            return answer
        finally:
            if kept is None and worker is not None:
                await worker.kill()
                self._workers.discard(worker)
            self._free.put_nowait(kept)
