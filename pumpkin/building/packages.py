"""The packages' side: queue, worker and curator, with the registries, the scanner and the sandbox they use."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

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
from pumpkin.adapters.origins import Origins
from pumpkin.adapters.registries import Registries
from pumpkin.adapters.scanner import Scanner
from pumpkin.adapters.webhooks import Webhooks
from pumpkin.analysis import names
from pumpkin.building.line import Line
from pumpkin.bus import Bus
from pumpkin.model import reports as model
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Decided, Submission
from pumpkin.settings import Settings
from pumpkin.store import tasks
from pumpkin.store.database import Database
from pumpkin.web.services import Packages

_MIRRORS = {"pypi": f"{ORIGIN}/pypi/simple/", "npm": f"{ORIGIN}/npm/"}


@dataclass(frozen=True)
class Analysis:
    """What analyses packages here; `services` is what the web is handed of it."""

    queue: Child[Queue]
    worker: Child[Worker]
    curator: Child[Curator]
    services: Packages


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
    """Queue, worker and curator, running."""
    wanted = settings.packages
    slots = wanted.slots or max(1, os.cpu_count() or 1)
    node = DataFolder(settings.data).node
    scanner = await stack.enter_async_context(Scanner(slots, packs=settings.data / "rules"))
    folder = settings.data / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("artifacts-*/*"):
        left.unlink(missing_ok=True)
    workers: list[Child[Worker]] = []
    curators: list[Child[Curator]] = []

    def no_engine() -> str:
        if sandbox.state != "running":
            return "the sandbox's part is not running"
        return sandbox.actor.unavailable()

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
        origin=Origins().of if wanted.origins else None,
        folder=folder,
    )
    hooks = await stack.enter_async_context(Webhooks(wanted.webhooks))
    heralds: list[Child[Herald]] = []
    private = _private(settings)

    def tools() -> str:
        return ",".join(parts.tools())

    def working(call: str, *values: Any) -> None:
        if workers and workers[0].state == "running":
            getattr(workers[0].actor, call)(*values)

    def kept() -> None:
        if curators and curators[0].state == "running":
            curators[0].actor.wake()

    def freshen(task_id: int) -> None:
        if curators and curators[0].state == "running":
            curators[0].actor.freshen(task_id)

    async def receive(observation: Observation) -> Receipt:
        return await line.aggregator.actor.receive(observation)

    async def published(purl: Purl) -> str:
        release = await registries.resolve(purl)
        return "" if release.stale else release.digest_key

    async def submit(wish: Submission) -> Decided:
        if wish.ecosystem in private and not wish.realm:
            wish = replace(wish, realm=wish.owner)
        decided: Decided = await queue.actor.submit(wish)
        if wish.webhook and decided.state in ("completed", "failed") and heralds[0].state == "running":
            heralds[0].actor.wake()
        return decided

    agent = f"analysis@{settings.xmpp.domain}"
    line.approved.add(agent)
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
    curators.append(
        await system.start(
            "curator",
            lambda: Curator.start(
                db,
                agent,
                receive,
                rules=lambda: scanner.rules,
                published=published,
                submit=submit,
                tools=tools,
            ),
        )
    )
    analyst = Analyst(parts)
    workers.append(
        await system.start(
            "worker",
            lambda: Worker.start(
                db,
                bus,
                node,
                analyst.analyse,
                slots=lambda: slots,
                tools=tools,
                kept=kept,
                publish=lambda topic, data: queue.actor.publish(topic, data),
            ),
        )
    )
    leave = Restart(then="leave")  # packages are analysed without it
    heralds.append(await system.start("herald", lambda: Herald.start(db, bus, hooks.tell), restart=leave))
    # before what it works with: a running analysis is given back to the queue in good order
    stack.push_async_callback(system.remove, "worker")
    services = Packages(
        submit=submit,
        resolve=registries.resolve,
        tools=parts.tools,
        no_engine=no_engine,
        sweep=lambda: queue.actor.sweep(),
        cancelled=lambda task_id: queue.actor.cancelled(task_id),
        freshen=freshen,
        upload=lambda digest, name, content: tasks.keep_upload(db, digest, name, content),
        private=private,
        cap=wanted.waiting,
        timeout_s=int(wanted.timeout * 60),
        upload_limit=wanted.upload_limit * 1024 * 1024,
    )
    return Analysis(queue, workers[0], curators[0], services)


def _private(settings: Settings) -> frozenset[str]:
    """The ecosystems whose registry asks for a password of ours: what it holds is nobody else's business."""
    wanted = settings.registries
    bases = {one: str(getattr(wanted, one)) for one in ("pypi", "npm", "gem", "maven", "composer", "cargo", "apk")}
    known = {base.rstrip("/") for base in wanted.tokens}
    return frozenset(one for one, base in bases.items() if base.rstrip("/") in known or "@" in base.partition("://")[2])
