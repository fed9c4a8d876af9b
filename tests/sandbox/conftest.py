"""A real container engine for the sandbox's tests, and the reports of all specimens, made once.

An engine must be there (scripts/test starts one); where none is, these tests fail with a sentence, none is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import EngineError, EngineSettings, Recipe, find
from pumpkin.model.reports import Report
from pumpkin.sections import SandboxSettings
from tests.sandbox import laboratory
from tests.sandbox.specimens import ALL, OUTSIDE_PORT


@pytest.fixture(scope="session")
def engine_settings() -> EngineSettings:
    """The engine of this machine, with the sandbox image built."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_prepare())).result()


async def _prepare() -> EngineSettings:
    try:
        default = SandboxSettings().ecosystems  # the image the product makes, so that both need only one
        wanted = EngineSettings("", recipe=Recipe(ecosystems=default))
        async with await find("tests", wanted) as engine:
            await engine.build()
            return engine.settings
    except EngineError as error:
        pytest.fail(f"The sandbox's tests need a container engine: {error.message}")


SECRET = f"secret-of-the-host-{os.getpid()}"
os.environ["SECRET_OF_THE_HOST"] = SECRET


class Listener:
    """Somebody on this host, on all its addresses, whom the specimen `outside` looks for; `visitors` found it."""

    def __init__(self) -> None:
        self.visitors: list[object] = []
        self._socket = socket.create_server(("0.0.0.0", OUTSIDE_PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, visitor = self._socket.accept()
                connection.close()
                self.visitors.append(visitor)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    """One that can be reached from this host itself, as it shows first."""
    one = Listener()
    socket.create_connection(("127.0.0.1", OUTSIDE_PORT), 5).close()
    while not one.visitors:
        time.sleep(0.01)
    one.visitors.clear()
    yield one
    one.close()


@pytest.fixture(scope="session")
def reports(engine_settings: EngineSettings, listener: Listener) -> dict[str, Report]:
    """What came of each specimen; all are run once, two at a time."""
    return laboratory.run_all(engine_settings, ALL)


@pytest.fixture
async def supervisor(engine_settings: EngineSettings) -> AsyncIterator[SandboxSupervisor]:
    """A supervisor of this test's own."""
    actor = await laboratory.supervisor(engine_settings, warm=0, blank={})
    yield actor
    await laboratory.stop(actor)
