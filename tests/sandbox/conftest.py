"""A real container engine for the sandbox's tests, and the reports of all specimens, made once.

An engine must be there (scripts/test starts one); where none is, these tests fail with a sentence, none is skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import EngineError, EngineSettings, Recipe, find
from pumpkin.model.reports import Report
from pumpkin.settings import SandboxSettings
from tests.sandbox import laboratory
from tests.sandbox.specimens import ALL


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


@pytest.fixture(scope="session")
def reports(engine_settings: EngineSettings) -> dict[str, Report]:
    """What came of each specimen; all are run once, two at a time."""
    return laboratory.run_all(engine_settings, ALL)


@pytest.fixture
async def supervisor(engine_settings: EngineSettings) -> AsyncIterator[SandboxSupervisor]:
    """A supervisor of this test's own."""
    actor = await laboratory.supervisor(engine_settings, warm=0, blank={})
    yield actor
    await laboratory.stop(actor)
