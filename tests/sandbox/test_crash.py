"""The server dies, the engine goes: nothing is left behind, and the run can be had again."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Engine, EngineError, EngineSettings, Job, NoEngine, NoImage
from pumpkin.adapters.engines.sandbox import LABEL
from pumpkin.model.reports import Artifact
from tests.sandbox import laboratory
from tests.sandbox.dying import PACKAGES
from tests.sandbox.samples import wheel

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(200)


@pytest.fixture
async def docker(engine_settings: EngineSettings) -> AsyncIterator[Docker]:
    client = Docker(url=engine_settings.address)
    yield client
    await client.close()


async def sandboxes(docker: Docker, instance: str) -> list[str]:
    found = await docker.containers.list(all=True, filters={"label": [f"{LABEL}.instance={instance}"]})
    return [one.id for one in found]


async def gone(docker: Docker, instance: str, within_s: float) -> float:
    begun = time.monotonic()
    while await sandboxes(docker, instance):
        assert time.monotonic() - begun < within_s, "a sandbox outlived its server"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.parametrize("phase", ["install", "import", "execute"])
async def test_no_sandbox_outlives_a_killed_server(engine_settings: EngineSettings, docker: Docker, phase: str) -> None:
    instance = f"tests-{uuid.uuid4().hex[:8]}"
    image = Engine(engine_settings).tag
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sandbox.dying", engine_settings.address, image, instance, phase),
        cwd=ROOT, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        while b"begun" not in (line := await process.stdout.readline()):
            assert line, "the server ended by itself"
    assert await sandboxes(docker, instance)
    process.kill()
    await process.wait()
    assert await gone(docker, instance, within_s=2.0) < 2.0


async def test_the_run_of_a_killed_server_can_be_had_again(supervisor: SandboxSupervisor) -> None:
    limits = {"install": 60.0, "import": 1.0, "execute": 1.0}
    report = await supervisor.analyse(Job("pypi", archive=PACKAGES["import"], limits=limits), Artifact("pypi"))
    assert [phase.status for phase in report.phases] == ["completed", "timeout", "timeout"]


async def test_what_an_earlier_life_left_is_swept_and_nothing_else(
    engine_settings: EngineSettings, docker: Docker
) -> None:
    instance = f"tests-{uuid.uuid4().hex[:8]}"
    async with Engine(engine_settings, instance) as earlier, Engine(engine_settings, f"{instance}-other") as other:
        await earlier.check()
        await other.check()
        left, kept = await earlier.sandbox(), await other.sandbox()
        async with Engine(engine_settings, instance) as later:
            own = await later.sandbox()
            assert await later.sweep() == 1
            assert await sandboxes(docker, instance) == [own.id]
            assert await sandboxes(docker, f"{instance}-other") == [kept.id]
            for one in (own, left, kept):
                await one.close()


async def test_a_cancelled_run_leaves_nothing(supervisor: SandboxSupervisor, docker: Docker) -> None:
    begun = asyncio.Event()
    run = asyncio.create_task(
        supervisor.analyse(
            Job("pypi", archive=PACKAGES["import"]), Artifact("pypi"),
            lambda event: begun.set() if event.get("phase") == "import" else None,
        )
    )  # fmt: skip
    async with asyncio.timeout(60):
        await begun.wait()
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    await gone(docker, laboratory.INSTANCE, within_s=3.0)
    assert not supervisor.status()[0]["busy"]


async def test_the_deadline_of_a_whole_run_holds(supervisor: SandboxSupervisor) -> None:
    report = await supervisor.analyse(Job("pypi", archive=PACKAGES["import"], total_s=5.0), Artifact("pypi"))
    assert report.phase("import").status == "timeout"
    assert report.duration_s < 30


async def test_a_sandbox_removed_in_the_middle_is_a_report_with_a_fault(
    supervisor: SandboxSupervisor, docker: Docker
) -> None:
    async def remove() -> None:
        for one in await sandboxes(docker, laboratory.INSTANCE):
            with contextlib.suppress(Exception):
                await (await docker.containers.get(one)).delete(force=True)

    removals: list[asyncio.Task[None]] = []

    def tell(event: object) -> None:
        if isinstance(event, dict) and event.get("phase") == "import" and not removals:
            removals.append(asyncio.get_running_loop().create_task(remove()))

    report = await supervisor.analyse(Job("pypi", archive=PACKAGES["import"]), Artifact("pypi"), tell)
    assert report.status == "fault"
    assert report.phase("install").status == "completed"


async def test_without_an_engine_the_reason_is_said() -> None:
    nowhere = EngineSettings("unix:///nonexistent/engine.sock")
    actor = SandboxSupervisor.start([Engine(nowhere, "tests")])._actor_weakref()
    assert actor is not None
    with pytest.raises(NoEngine, match=r"nonexistent/engine\.sock"):
        await actor.analyse(Job("pypi", archive=wheel("sample")), Artifact("pypi"))
    assert "nonexistent" in actor.unavailable()
    await laboratory.stop(actor)


async def test_without_any_engine_it_says_what_it_looked_for() -> None:
    async def find() -> Engine:
        raise NoEngine("no container engine answers; there is no socket of Docker or podman")

    actor = SandboxSupervisor.start(find=find)._actor_weakref()
    assert actor is not None
    with pytest.raises(EngineError, match="no socket"):
        await actor.analyse(Job("pypi", archive=wheel("sample")), Artifact("pypi"))
    await laboratory.stop(actor)


async def test_an_image_that_is_not_there_is_said_and_not_built(engine_settings: EngineSettings) -> None:
    settings = EngineSettings(engine_settings.address, image="pumpkin-nothing:here")
    actor = SandboxSupervisor.start([Engine(settings, "tests")], auto_build=False, blank={})._actor_weakref()
    assert actor is not None
    with pytest.raises(NoImage):
        await actor.analyse(Job("pypi", archive=wheel("sample")), Artifact("pypi"))
    await laboratory.stop(actor)


async def test_offline_there_is_no_name_and_no_address(engine_settings: EngineSettings) -> None:
    settings = replace(engine_settings, mode="offline")
    actor = await laboratory.supervisor(settings, blank={})
    module = "import socket\nprint(socket.socket(socket.AF_INET).connect_ex(('198.51.100.1', 80)))\n"
    report = await actor.analyse(Job("pypi", archive=wheel("sample", module)), Artifact("pypi"))
    await laboratory.stop(actor)
    assert report.environment.network == "offline"
    assert report.phase("import").stdout == b"101\n"  # ENETUNREACH


async def test_an_ecosystem_nobody_knows_is_a_report_that_says_so(supervisor: SandboxSupervisor) -> None:
    report = await supervisor.analyse(Job("fortran", archive=wheel("sample")), Artifact("fortran"))
    assert [phase.status for phase in report.phases] == ["not_run"] * 3
    assert "fortran" in report.phase("install").why
