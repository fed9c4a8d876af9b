"""Rows of the sandbox: seconds a package, the price of tracing, two at once, a flood of calls, the loop's lag.

Real packages from the configured registries, the caches filled by a first run. Needs a container engine.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Engine, EngineSettings, Job, Recipe, Registries, find
from pumpkin.adapters.engines.sandbox import Bounds, Confinement, Owner, configuration
from pumpkin.adapters.registries.addresses import npm_registry, pypi_index
from pumpkin.model.reports import Artifact
from pumpkin.sections import SandboxSettings
from tests.sandbox.samples import wheel

Row = tuple[str, str, str]
GOALS = (("pypi", "six", 1.0), ("npm", "is-number", 1.1), ("npm", "express", 4.5), ("pypi", "requests", 2.5))
FLOOD = (
    "import os\nfor one in range(150000):\n    try:\n        os.rmdir('/tmp/none')\n    except OSError:\n        pass\n"
)
# pip in the sandbox, untraced and traced by turns; CPU seconds of each, the tracer's and its reader's included
PRICE = """
import resource, subprocess, sys, threading
sys.path.insert(0, '/opt/runner')
from pumpkin.runner import privileges, steps, trace
privileges.make_room((privileges.HOME, '/work'))
import zipfile
NAME = '/tmp/sample-1.0-py3-none-any.whl'
with zipfile.ZipFile(NAME, 'w') as made:
    made.writestr('sample.py', '')
    made.writestr('sample-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: sample\\nVersion: 1.0\\n')
    made.writestr('sample-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    made.writestr('sample-1.0.dist-info/RECORD', '')
argv = ['/usr/bin/python3', '-m', 'pip', 'install', '--user', '--no-index', '--no-compile', '--ignore-installed', NAME]
env = privileges.environment({'PIP_BREAK_SYSTEM_PACKAGES': '1'})
def used():
    both = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)
def untraced():
    subprocess.run(privileges.dropped(argv), env=env, check=True, stdout=subprocess.DEVNULL)
def traced():
    step = steps.Step(argv)
    watch = trace.Trace(lambda event: None, cwd='/work', environment=env)
    ended = steps.run(step, env, 1e12, watch, steps.Raw(), threading.Event())
    assert ended.status == 'completed', ended
found = {untraced: [], traced: []}
for _ in range(7):
    for one in found:
        before = used(); one(); found[one].append(used() - before)
print(min(found[untraced]), min(found[traced]), flush=True)
"""


# what the machine itself makes a process wait that does nothing but sleep
BESIDE = """
import sys, time, threading
worst = 0.0
def watch():
    global worst
    while True:
        begun = time.monotonic(); time.sleep(0.01)
        worst = max(worst, time.monotonic() - begun - 0.01)
