"""A container engine that goes away while a package is run: the way to it is a relay of ours, which is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
from aiodocker import Docker

from pumpkin.adapters.engine import EngineSettings, Recipe, find
from pumpkin.adapters.engines.sandbox import LABEL
from pumpkin.adapters.folder import DataFolder
from pumpkin.sections import SandboxSettings
from scripts.faults.scene import Broken, Scene, scene
from scripts.trials.killed import PACKAGES, hand_in, in_phase

ENGINE = "/run/docker.sock"


def lost(times: int) -> Scene:
    """The engine lost in each phase in turn, there again after some seconds; the task ends, no container is left."""
    asyncio.run(_image())
    folder = Path(f"/tmp/pumpkin-relay-{time.time_ns()}")
    folder.mkdir(mode=0o700)
    address = folder / "engine.sock"
    relay = _relay(address)
    engines = json.dumps([{"address": f"unix://{address}", "slots": 1}])
    more = {"PUMPKIN_SANDBOX__ENABLED": "true", "PUMPKIN_SANDBOX__ENGINES": engines, "PUMPKIN_SANDBOX__WARM": "0"}
    try:
        with scene(environment=more) as here:
            with here.traffic(clients=1) as traffic:
                for turn in range(times):
                    phase = list(PACKAGES)[turn % len(PACKAGES)]
                    task = asyncio.run(_begin(here, phase))
                    relay.kill()
                    relay.wait()
                    address.unlink(missing_ok=True)
                    time.sleep(8)
                    traffic.until(20)
                    relay = _relay(address)
                    here.note(f"lost during {phase}: {asyncio.run(_end(here, task))}")
                here.judge(traffic)
            asyncio.run(_nobody(here))
            return here
    finally:
        relay.kill()
        relay.wait()


async def _image() -> None:
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


async def _end(here: Scene, task: str) -> str:
    async with asyncio.timeout(240), aiohttp.ClientSession() as client:
        while True:
            headers = {"Authorization": f"Bearer {here.key}"}
            async with client.get(f"{here.product.url}/api/v1/task/{task}/", headers=headers) as response:
                data = (await response.json())["data"]
            if data["status"] in ("completed", "failed"):
                return f"{data['status']}, {data.get('outcome')}"
            await asyncio.sleep(0.5)


async def _nobody(here: Scene) -> None:
    node = DataFolder(here.product.data).node
    docker = Docker(url=f"unix://{ENGINE}")
    try:
        async with asyncio.timeout(60):
            while left := await docker.containers.list(all=True, filters={"label": [f"{LABEL}.instance={node}"]}):
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise Broken(f"{len(left)} containers are left") from None
    finally:
        await docker.close()


def _relay(address: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, __file__, str(address)])
    deadline = time.monotonic() + 10
    while not address.exists():
        if time.monotonic() > deadline:
            raise Broken("the relay does not start")
        time.sleep(0.05)
    return process


async def _serve(address: str) -> None:
    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
            if target.can_write_eof():
                target.write_eof()
        except OSError:
            target.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, back = await asyncio.open_unix_connection(ENGINE)
        await asyncio.gather(pump(reader, back), pump(far, writer))
        writer.close()
        back.close()

    async with await asyncio.start_unix_server(meet, address) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
