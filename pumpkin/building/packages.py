"""The packages' side: queue, worker and curator, with the registries, the scanner and the sandbox they use."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from actors.curator import Curator
from actors.herald import Herald
from actors.queue import Queue
from actors.sandbox import SandboxSupervisor
from actors.supervision import Child, Restart, System
from actors.worker import Worker
from pumpkin.adapters.analyst import Analyst, Parts
from pumpkin.adapters.engine import Job
from pumpkin.adapters.engines.relay import ORIGIN
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.forges import Forges
from pumpkin.adapters.origins import Origins
from pumpkin.adapters.registries import Registries
from pumpkin.adapters.registries.spelling import Spelling
from pumpkin.adapters.scanner import Scanner
from pumpkin.adapters.webhooks import Webhooks
from pumpkin.analysis import names, provenance
from pumpkin.building.line import Line
from pumpkin.bus import Bus
from pumpkin.errors import Unavailable
from pumpkin.model import reports as model
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Decided, Ending, Submission, Task
from pumpkin.settings import Settings
from pumpkin.store import tasks, triage
from pumpkin.store.database import Database
from pumpkin.store.reports import NewReport
from pumpkin.web.services import Packages

FOLLOW_S = 5.0
log = structlog.get_logger("pumpkin.packages")
_MIRRORS = {"pypi": f"{ORIGIN}/pypi/simple/", "npm": f"{ORIGIN}/npm/"}


@dataclass(frozen=True)
class Bench:
    """What analyses packages in this process: queue and worker with the tools they use, of a server or a worker."""

    queue: Child[Queue]
    worker: Child[Worker]
    parts: Parts
    scanner: Scanner
    node: str
    slots: int

    def no_engine(self) -> str:
        return self.parts.no_engine()

    def tools(self) -> str:
        return ",".join(self.parts.tools())


@dataclass(frozen=True)
class Analysis:
    """What a server has to do with packages; `services` is what the web is handed of it."""

    bench: Bench
    curator: Child[Curator]
    services: Packages


async def build_bench(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    registries: Registries,
    sandbox: Child[SandboxSupervisor],
    stack: AsyncExitStack,
    *,
    kept: Callable[[], None] = lambda: None,
) -> Bench:
    """Queue and worker, running. `kept` is told of each new report."""
    wanted = settings.packages
    slots = (wanted.slots or max(1, os.cpu_count() or 1)) if wanted.here else 0
    node = DataFolder(settings.data).node
    scanner = await stack.enter_async_context(Scanner(max(1, slots), packs=settings.data / "rules"))
    folder = settings.data / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("artifacts-*/*"):
        left.unlink(missing_ok=True)
    workers: list[Child[Worker]] = []
    root = Path(wanted.trust_root) if wanted.trust_root else None

    def no_engine() -> str:
        if sandbox.state != "running":
            return "the sandbox's part is not running"
        return sandbox.actor.unavailable() if sandbox.actor.asked else ""

    def engines() -> list[dict[str, Any]]:
        return sandbox.actor.status() if sandbox.state == "running" else []

    async def run(job: Job, about: model.Artifact, tell: Any) -> model.Report:
        return await sandbox.actor.analyse(job, about, tell)

    async def upload(digest: bytes) -> tuple[str, bytes] | None:
        return await tasks.upload(db, digest)

    parts = Parts(
        registries,
        scanner,
        upload,
        run=run if settings.sandbox.enabled else None,
        no_engine=no_engine,
        index=lambda ecosystem: _MIRRORS.get(ecosystem, ""),
        names=names.findings,
        names_known=lambda ecosystem: names.index(ecosystem) is not None,
        known_bad=bool(settings.registries.osv),
        origin=Origins(Forges(wanted.forges)).of if wanted.origins else None,
        attested=partial(provenance.examine, root=root) if provenance.available() else None,
        folder=folder,
        marks=lambda package: triage.marks(db, package),
    )

    def working(call: str, *values: Any) -> None:
        if workers and workers[0].state == "running":
            getattr(workers[0].actor, call)(*values)

    queue = await system.start(
        "queue",
        lambda: Queue.start(
            db,
            bus,
            node,
            free=lambda: workers[0].actor.free if workers and workers[0].state == "running" else 0,
            hand=lambda task: working("hand", task),
            wake=lambda: working("wake"),
            drop=lambda task_id: working("drop", task_id),
        ),
    )
    analyst = Analyst(parts)
    built: list[str] = []

    async def analyse(task: Task, tell: Any) -> tuple[NewReport | None, Ending]:
        if settings.sandbox.build and not built and no_engine() and any(one["engine"] for one in engines()):
            built.append(task.purl)
            log.info("the sandbox image is made for the first package", purl=task.purl)
            sandbox.tell("build")  # behind: this one is looked at without being run, and its report says so
        return await analyst.analyse(task, tell)

    workers.append(
        await system.start(
            "worker",
            lambda: Worker.start(
                db,
                bus,
                node,
                analyse,
                slots=lambda: slots,
                tools=lambda: ",".join(parts.tools()),
                kept=kept,
                publish=lambda topic, data: queue.actor.publish(topic, data),
            ),
        )
    )
    # before what it works with: a running analysis is given back to the queue in good order
    stack.push_async_callback(system.remove, "worker")
    return Bench(queue, workers[0], parts, scanner, node, slots)


async def build_analysis(
    settings: Settings,
    system: System,
    db: Database,
    bus: Bus,
    line: Line,
    registries: Registries,
    sandbox: Child[SandboxSupervisor],
    stack: AsyncExitStack,
) -> Analysis:
    """Queue, worker, herald and curator, running."""
    wanted = settings.packages
    curators: list[Child[Curator]] = []
    heralds: list[Child[Herald]] = []
    private = frozenset(one for one in registries.ecosystems if registries.private(one))

    def curating(call: str, *values: Any) -> None:
        if curators and curators[0].state == "running":
            getattr(curators[0].actor, call)(*values)

    async def receive(observation: Observation) -> Receipt:
        return await line.aggregator.actor.receive(observation)

    async def published(purl: Purl) -> str:
        release = await registries.resolve(purl)
        return "" if release.stale else release.digest_key

    bench = await build_bench(settings, system, db, bus, registries, sandbox, stack, kept=lambda: curating("wake"))
    elsewhere = Elsewhere(db, bench.node)

    async def submit(wish: Submission) -> Decided:
        if wish.ecosystem in private and not wish.realm:
            wish = replace(wish, realm=wish.owner)
        decided: Decided = await bench.queue.actor.submit(wish)
        if wish.webhook and decided.state in ("completed", "failed") and heralds and heralds[0].state == "running":
            heralds[0].actor.wake()
        return decided

    def offered() -> tuple[str, ...]:
        """The tools of this process, or where it analyses nothing those of the others."""
        return bench.parts.tools() if bench.slots else elsewhere.tools or bench.parts.tools()

    def no_engine() -> str:
        if bench.slots:
            return bench.no_engine()
        return "" if "dynamic" in offered() else "no worker on this database has a sandbox"

    agent = f"analysis@{settings.xmpp.domain}"
    line.approved.add(agent)
    curators.append(
        await system.start(
            "curator",
            lambda: Curator.start(
                db,
                agent,
                receive,
                bus=bus,
                rules=lambda: bench.scanner.rules,
                published=published,
                submit=submit,
                tools=lambda: ",".join(offered()),
            ),
        )
    )
    hooks = await stack.enter_async_context(Webhooks(wanted.webhooks))
    leave = Restart(then="leave")  # packages are analysed without it
    heralds.append(await system.start("herald", lambda: Herald.start(db, bus, hooks.tell), restart=leave))
    if not bench.slots:
        following = asyncio.create_task(elsewhere.follow(), name="tools of other nodes")
        stack.callback(following.cancel)

    async def rescore(number: int) -> Any:
        if not curators or curators[0].state != "running":
            raise Unavailable("The part that judges reports anew is not running.")
        return await curators[0].actor.rescore(number)

    services = Packages(
        rescore=rescore,
        submit=submit,
        resolve=registries.resolve,
        spelled=Spelling(registries.glance, lambda purl: tasks.kept(db, purl)),
        welcome=hooks.welcome,
        tools=offered,
        no_engine=no_engine,
        sweep=lambda: bench.queue.actor.sweep(),
        cancelled=lambda task_id: bench.queue.actor.cancelled(task_id),
        freshen=lambda task_id: curating("freshen", task_id),
        upload=lambda digest, name, content: tasks.keep_upload(db, digest, name, content),
        private=private,
        cap=wanted.waiting,
        timeout_s=int(wanted.timeout * 60),
        upload_limit=wanted.upload_limit * 1024 * 1024,
    )
    return Analysis(bench, curators[0], services)


class Elsewhere:
    """What the other nodes on this database analyse with, for a server that analyses nothing itself."""

    def __init__(self, db: Database, node: str) -> None:
        self._db, self._node = db, node
        self.tools: tuple[str, ...] = ()

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):
                self.tools = await tasks.tools_of(self._db, self._node)
            await asyncio.sleep(FOLLOW_S)
