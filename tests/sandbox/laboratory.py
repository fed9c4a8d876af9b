"""Runs many specimens through one supervisor, two at a time, on a loop of its own."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Engine, EngineSettings, Job, Registries
from pumpkin.model.reports import Artifact, Report
from tests.sandbox.specimens import Specimen

INSTANCE = f"tests-{uuid.uuid4().hex[:8]}"  # or two runs of the tests at once would sweep each other's sandboxes


async def supervisor(settings: EngineSettings, **options: Any) -> SandboxSupervisor:
    """A started one whose engine is known to be well; its caller stops it with `stop`."""
    actor = SandboxSupervisor.start([Engine(settings, INSTANCE)], **options)._actor_weakref()
    assert actor is not None
    await actor.started()
    await well(actor)
    return actor


async def well(actor: SandboxSupervisor, within_s: float = 20.0) -> None:
    """Until an analysis could run. The engine's answer is waited for, as a person would."""
    async with asyncio.timeout(within_s):
        while actor.unavailable():
            await asyncio.sleep(0.05)


async def stop(actor: SandboxSupervisor) -> None:
    actor.actor_ref.stop(block=False)
    await actor.ended()


def run_all(settings: EngineSettings, specimens: Mapping[str, Specimen], **options: Any) -> dict[str, Report]:
    """The report of each, made in a thread of its own (a test's loop is not to wait for another's)."""
    found: dict[str, Report | BaseException] = {}
    thread = threading.Thread(target=lambda: found.update(asyncio.run(_run(settings, specimens, **options))))
    thread.start()
    thread.join()
    return found  # type: ignore[return-value]


async def _run(settings: EngineSettings, specimens: Mapping[str, Specimen], **options: Any) -> dict[str, Any]:
    actor = await supervisor(settings, **options)

    async def one(name: str, specimen: Specimen) -> tuple[str, Any]:
        archive = await asyncio.to_thread(lambda: specimen.archive)
        job = Job(specimen.ecosystem, archive=archive, limits=specimen.limits, total_s=300.0)
        try:
            return name, await actor.analyse(job, Artifact(specimen.ecosystem, "sample", file=archive[0]))
        except Exception as error:  # shown by the test that wanted this report
            return name, error

    try:
        return dict(await asyncio.gather(*(one(*pair) for pair in specimens.items())))
    finally:
        await stop(actor)


__all__ = ["Registries", "run_all", "stop", "supervisor", "well"]
