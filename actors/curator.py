"""Looks after kept reports: each enters the log as a check, and a cached one is looked at again behind its answer.

A report whose rules are older than ours is judged anew over the evidence it holds; one whose package has other files by
now is analysed anew (rulings.md 50).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog

from actors.base import LoopActor
from pumpkin.analysis import rescoring
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Submission, Task
from pumpkin.store import reports, tasks, triage
from pumpkin.store import rescoring as rescoring_store
from pumpkin.store.database import Database
from pumpkin.store.reports import Kept, NewReport

AGAIN_S = 30.0
LOOK_EVERY_S = 600.0
WAITING_MOST = 1_000
RULES_EVERY_S = 5.0
_STATUS = {"clean": "ok", "suspicious": "warning", "malicious": "critical"}

log = structlog.get_logger("pumpkin.curator")


class Curator(LoopActor):
    """`agent` is in whose name reports are entered, `receive` takes a check. `rules()` is the rule set's hash now (""
    while it is not known), `bus` tells of reports other nodes keep, `published(purl)` is the key of all files a version
    has now, `submit` has one analysed. What failed is tried again after `again_s`."""

    def __init__(
        self,
        db: Database,
        agent: str,
        receive: Callable[[Observation], Awaitable[Receipt]],
        *,
        bus: Bus | None = None,
        rules: Callable[[], str] = str,
        published: Callable[[Purl], Awaitable[str]] | None = None,
        submit: Callable[[Submission], Awaitable[Any]] | None = None,
        tools: Callable[[], str] = str,
        again_s: float = AGAIN_S,
    ) -> None:
        super().__init__()
        self._again_s = again_s
        self._db, self._agent, self._receive, self._bus = db, agent, receive, bus
        self._rules, self._published, self._submit, self._tools = rules, published, submit, tools
        self._woken = asyncio.Event()
        self._cached: asyncio.Queue[int] = asyncio.Queue(WAITING_MOST)
        self._looked: dict[int, float] = {}
        self._judging = asyncio.Lock()

    async def on_start(self) -> None:
        _ = self.spawn(self._enter(), name="entering reports")
        if self._bus is not None:
            _ = self.spawn(self._listen(self._bus), name="reports of other nodes")
        _ = self.spawn(self._look(), name="looking at cached reports")
        _ = self.spawn(self._renew(), name="judging old reports anew")

    # -- what others call on the loop

    def wake(self) -> None:
        """There is a new report."""
        self._woken.set()

    def freshen(self, task_id: int) -> None:
        """A cached result was answered; look whether it still holds, at most every ten minutes."""
        now = time.monotonic()
        if now - self._looked.get(task_id, -LOOK_EVERY_S) < LOOK_EVERY_S or self._cached.full():
            return
        while len(self._looked) >= 10_000:
            self._looked.pop(next(iter(self._looked)))
        self._looked[task_id] = now
        self._cached.put_nowait(task_id)

    async def rescore(self, number: int) -> Kept | None:
        """Judge the newest report of the same version as report `number` anew, by the rules and marks of now; the
        report kept for it. None where there is no such report."""
        kept = await reports.get(self._db, number)
        newest = kept and await reports.latest(self._db, kept.ecosystem, kept.name, kept.version, (kept.realm,))
        return await self._rescore(newest) if newest else None

    # -- entering

    async def _listen(self, bus: Bus) -> None:
        while True:
            subscription = bus.subscribe(["report.ready"])
            try:
                async for _ in subscription:
                    self.wake()
            finally:
                subscription.close()

    async def _enter(self) -> None:
        while True:
            self._woken.clear()
            try:
                while found := await reports.unchecked(self._db):
                    for kept in found:
                        await self._receive(observation(kept, self._agent))
                        await reports.mark_checked(self._db, kept.id)
            except PumpkinError as error:
                log.warning("a report could not be entered as a check yet", why=error.message)
            try:
                await asyncio.wait_for(self._woken.wait(), self._again_s)
            except TimeoutError:
                continue

    # -- looking again

    async def _look(self) -> None:
        while True:
            number = await self._cached.get()
            try:
                task = await tasks.get(self._db, number)
                if task is not None and task.report is not None:
                    await self._looked_at(task, await reports.get(self._db, task.report))
            except PumpkinError as error:
                log.info("a cached report could not be looked at", task=number, why=error.message)

    async def _looked_at(self, task: Task, kept: Kept | None) -> None:
        if kept is None or task.upload is not None:
            return
        if self._published is not None and kept.artifacts:
            now = await self._published(Purl.parse(task.purl))
            if now and set(now.split(",")) != set(kept.artifacts):
                log.info("the files of a package changed", purl=task.purl)
                await self._again(task)
                return
        await self._judged_by_now(kept)

    async def _again(self, task: Task) -> None:
        if self._submit is not None:
            await self._submit(
                Submission(
                    owner=task.owner, asked=task.asked, purl=task.purl, ecosystem=task.ecosystem, name=task.name,
                    version=task.version, tools=self._tools() or task.tools, forced=True, timeout_s=task.timeout_s,
                    realm=task.realm, flagged="its published files changed",
                )
            )  # fmt: skip

    async def _renew(self) -> None:
        """Once a start: all reports whose rules are not ours any more; from the first again after a fault."""
        while True:
            rules = self._rules()
            if rules:
                break
            await asyncio.sleep(RULES_EVERY_S)
        while True:
            try:
                await self._judge_all(rules)
                return
            except PumpkinError as error:
                log.warning("reports of older rules could not be judged anew yet", why=error.message)
            await asyncio.sleep(self._again_s)

    async def _judge_all(self, rules: str) -> None:
        after = done = 0
        while found := await rescoring_store.outdated(self._db, rules, after):
            for after in found:
                kept = await reports.get(self._db, after)
                done += kept is not None and await self._judged_by_now(kept)
        if done:
            log.info("reports of older rules were judged anew", reports=done)

    async def _judged_by_now(self, kept: Kept) -> bool:
        """Judge the newest report of the version of `kept` anew where its rules are not ours; whether that was needed.

        The look at cached reports and the renewal meet at the same report; only the first of them may judge it.
        """
        async with self._judging:
            newest = await reports.latest(self._db, kept.ecosystem, kept.name, kept.version, (kept.realm,))
            if newest is None or not self._rules() or newest.rules == self._rules():
                return False
            return await self._rescore(newest) is not None

    async def _rescore(self, kept: Kept) -> Kept | None:
        if kept.document is None:
            return None
        check, rules = uuid4(), self._rules() or kept.rules
        marks = await triage.marks(self._db, f"{kept.ecosystem}/{kept.name}")
        document, outcome, score = rescoring.rescored(
            json.loads(kept.document), rules, str(check), now=datetime.now(UTC), marks=marks
        )
        report = NewReport(
            document=json.dumps(document, separators=(",", ":")).encode(), tools=kept.tools, outcome=outcome,
            score=score, rules=rules, artifacts=kept.artifacts, created=time.time_ns() // 1_000, check_id=check,
        )  # fmt: skip
        number = await reports.add_rescored(self._db, kept, report)
        log.info("a report was judged anew", purl=kept.purl, report=number, before=kept.outcome, after=outcome)
        self.wake()
        return await reports.get(self._db, number)


def observation(kept: Kept, agent: str) -> Observation:
    """The check a report is entered as: its digest and what it says; the same for every process that sends it.

    The log is read by more people than a private report: its check names the report by number, never the package.
    """
    purl = kept.purl if not kept.realm else None
    payload = {
        "report_sha256": kept.digest.hex(),
        "report": f"/reports/sha256/{kept.digest.hex()}.json",
        "purl": purl,
        "outcome": kept.outcome,
        "score": kept.score,
        "tools": kept.tools,
        "rules": kept.rules,
        "artifacts": list(kept.artifacts),
    }
    return Observation(
        id=kept.check_id,
        type="package",
        format="json",
        agent=agent,
        observed=kept.created,
        payload=json.dumps(payload, separators=(",", ":"), sort_keys=True).encode(),
        media="application/json",
        kind="report",
        detail={
            "source": "package analysis",
            "target": purl[:1_000] if purl else f"private report {kept.id}",
            "status": _STATUS.get(kept.outcome, "unknown"),
            "labels": {"ecosystem": kept.ecosystem, "outcome": kept.outcome},
        },
    )
