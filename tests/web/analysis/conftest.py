"""The package API over real neighbours: queue, worker and curator on a database; only the analysis is short."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from actors.curator import Curator
from actors.queue import Queue
from actors.supervision import Child
from actors.worker import Worker
from pumpkin.adapters.registries.spelling import Spelling
from pumpkin.adapters.webhooks import Webhooks
from pumpkin.analysis import documents
from pumpkin.errors import PackageNotFound, RegistryUnavailable
from pumpkin.model.findings import Finding
from pumpkin.model.packages import Release, Version, Versions
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Ending, Task
from pumpkin.model.wire import rfc3339
from pumpkin.store import keys, tasks
from pumpkin.store.database import Database
from pumpkin.store.reports import NewReport
from pumpkin.web.services import Packages
from tests.web.conftest import StartWeb, Web, start_line, start_web, web

__all__ = ["start_line", "start_web", "web"]


def small_report(
    task: Task, outcome: str = "clean", rules: str = "r1", findings: Sequence[Finding] = ()
) -> tuple[NewReport, Ending]:
    """A report in the true shape over nothing."""
    now = time.time_ns() // 1_000
    verdict = {"outcome": outcome, "score": 3, "why": ["nothing"], "groups": {}, "not_checked": [], "rules": rules}
    check = uuid4()
    document = {
        "metadata": documents.metadata(
            purl=task.purl, ecosystem=task.ecosystem, name=task.name, version=task.version, status="completed",
            outcome=outcome, started=rfc3339(now), completed=rfc3339(now), duration_s=0.1,
        ),
        "analysis_results": documents.results(
            name=task.name, version=task.version, duration_s=0.1, dynamic=None, tools={},
            findings=[one.as_json() for one in findings], verdict=verdict,
            artifacts=[], proof={"check": str(check)}, rules=rules,
        ),
    }  # fmt: skip
    data = json.dumps(document).encode()
    report = NewReport(data, "static", outcome, 3, rules, ("sha256:ab",), now, check, (("pcap", b"\xd4\xc3"),))
    ending = Ending(outcome, {**verdict, "check": str(check)})
    return report, ending if ending.state == "completed" else replace(ending, category="analysis_error", message="no")


@dataclass
class Kitchen:
    """A stand for the analysis: `hold` keeps tasks running, `outcome` is how they end; `seen` counts runs by task."""

    outcome: str = "clean"
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[int, int] = field(default_factory=dict)
    fault: Exception | None = None
    findings: Sequence[Finding] = ()

    def __post_init__(self) -> None:
        self.hold.set()

    async def analyse(self, task: Task, tell: Callable[[str, Mapping[str, Any]], None]) -> Any:
        self.seen[task.id] = self.seen.get(task.id, 0) + 1
        tell("phase", {"phase": "static", "status": "started"})
        tell("container", {"id": f"c{task.id}"})
        await self.hold.wait()
        if self.fault is not None:
            raise self.fault
        return small_report(task, self.outcome, findings=self.findings)


@dataclass
class Analysis:
    """The served API, its parts, and headers of keys."""

    web: Web
    kitchen: Kitchen
    queue: Child[Queue]
    worker: Child[Worker]
    headers: dict[str, str]

    async def key(self, rate: int = 100_000, **changes: Any) -> dict[str, str]:
        """Headers of a new key for packages."""
        scopes = changes.pop("scopes", ["packages:read", "packages:write"])
        _, text = await keys.create(self.web.services.db, name="t", scopes=scopes, rate=rate, **changes)
        return {"Authorization": f"Bearer {text}"}

    async def post(self, purl: Any, status: int = 202, headers: Mapping[str, str] = {}, **more: Any) -> dict[str, Any]:
        """Submit; the whole body of the answer."""
        body = {"purl": purl, **more}
        async with self.web.client.post("/api/v1/analyze/", json=body, headers={**self.headers, **headers}) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status == status, found
        return found

    async def get(self, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
        """A body by GET, with the key unless other headers are given."""
        given = self.headers if headers is None else headers
        async with self.web.client.get(path, headers=given) as answer:
            text = await answer.text()
            assert answer.status == status, text
        return json.loads(text)

    async def until(self, task_id: int, *states: str) -> dict[str, Any]:
        """Poll a task until it is in one of these states."""
        async with asyncio.timeout(20):
            while True:
                task: dict[str, Any] = (await self.get(f"/api/v1/task/{task_id}/"))["data"]
                if task["status"] in states:
                    return task
                await asyncio.sleep(0.01)

    async def done(self, purl: str) -> dict[str, Any]:
        """Submit and wait for its end."""
        return await self.until((await self.post(purl))["data"]["task_id"], "completed", "failed")


StartAnalysis = Callable[..., Awaitable[Analysis]]


@pytest.fixture
async def start_analysis(start_web: StartWeb, database: Database) -> StartAnalysis:
    """Serves the API; keywords replace fields of its Packages, `slots` is the worker's."""

    async def start(slots: int = 2, access: Any = None, **changes: Any) -> Analysis:
        kitchen = Kitchen()
        workers: list[Child[Worker]] = []
        curators: list[Child[Curator]] = []
        queues: list[Child[Queue]] = []
        packages = Packages(
            submit=lambda wish: queues[0].actor.submit(wish),
            resolve=resolve,
            spelled=Spelling(published, lambda purl: tasks.kept(database, purl)),
            welcome=Webhooks().welcome,
            tools=lambda: ("static",),
            sweep=lambda: queues[0].actor.sweep(),
            cancelled=lambda task_id: queues[0].actor.cancelled(task_id),
            freshen=lambda task_id: curators[0].actor.freshen(task_id),
            rescore=lambda number: curators[0].actor.rescore(number),
            upload=lambda digest, name, content: tasks.keep_upload(database, digest, name, content),
        )
        web = await start_web(packages=replace(packages, **changes), **({"access": access} if access else {}))
        line = web.line
        queues.append(
            await line.system.start(
                "queue",
                lambda: Queue.start(
                    database,
                    line.bus,
                    "node",
                    free=lambda: workers[0].actor.free if workers else 0,
                    hand=lambda task: workers[0].actor.hand(task),
                    wake=lambda: workers[0].actor.wake() if workers else None,
                    drop=lambda task_id: workers[0].actor.drop(task_id) if workers else None,
                ),
            )
        )
        curators.append(
            await line.system.start(
                "curator", lambda: Curator.start(database, "analysis@localhost", web.services.receive)
            )
        )
        workers.append(
            await line.system.start(
                "worker",
                lambda: Worker.start(
                    database, line.bus, "node", kitchen.analyse, slots=lambda: slots, tools=lambda: "static",
                    kept=lambda: curators[0].actor.wake(), pause_s=(0.01, 0.01),
                ),
            )
        )  # fmt: skip
        analysis = Analysis(web, kitchen, queues[0], workers[0], {})
        analysis.headers = await analysis.key()
        return analysis

    return start


@pytest.fixture
async def analysis(start_analysis: StartAnalysis) -> Analysis:
    """The API with two slots."""
    return await start_analysis()


async def published(purl: Purl) -> Versions:
    """A registry that knows 1.16.0 of `six` and is away for the rest."""
    if purl.name != "six":
        raise RegistryUnavailable
    return Versions(purl, (Version("1.16.0"),), "1.16.0")


async def resolve(purl: Purl) -> Release:
    """A registry that knows version 3.1 of everything but `gone`, and is away for `away`."""
    if purl.name == "gone":
        raise PackageNotFound
    if purl.name == "away":
        raise RegistryUnavailable
    return Release(purl.at(purl.version or "3.1"), (), (), stale=purl.name == "old")
