"""Two engines at once, one of them stopped in the middle; podman and gVisor where this machine has them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiodocker import Docker

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Engine, EngineSettings, Job, Recipe, find
from pumpkin.model.reports import Artifact, Report
from pumpkin.sections import SandboxSettings
from tests.sandbox import specimens
from tests.sandbox.samples import wheel

SLOW = wheel("sample", "import time\ntime.sleep(8)\n")


async def run() -> bool:
    """Whether all went well."""
    wanted = EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems))
    async with await find("trials", wanted) as first:
        await first.build(lambda line: print(f"  {line}", flush=True))
        settings = first.settings
        well = await _two(first)
        if shutil.which("podman"):
            well = await _podman(first) and well
        else:
            print("podman is not installed: not tried")
        if "runsc" in first.health.runtimes:
            runsc = replace(settings, runtime="runsc")
            well = _say("gVisor", await _three([Engine(runsc, "trials")])) and well
        else:
            print("gVisor's runsc is no runtime of this engine: not tried")
    return well


async def _two(first: Engine) -> bool:
    with tempfile.TemporaryDirectory(prefix="pumpkin-second-") as folder:
        async with _dockerd(Path(folder)) as (address, process):
            await _copy(first, address)
            engines = [
                Engine(replace(first.settings, address=address, slots=1), "trials"),
                Engine(first.settings, "trials"),
            ]
            actor = await _started(engines)
            runs = [
                asyncio.create_task(actor.analyse(Job("pypi", archive=SLOW), Artifact("pypi", f"sample {number}")))
                for number in range(3)
            ]
            await _until(lambda: sum(one["busy"] for one in actor.status()) == 3)
            used = {one["address"]: one["busy"] for one in actor.status()}
            print(f"  at work: {used}")
            process.terminate()
            await process.wait()
            print("  the second daemon is stopped")
            reports = await asyncio.gather(*runs)
            states = [[phase.status for phase in report.phases] for report in reports]
            print(f"  {states}; engines now: {[one['problem'] or 'ready' for one in actor.status()]}")
            await _stop(actor)
            return _say("two engines, one stopped in the middle", all(one == ["completed"] * 3 for one in states))


async def _podman(first: Engine) -> bool:
    with tempfile.TemporaryDirectory(prefix="pumpkin-podman-", ignore_cleanup_errors=True) as folder:
        address = f"unix://{folder}/podman.sock"
        root = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--runtime", "runc")
        service = ("podman", *root, "system", "service", "--time=0", address)
        process = await asyncio.create_subprocess_exec(*service, stderr=asyncio.subprocess.DEVNULL)
        try:
            await _answers(address)
            await _copy(first, address)
            return _say("podman", await _three([Engine(replace(first.settings, address=address), "trials")]))
        finally:
            process.terminate()
            await process.wait()
            for mounted in (f"{folder}/root/overlay", f"{folder}/root"):
                umount = await asyncio.create_subprocess_exec("umount", mounted, stderr=asyncio.subprocess.DEVNULL)
                await umount.wait()


async def _three(engines: list[Engine]) -> bool:
    """A benign package, one that steals, one that attacks: as in the suite."""
    actor = await _started(engines)
    try:
        found: dict[str, Report] = {}
        for name in ("plain wheel", "https base64", "npm postinstall", "untraced", "fork storm", "disk filler"):
            specimen = specimens.ALL[name]
            job = Job(specimen.ecosystem, archive=specimen.archive, limits=specimen.limits)
            found[name] = await actor.analyse(job, Artifact(specimen.ecosystem, name))
            rules = sorted({one.rule for one in found[name].findings})
            network = found[name].environment.network
            print(f"  {name}: {[phase.status for phase in found[name].phases]} {network} {rules}", flush=True)
        return (
            not found["plain wheel"].findings
            and all("dynamic-secret-left" in _rules(found[name]) for name in ("https base64", "npm postinstall"))
            and "dynamic-tamper" in _rules(found["untraced"])
            and not found["disk filler"].fault
            and not found["fork storm"].fault
        )
    finally:
        await _stop(actor)


def _rules(report: Report) -> set[str]:
    return {one.rule for one in report.findings}


def _say(what: str, well: bool) -> bool:
    print(f"{'passed' if well else 'FAILED'}: {what}", flush=True)
    return well


@asynccontextmanager
async def _dockerd(folder: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    address = f"unix://{folder}/docker.sock"
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net"),  # told to have no bridge it would remove docker0, which is the first one's
        "dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"),
        "--pidfile", str(folder / "pid"), "-H", address, "--bridge=none", "--iptables=false",
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        await _answers(address)
        yield address, process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        log.close()


async def _answers(address: str) -> None:
    async with asyncio.timeout(60):
        while not Path(address.removeprefix("unix://")).is_socket():
            await asyncio.sleep(0.1)
        async with Engine(EngineSettings(address)) as engine:
            while not (await engine.check()).version:
                await asyncio.sleep(0.2)


async def _copy(first: Engine, address: str) -> None:
    """The image from the first engine to the one at `address`, as a stream."""
    print(f"  copying the image to {address}", flush=True)
    target = Docker(url=address)
    try:
        async with first.docker.images.export_image(first.tag) as content:
            async for said in target.images.import_image(content, stream=True):
                if "error" in said:
                    raise RuntimeError(said["error"])
    finally:
        await target.close()


async def _started(engines: list[Engine]) -> SandboxSupervisor:
    actor = SandboxSupervisor.start(engines, warm=0)._actor_weakref()
    assert actor is not None
    await _until(lambda: all(not one["problem"] for one in actor.status()))
    return actor


async def _until(true: object, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def _stop(actor: SandboxSupervisor) -> None:
    actor.actor_ref.stop(block=False)
    await actor.ended()
