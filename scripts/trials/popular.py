"""50 popular Python packages and 20 of npm: all phases end, nothing is called malicious, times are listed."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import EngineError, EngineSettings, Job, Recipe, Registries, find
from pumpkin.adapters.registries.addresses import npm_registry, pypi_index
from pumpkin.model.findings import Level
from pumpkin.model.reports import Artifact, Report
from pumpkin.sections import SandboxSettings

PYPI = """
six idna certifi urllib3 requests charset-normalizer packaging typing-extensions python-dateutil pyyaml setuptools wheel
attrs click jinja2 markupsafe pytz cffi pycparser cryptography numpy wrapt platformdirs filelock tomli zipp
importlib-metadata pluggy iniconfig pytest colorama jmespath botocore s3transfer pyjwt pydantic pydantic-core
annotated-types anyio sniffio h11 httpx rich pygments tqdm psutil werkzeug flask itsdangerous decorator
"""
NPM = """
is-number lodash chalk commander express debug ms semver minimist uuid axios react yargs glob rimraf async body-parser
dotenv moment inherits
"""


async def run() -> bool:
    """Whether all went well; prints one line a package."""
    wanted = EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems))
    engine = await find("trials", wanted)
    await engine.build(lambda line: print(f"  {line}", flush=True))
    bases = {"pypi": pypi_index(), "npm": npm_registry()}
    with tempfile.TemporaryDirectory() as folder:
        async with Registries(bases, Path(folder)) as registries:
            actor = SandboxSupervisor.start([engine], registries=registries)._actor_weakref()
            assert actor is not None
            try:
                return await _all(actor)
            finally:
                actor.actor_ref.stop(block=False)
                await actor.ended()


async def _all(actor: SandboxSupervisor) -> bool:
    slots = asyncio.Semaphore(2)
    well, times = True, []

    async def one(ecosystem: str, name: str) -> None:
        nonlocal well
        async with slots:
            begun = time.monotonic()
            try:
                report: Report = await actor.analyse(Job(ecosystem, name, total_s=600.0), Artifact(ecosystem, name))
            except EngineError as error:
                well = False
                print(f"{ecosystem:5} {name:22} FAILED: {error.message}", flush=True)
                return
            spent = time.monotonic() - begun
            times.append(spent)
            grave = [one for one in report.findings if one.level.rank >= Level.HIGH.rank]
            ended = all(phase.status in ("completed", "not_run") for phase in report.phases)
            good = ended and not report.fault and not grave
            well = well and good
            states = " ".join(f"{phase.status}/{phase.duration_s:.1f}" for phase in report.phases)
            print(f"{ecosystem:5} {name:22} {spent:6.1f} s  {states}{'' if good else '  NOT WELL'}", flush=True)
            for phase in report.phases:
                if phase.status == "not_run" and phase.why:
                    print(f"        {phase.name} not run: {phase.why}")
                elif phase.status == "failed":
                    print(f"        {phase.stderr[-400:].decode(errors='replace')}")
            for finding in report.findings:
                if finding.level.rank >= Level.MEDIUM.rank:
                    print(f"        {finding.level}: {finding.reason[:160]}")

    await asyncio.gather(*(one("pypi", name) for name in PYPI.split()), *(one("npm", name) for name in NPM.split()))
    print(f"{len(times)} packages, median {statistics.median(times):.1f} s, most {max(times):.1f} s")
    return well and len(times) == len(f"{PYPI} {NPM}".split())
