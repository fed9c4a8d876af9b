"""Kept reports: entered once however often tried, judged anew by newer rules, analysed anew when files changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from actors.curator import Curator
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.errors import Unavailable
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Submission
from pumpkin.store import reports, tasks
from pumpkin.store.database import Database
from tests.store.test_tasks import wish
from tests.web.analysis.conftest import small_report


async def kept_report(db: Database, outcome: str = "clean") -> Any:
    (decided,) = await tasks.submit(db, [wish()])
    (task,) = await tasks.claim(db, "n1")
    report, ending = small_report(task, outcome)
    await reports.finish(db, task, report, ending)
    return await tasks.get(db, decided.id or 0)


class Log:
    """Takes checks, after as many refusals as it is told."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[Observation] = []
        self.heard = asyncio.Event()

    async def receive(self, observation: Observation) -> Receipt:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable
        self.taken.append(observation)
        self.heard.set()
        return Receipt(observation.id, 0, False, 0)


async def _until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not await true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("refusals", [0, 1])
async def test_a_report_is_entered_once(database: Database, refusals: int) -> None:
    await kept_report(database, "malicious")
    log = Log(refusals)
    curator = Curator.start(database, "analysis@localhost", log.receive)
    actor: Any = curator._actor_weakref()
    await actor.started()
    if refusals:
        await _until(lambda: _true(log.refusals == 0))
        actor.wake()
    async with asyncio.timeout(10):
        await log.heard.wait()
    await _until(lambda: _none(reports.unchecked(database)))
    actor.wake()
    await asyncio.sleep(0.05)
    (seen,) = log.taken
    assert (seen.kind, seen.agent, seen.detail["status"]) == ("report", "analysis@localhost", "critical")
    await curator.stop(block=False)


async def test_a_cached_report_of_older_rules_is_judged_anew_and_both_are_kept(database: Database) -> None:
    task = await kept_report(database)
    log = Log()
    curator = Curator.start(database, "a@localhost", log.receive, rules=lambda: "r2")
    actor: Any = curator._actor_weakref()
    await actor.started()
    actor.freshen(task.id)
    actor.freshen(task.id)

    async def judged() -> bool:
        return len(await reports.listed(database)) == 2

    await _until(judged)
    newest, first = await reports.listed(database)
    assert (newest.rules, newest.rescored, first.rules) == ("r2", first.id, "r1")
    await _until(lambda: _none(reports.unchecked(database)))
    assert len(log.taken) == 2
    await curator.stop(block=False)


async def test_reports_of_older_rules_are_judged_anew_once_when_the_server_starts(database: Database) -> None:
    await kept_report(database)
    log = Log()

    async def count() -> int:
        return len(await reports.listed(database))

    for _ in range(2):  # the second start finds nothing to do
        known: list[str] = []
        curator = Curator.start(database, "a@localhost", log.receive, rules=lambda known=known: "".join(known))
        actor: Any = curator._actor_weakref()
        await actor.started()
        assert actor._rules() == ""
        known.append("r2")  # the scanner's processes say it a moment after the start
        await _until(lambda: _two(count))
        await _until(lambda: _none(reports.unchecked(database)))
        await curator.stop(block=False)
    newest, first = await reports.listed(database)
    assert (newest.rules, newest.rescored, first.rules, len(log.taken)) == ("r2", first.id, "r1", 2)


async def test_old_reports_are_judged_when_a_database_that_was_away_is_there_again(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    await kept_report(database)
    async with database.reader() as connection:
        name = await connection.fetchval("select current_database()")
    outside = await asyncpg.connect(postgres.dsn())
    await outside.execute(f"alter database {name} allow_connections false")
    await outside.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    curator = Curator.start(database, "a@localhost", Log().receive, rules=lambda: "r2", again_s=0.05)
    actor: Any = curator._actor_weakref()
    await actor.started()
    actor.freshen(1)
    await asyncio.sleep(0.3)  # so that it meets the closed door
    assert curator.is_alive()
    await outside.execute(f"alter database {name} allow_connections true")
    await outside.close()

    async def judged() -> bool:
        try:
            return len(await reports.listed(database)) == 2
        except Unavailable:
            return False

    await _until(judged)
    await curator.stop(block=False)


async def _two(count: Callable[[], Any]) -> bool:
    return await count() == 2


async def test_a_package_whose_files_changed_is_analysed_anew(database: Database) -> None:
    task = await kept_report(database)
    wanted: list[Submission] = []

    async def submit(one: Submission) -> None:
        wanted.append(one)

    async def published(_: Purl) -> str:
        return "sha256:cd"

    curator = Curator.start(
        database, "a@localhost", Log().receive, published=published, submit=submit, tools=lambda: "static"
    )
    actor: Any = curator._actor_weakref()
    await actor.started()
    actor.freshen(task.id)
    await _until(lambda: _true(bool(wanted)))
    assert (wanted[0].purl, wanted[0].forced) == (task.purl, True)
    await curator.stop(block=False)


async def _true(value: bool) -> bool:
    return value


async def _none(found: Any) -> bool:
    return not await found
