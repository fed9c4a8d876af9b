"""A container engine that goes away while a package is run: the way to it is a relay of ours, which is killed."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path

import aiohttp

from pumpkin.adapters.engine import EngineSettings, Recipe, find
from pumpkin.sections import SandboxSettings
from scripts.faults.packages import containers
from scripts.faults.relay import begin
from scripts.faults.scene import Broken, Scene, scene
from scripts.trials.killed import PACKAGES, hand_in, in_phase

ENGINE = "/run/docker.sock"


def lost(times: int) -> Scene:
    """The engine lost in each phase in turn, there again after some seconds; the task ends, no container is left."""
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-relay-"))
    address = folder / "engine.sock"
    relay = begin(str(address), ENGINE)
    engines = json.dumps([{"address": f"unix://{address}", "slots": 1}])
    tasks: list[str] = []
    ran: set[str] = set()
    try:
        with scene(environment={"PUMPKIN_SANDBOX__ENGINES": engines}) as here:
            with here.traffic(clients=1, packages=False) as traffic:
                for turn in range(times):
                    phase = list(PACKAGES)[turn % len(PACKAGES)]
                    tasks.append(asyncio.run(_begin(here, phase)))
                    ran |= containers(here.node)
                    relay.kill()
                    relay.wait()
                    address.unlink(missing_ok=True)
                    _until_missed(here)
                    traffic.until(20)
                    relay = begin(str(address), ENGINE)
                    here.note(f"lost during {phase}: {asyncio.run(_end(here, tasks[-1]))}")
                here.judge(traffic, accepted=tasks, ran=ran)
            return here
    finally:
        relay.kill()
        relay.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def image() -> None:
    """What the packages are run in, built before anything is timed."""
    async with await find(
        "chaos", EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems))
    ) as engine:
        await engine.build(lambda _: None)


async def _begin(here: Scene, phase: str) -> str:
    deadline = time.monotonic() + 60
    while not _answers(here):
        if time.monotonic() > deadline:
            raise Broken("the engine is there again, and not used")
        await asyncio.sleep(0.3)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {here.key}"}) as client:
        name, content = PACKAGES[phase]
        task = await hand_in(client, here.product.url, name, content)
        await in_phase(client, here.product.url, task, phase)
        return task


def _answers(here: Scene) -> bool:
    """Whether the product knows its engine to be well: else a package is scanned and not run, and says so."""
    said = json.loads(here.product.request("/api/v1/sandbox", key=here.key)[2])["data"]
    return bool(said["engines"]) and not said["unavailable"] and not any(one["problem"] for one in said["engines"])


def _until_missed(here: Scene) -> None:
    deadline = time.monotonic() + 30
    while _answers(here):
        if time.monotonic() > deadline:
            raise Broken("nobody missed the engine")
        time.sleep(0.3)


async def _end(here: Scene, task: str) -> str:
    async with asyncio.timeout(240), aiohttp.ClientSession() as client:
        while True:
            headers = {"Authorization": f"Bearer {here.key}"}
            async with client.get(f"{here.product.url}/api/v1/task/{task}/", headers=headers) as response:
                data = (await response.json())["data"]
            if data["status"] in ("completed", "failed"):
                return f"{data['status']}, {data.get('outcome')}"
            await asyncio.sleep(0.5)
