"""kill -9 of the whole server during each phase of a package: no sandbox is left, and the task runs again and ends."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiodocker import Docker

from pumpkin.adapters.engine import EngineSettings, Recipe, find
from pumpkin.adapters.engines.sandbox import LABEL
from pumpkin.adapters.folder import DataFolder
from pumpkin.sections import SandboxSettings
from tests.acceptance.product import Product
from tests.sandbox.samples import sdist, wheel

LINGER = "import time\ntime.sleep(15)\n"
PACKAGES = {
    "install": sdist("sample", setup=LINGER),
    "import": wheel("sample", LINGER),
    "execute": wheel(
        "sample", "import os\nif 'execute' in open('/proc/self/cmdline').read():\n    os.system('sleep 15')\n"
    ),
}


async def run() -> bool:
    """Whether all went well."""
    wanted = EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems))
    async with await find("trials", wanted) as engine:
        await engine.build(lambda line: print(f"  {line}", flush=True))
        address = engine.settings.address
    docker = Docker(url=address)
    try:
        return all([await _phase(docker, phase) for phase in PACKAGES])
    finally:
        await docker.close()


async def _phase(docker: Docker, phase: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        await asyncio.to_thread(product.start)
        key = product.key("packages:write", "packages:read", "checks:read")
        try:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:
                task = await hand_in(client, product.url, *PACKAGES[phase])
                await in_phase(client, product.url, task, phase)
                instance = DataFolder(product.data).node
                mine = await sandboxes(docker, instance)
                product.kill()
                begun = time.monotonic()
                while await sandboxes(docker, instance):
                    await asyncio.sleep(0.02)
                gone = time.monotonic() - begun
                await asyncio.to_thread(product.start)
                done = await ended(client, product.url, task)
        finally:
            product.kill()
    well = bool(mine) and gone < 2 and done["status"] == "completed"
    print(f"{'passed' if well else 'FAILED'}: killed during {phase}: {len(mine)} sandboxes gone after {gone:.2f} s; "
          f"the task ended {done['status']}, {done.get('outcome')}", flush=True)  # fmt: skip
    return well


async def hand_in(client: aiohttp.ClientSession, url: str, name: str, content: bytes) -> str:
    """The task that was made of it."""
    form = aiohttp.FormData({"ecosystem": "pypi", "package_name": "sample", "package_version": "1.0"})
    form.add_field("file", content, filename=name)
    async with client.post(f"{url}/api/v1/upload/", data=form) as response:
        said = await response.json()
        return str(said["data"]["uuid"])


async def in_phase(client: aiohttp.ClientSession, url: str, task: str, phase: str) -> None:
    """Until the phase has begun."""
    async with asyncio.timeout(90), client.ws_connect(f"{url}/api/v1/task/{task}/events") as events:
        async for message in events:
            if f'"{phase}"' in str(message.data):
                await asyncio.sleep(2)
                return


async def ended(client: aiohttp.ClientSession, url: str, task: str) -> dict[str, Any]:
    """The task as it is once it has ended, whatever hinders it meanwhile."""
    async with asyncio.timeout(180):
        while True:
            try:
                async with client.get(f"{url}/api/v1/task/{task}/") as response:
                    data: dict[str, Any] = (await response.json())["data"]
                    if data["status"] in ("completed", "failed"):
                        return data
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.3)


async def sandboxes(docker: Docker, instance: str) -> list[str]:
    """The containers of one installation."""
    wanted = {"label": [f"{LABEL}.instance={instance}"]}
    return [one.id for one in await docker.containers.list(all=True, filters=wanted)]
