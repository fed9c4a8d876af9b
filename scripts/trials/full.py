"""The server's disk full while a package is run: the run ends all the same, it is said, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import aiohttp
from aiodocker import Docker

from pumpkin.adapters.engine import EngineSettings, Recipe, find
from pumpkin.adapters.folder import DataFolder
from pumpkin.sections import SandboxSettings
from scripts.faults.disks import fill, small
from scripts.trials.killed import PACKAGES, ended, hand_in, in_phase, sandboxes
from tests.acceptance.product import Product

DISK_MB = 700
GONE_S = 60.0  # the package takes 15 of them


async def run() -> bool:
    """Whether all went well."""
    wanted = EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems))
    async with await find("trials", wanted) as engine:
        await engine.build(lambda line: print(f"  {line}", flush=True))
        address = engine.settings.address
    docker = Docker(url=address)
    try:
        with small(DISK_MB) as (place, _):
            return await _filled(docker, place)
    finally:
        await docker.close()


async def _filled(docker: Docker, place: Path) -> bool:
    product = Product(place / "data", environment={"PUMPKIN_SANDBOX__WARM": "0"})
    await asyncio.to_thread(product.start)
    key = product.key("packages:write", "packages:read", "checks:read")
    instance = DataFolder(product.data).node
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:
            task = await hand_in(client, product.url, *PACKAGES["import"])
            await in_phase(client, product.url, task, "import")
            mine = await sandboxes(docker, instance)
            await asyncio.to_thread(fill, place / "ballast")
            begun, said = time.monotonic(), ""
            while await sandboxes(docker, instance) and time.monotonic() - begun < GONE_S:
                said = await _said(client, product.url) or said
                await asyncio.sleep(0.5)
            left, gone = await sandboxes(docker, instance), time.monotonic() - begun
            (place / "ballast").unlink()
            found = await ended(client, product.url, task)
            after = await sandboxes(docker, instance)
    finally:
        product.kill()
    well = bool(mine) and not left and not after and bool(said) and found["status"] == "completed"
    print(f"{'passed' if well else 'FAILED'}: disk full during import: {len(mine)} sandboxes gone after {gone:.1f} s; "
          f"/ready while full: {said or 'nothing missing'}; the task ended {found['status']}, {found.get('outcome')}; "
          f"{len(after)} sandboxes left", flush=True)  # fmt: skip
    return well


async def _said(client: aiohttp.ClientSession, url: str) -> str:
    """What /ready misses; empty while it misses nothing."""
    try:
        async with client.get(f"{url}/ready", timeout=aiohttp.ClientTimeout(5)) as response:
            return "" if response.status == 200 else json.dumps((await response.json()).get("missing"))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"{type(error).__name__}"
