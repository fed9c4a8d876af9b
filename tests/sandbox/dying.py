"""A server in small, to be killed: runs a package that lingers in one phase, and says when it has begun.

usage: dying.py ADDRESS IMAGE INSTANCE PHASE
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Engine, EngineSettings, Job
from pumpkin.model.reports import Artifact
from tests.sandbox import laboratory
from tests.sandbox.samples import sdist, wheel

LINGER = "import time\ntime.sleep(60)\n"
PACKAGES = {
    "install": sdist("sample", setup=LINGER),
    "import": wheel("sample", LINGER),
    "execute": wheel("sample", "def linger():\n    import os, time\n    os.system('sleep 60')\n"),
}


async def main(address: str, image: str, instance: str, phase: str) -> None:
    actor = SandboxSupervisor.start([Engine(EngineSettings(address, image=image), instance)], blank={})._actor_weakref()
    assert actor is not None
    await laboratory.well(actor)

    def tell(event: Mapping[str, Any]) -> None:
        if event["type"] == "phase" and event["phase"] == phase and event["state"] == "started":
            print("begun", flush=True)

    await actor.analyse(Job("pypi", archive=PACKAGES[phase], total_s=90.0), Artifact("pypi", "sample"), tell)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