threading.Thread(target=watch, daemon=True).start()
sys.stdin.read(); print(worst)
"""


class Lag:
    """How long the loop let others wait, in seconds: `worst` as somebody on it sees it, `callback` the longest it spent
    in one callback. Where sandboxes have all CPUs, somebody on it waits for the machine as well: `beside` is what a
    process that only sleeps waited at the same time."""

    def __init__(self) -> None:
        self.worst = self.callback = self.beside = 0.0
        self._task = asyncio.get_running_loop().create_task(self._watch())
        self._run = asyncio.Handle._run
        self._other = subprocess.Popen([sys.executable, "-c", BESIDE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lag, run = self, self._run

        def timed(handle: asyncio.Handle) -> None:
            begun = time.monotonic()
            run(handle)
            lag.callback = max(lag.callback, time.monotonic() - begun)

        asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]

    async def _watch(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            self.worst = max(self.worst, time.monotonic() - begun - 0.01)

    def stop(self) -> None:
        asyncio.Handle._run = self._run  # type: ignore[method-assign]
        self._task.cancel()
        self.beside = float(self._other.communicate(b"")[0])


async def main() -> None:
    """Print the rows."""
    engine = await find("bench", EngineSettings("", recipe=Recipe(ecosystems=SandboxSettings().ecosystems)))
    await engine.build(print)
    with tempfile.TemporaryDirectory() as folder:
        bases = {"pypi": pypi_index(), "npm": npm_registry()}
        async with Registries(bases, Path(folder)) as registries:
            actor = SandboxSupervisor.start([engine], registries=registries, warm=2)._actor_weakref()
            assert actor is not None
            actor.actor_ref.tell("warm")
            await _packages(actor)
            four = [(ecosystem, name) for ecosystem, name, _ in GOALS]
            _print(await _two(actor, "six", four[:1] * 8, ", at least 1.6"))
            _print(await _two(actor, "the four", four[::-1] * 2, ""))
            _print(await _flood(actor))
            _print(await _loop(actor))
            _print(await _empty(engine))
            _print(await _price(engine))
            actor.actor_ref.stop(block=False)
            await actor.ended()


def _print(row: Row) -> None:
    print(f"{row[0]:44} {row[1]:>24}   {row[2]}", flush=True)


async def _warm(actor: SandboxSupervisor) -> None:
    async with asyncio.timeout(60):
        while not any(one["warm"] >= 2 for one in actor.status()):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)


async def _packages(actor: SandboxSupervisor) -> None:
    for ecosystem, name, goal in GOALS:
        await actor.analyse(Job(ecosystem, name), Artifact(ecosystem, name))
        times, cpu = [], []
        for _ in range(7):
            await _warm(actor)
            begun = time.monotonic()
            report = await actor.analyse(Job(ecosystem, name), Artifact(ecosystem, name))
            times.append(time.monotonic() - begun)
            cpu.append(report.cpu_s)
            assert report.status == "completed", report.phases
        said = f"{statistics.median(times):.2f} s, least {min(times):.2f}, CPU {statistics.median(cpu):.2f}"
        _print((f"{name}, three phases, warm and cached", said, f"median at most {goal} s"))


async def _two(actor: SandboxSupervisor, what: str, jobs: Sequence[tuple[str, str]], goal: str) -> Row:
    """`jobs` one by one, then two at a time; sandboxes are made meanwhile, as in service."""

    async def rate(at_once: int) -> float:
        slots = asyncio.Semaphore(at_once)

        async def one(ecosystem: str, name: str) -> None:
            async with slots:
                await actor.analyse(Job(ecosystem, name), Artifact(ecosystem, name))

        await _warm(actor)
        begun = time.monotonic()
        await asyncio.gather(*(one(*job) for job in jobs))
        return len(jobs) / (time.monotonic() - begun)

    alone, both = await rate(1), await rate(2)
    said = f"{both:.2f}/s against {alone:.2f}/s"
    return (f"two sandboxes at once, {what}", said, f"{both / alone:.2f} times{goal}")


async def _flood(actor: SandboxSupervisor) -> Row:
    await _warm(actor)
    begun = time.process_time()
    report = await actor.analyse(
        Job("pypi", archive=wheel("sample", FLOOD), index="", phases=("install", "import")), Artifact("pypi", "flood")
    )
    spent = time.process_time() - begun
    calls = report.phase("import").calls["rmdir"][0]
    return (f"server CPU for {calls:,} traced calls", f"{spent:.3f} s", "at most 0.1 s for 150,000")


async def _loop(actor: SandboxSupervisor) -> Row:
    """Each package once, two at a time, while somebody watches."""
    await _warm(actor)
    lag = Lag()
    jobs = [(ecosystem, name) for ecosystem, name, _ in GOALS] * 2
    slots = asyncio.Semaphore(2)

    async def one(ecosystem: str, name: str) -> None:
        async with slots:
            await actor.analyse(Job(ecosystem, name), Artifact(ecosystem, name))

    await asyncio.gather(*(one(*job) for job in jobs))
    lag.stop()
    said = f"at most 50 ms; late by {lag.worst * 1e3:.0f} ms, a process beside it by {lag.beside * 1e3:.0f} ms"
    return ("loop blocked by a callback at most", f"{lag.callback * 1e3:.0f} ms", said)


async def _empty(engine: Engine) -> Row:
    times = []
    for _ in range(5):
        begun = time.monotonic()
        async with await engine.sandbox():
            pass
        times.append(time.monotonic() - begun)
    return ("a sandbox made, ready and gone", f"{statistics.median(times):.2f} s", "")


async def _price(engine: Engine) -> Row:
    made = configuration(Confinement(engine.tag, Bounds()), Owner("bench"))
    made["Entrypoint"], made["Cmd"] = ["/usr/bin/python3", "-I", "-S", "-c", PRICE], []
    container = await engine.docker.containers.create(made)
    stream = container.attach(stdin=False, stdout=True, stderr=True)
    await stream._init()
    await container.start()
    said = b""
    while (message := await stream.read_out()) is not None:
        said += message.data
    await stream.close()
    plain, traced = map(float, said.split()[-2:])
    return ("CPU traced against untraced", f"{traced:.3f} s / {plain:.3f} s", f"{traced / plain:.2f}, at most 1.25")


if __name__ == "__main__":
    asyncio.run(main())
