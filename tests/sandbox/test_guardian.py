"""A server killed between the engine's making a sandbox and its start, when nobody is inside who could end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiodocker import Docker

from pumpkin.adapters.engine import Engine, EngineSettings
from pumpkin.adapters.engines.guarding import PROGRAM
from pumpkin.adapters.engines.sandbox import LABEL

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(60)
# a server in small: makes one sandbox by the engine at ADDRESS for INSTANCE, and stays
SERVER = """
import asyncio, sys
from pumpkin.adapters.engine import Engine, EngineSettings
async def main():
    async with Engine(EngineSettings(sys.argv[1], image=sys.argv[2]), sys.argv[3]) as engine:
        async with await engine.sandbox():
            print("ready", flush=True)
            await asyncio.sleep(60)
asyncio.run(main())
"""


class Gate:
    """A way to the engine that holds a request with `held` in its path once, for good, or its answer: `reached` is set
    then."""

    def __init__(self, engine: str, held: bytes, *, answer: bool = False) -> None:
        self._engine, self._held, self._answer = engine, held, answer
        self._writers: list[asyncio.StreamWriter] = []
        self._silent: asyncio.StreamWriter | None = None
        self.reached = asyncio.Event()

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[str]:
        """Open at `path`; its address."""
        server = await asyncio.start_unix_server(self._join, path)
        try:
            yield f"unix://{path}"
        finally:
            server.close()
            for one in self._writers:
                one.transport.abort()
            await asyncio.sleep(0.05)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, back = await asyncio.open_unix_connection(self._engine)
        self._writers += [back, writer]
        with contextlib.suppress(OSError):
            await asyncio.gather(self._ask(reader, back), self._tell(far, writer, back))

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self._silent is None and self._held in data.partition(b"\r\n")[0]:
                self._silent = back
                if not self._answer:
                    self.reached.set()
                    return
            back.write(data)
        back.write_eof()

    async def _tell(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        while data := await far.read(1 << 16):
            if self._silent is back:
                self.reached.set()  # the engine has done it
                return
            writer.write(data)
        writer.write_eof()


async def made(docker: Docker, instance: str) -> list[str]:
    found = await docker.containers.list(all=True, filters={"label": [f"{LABEL}.instance={instance}"]})
    return [str(one["State"]) for one in found]


@pytest.mark.parametrize(
    ("held", "answer"),
    [(b"/containers/create", True), (b"/attach", False), (b"/start", False)],
    ids=["before it knows its name", "before it is attached", "before it is started"],
)
async def test_what_was_made_and_not_started_goes_with_a_killed_server(
    engine_settings: EngineSettings, tmp_path: Path, held: bytes, answer: bool
) -> None:
    instance = f"tests-{uuid.uuid4().hex[:8]}"
    gate = Gate(engine_settings.address.removeprefix("unix://"), held, answer=answer)
    async with gate.at(tmp_path / "engine.sock") as address, Engine(engine_settings) as engine:
        argv = (sys.executable, "-c", SERVER, address, engine.tag, instance)
        server = await asyncio.create_subprocess_exec(*argv, cwd=ROOT)
        try:
            await asyncio.wait_for(gate.reached.wait(), 30)
            assert await made(engine.docker, instance) == ["created"]
        finally:
            server.kill()
            await server.wait()
        begun = time.monotonic()
        while await made(engine.docker, instance):
            assert time.monotonic() - begun < 10, "a sandbox outlived its server"
            await asyncio.sleep(0.02)


def guardians() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if str(PROGRAM) in one.cmdline()]


async def test_a_guardian_costs_little_goes_in_order_and_is_made_anew(engine_settings: EngineSettings) -> None:
    before = set(guardians())
    async with Engine(engine_settings, f"tests-{uuid.uuid4().hex[:8]}") as engine:
        async with await engine.sandbox():
            (one,) = set(guardians()) - before
            assert one.memory_full_info().uss < 8 << 20
            os.kill(one.pid, signal.SIGTERM)  # as whoever ends all of a service does
        async with await engine.sandbox():
            assert set(guardians()) - before == {one}
            one.kill()
            one.wait()
        async with await engine.sandbox():
            (other,) = set(guardians()) - before
            assert other != one
    assert not set(guardians()) - before


async def test_a_cancelled_making_leaves_nothing(engine_settings: EngineSettings) -> None:
    instance = f"tests-{uuid.uuid4().hex[:8]}"
    async with Engine(engine_settings, instance) as engine:
        await engine.check()
        for after_s in (0.005, 0.015, 0.03):  # asked for, and not yet there
            making = asyncio.create_task(engine.sandbox())
            await asyncio.sleep(after_s)
            making.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await making
            assert not await made(engine.docker, instance)
