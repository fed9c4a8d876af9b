"""`pumpkin rules test FILE`: what the rules of a file would have said about the past; nothing is raised."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click

from pumpkin.commands.place import answer, database, load, work
from pumpkin.errors import InvalidRequest
from pumpkin.model.alerts.book import Book, Change
from pumpkin.model.alerts.muting import Surroundings
from pumpkin.model.rules import Engine, InvalidRules, Known, RuleFile, Sighting, Signal, read
from pumpkin.model.rules.document import seconds
from pumpkin.model.rules.reading import SIZE_LIMIT
from pumpkin.model.rules.sighting import extracted
from pumpkin.model.shapes import microseconds
from pumpkin.model.wire import rfc3339
from pumpkin.store import agents, checks, correlation
from pumpkin.store.database import Database

BATCH = 1_000
SHOWN = 1_000
LINE_LIMIT = 16 * 1024 * 1024
LOOK_US = 1_000_000


@dataclass
class DryRun:
    """The rules over a history: what would have come of it."""

    engine: Engine
    book: Book = field(default_factory=Book)
    changes: list[Change] = field(default_factory=list)
    checks: int = 0
    first: int | None = None
    last: int = 0
    looked: int = 0

    def see(self, seen: Sighting) -> None:
        """One more check, in the order they came."""
        self.checks += 1
        self.first = seen.received if self.first is None else self.first
        self.last = max(self.last, seen.received)
        self._take(self.engine.observe(seen))
        if self.last - self.looked >= LOOK_US:
            self.look(self.last)

    def end(self, at: int) -> None:
        """Time goes on to `at`."""
        self.last = max(self.last, at)
        self._take(self.engine.advance(self.last))
        self.look(self.last)

    def look(self, now: int) -> None:
        self.looked = now
        self.changes += self.book.look(now, self._around(), self.engine.file.find)

    def _take(self, said: list[Signal]) -> None:
        for one in said:
            rule = self.engine.file.find(one.rule)
            if rule is not None:
                self.look(one.at)
                self.changes += [
                    change for change in self.book.take(one, rule, self._around()) if change.event != "repeated"
                ]

    def _around(self) -> Surroundings:
        return Surroundings(dependencies=self.engine.file.dependency, known=self.engine.roster)

    def as_json(self) -> dict[str, Any]:
        """What fired, with how each alert ended."""
        latest = {one.id: one for one in self.book.standing}
        latest |= {change.alert.id: change.alert for change in self.changes if change.event == "resolved"}
        events: dict[UUID, list[dict[str, Any]]] = {}
        for change in self.changes:
            told = {"event": change.event, "at": rfc3339(change.at), **change.detail}
            events.setdefault(change.alert.id, []).append(told)
        opened = [change.alert for change in self.changes if change.event == "opened"]
        counts = Counter(alert.rule for alert in opened)
        shown = [
            {name: value for name, value in latest.get(alert.id, alert).as_json().items() if name != "url"}
            | {"events": events[alert.id]}
            for alert in opened[:SHOWN]
        ]
        return {
            "checks": self.checks,
            "from": None if self.first is None else rfc3339(self.first),
            "to": rfc3339(self.last) if self.checks else None,
            "alerts": shown,
            "more": max(0, len(opened) - SHOWN),
            "rules": [
                {"name": one.name, "kind": one.kind, "alerts": counts[one.name], **self.engine.figures(one.name)}
                for one in self.engine.file.rule
            ],
        }


def test_file(
    file: Path, *, since: str | None, until: str | None, history: Path | None, as_json: bool, data: Path | None
) -> None:
    """Run the rules of `file` over a history and print what would have fired. ClickException for a file with faults."""
    try:
        with file.open("rb") as opened:
            rules = read(opened.read(SIZE_LIMIT + 1))
    except InvalidRules as error:
        if as_json:
            answer({"faults": [one.as_json() for one in error.faults], "more": error.more}, True, "")
            raise SystemExit(1) from None
        raise click.ClickException(
            "\n".join([f"{file} is not right:", *(f"  {one}" for one in error.faults)])
        ) from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from None
    now = time.time_ns() // 1_000
    start, stop = _time(since, now, "--since"), _time(until, now, "--until")
    if history is not None:
        told = _over_file(rules, history, start, stop)
    else:
        told = work(lambda: _over_store(rules, data, start, stop, now))
    answer(told, as_json, _text(told))


def _time(text: str | None, now: int, option: str) -> int | None:
    """A time, or a duration back from now (`7d`)."""
    if text is None:
        return None
    try:
        found = seconds(text)
        assert isinstance(found, float)
        return now - round(found * 1e6)
    except ValueError:
        pass
    try:
        return microseconds(text if "T" in text or "t" in text else f"{text}T00:00:00Z")
    except ValueError:
        raise click.UsageError(
            f"{option} is a time such as 2026-11-21T20:00:00Z, a day, or a duration such as 7d."
        ) from None


async def _over_store(
    rules: RuleFile, data: Path | None, start: int | None, stop: int | None, now: int
) -> dict[str, Any]:
    settings = load(data)
    async with database(settings) as db, _roster(db) as roster:
        run: DryRun | None = None
        async for portion in _stored(db, rules, roster, start):
            for one in portion:
                if stop is not None and one.received >= stop:
                    break
                run = run or _run(rules, one.received, roster)
                run.see(one)
            else:
                continue
            break
    run = run or _run(rules, start or now, roster)
    run.end(min(stop or now, now))
    return run.as_json()


def _run(rules: RuleFile, since: int, roster: Mapping[str, Known]) -> DryRun:
    run = DryRun(Engine(rules, since=since))
    run.engine.know(roster)
    return run


@asynccontextmanager
async def _roster(db: Database) -> AsyncIterator[dict[str, Known]]:
    found = {}
    for one in await agents.all_agents(db):
        periods = [each.period_s for each in one.behaviours if each.period_s]
        period = min(periods, default=None)
        found[one.jid] = Known(frozenset(one.tags), frozenset(one.duties), one.site, period, one.state == "approved")
    yield found


async def _stored(
    db: Database, rules: RuleFile, roster: Mapping[str, Known], start: int | None
) -> AsyncIterator[list[Sighting]]:
    asked = Engine(rules)
    asked.know(roster)

    def paths(kind: str, type: str, agent: str) -> frozenset[str]:
        return asked.paths(kind, type, agent)

    size = await checks.size(db)
    first = 0 if start is None else await correlation.since(db, start, size)
    for place in range(first, size, BATCH):
        yield [
            one
            for one in await correlation.sightings(db, place, min(size, place + BATCH), paths)
            if start is None or one.received >= start
        ]


def _over_file(rules: RuleFile, history: Path, start: int | None, stop: int | None) -> dict[str, Any]:
    asked = Engine(rules)
    seen = sorted(_lines(history, asked), key=lambda one: (one.received, one.seq))
    wanted = [one for one in seen if (start is None or one.received >= start) and (stop is None or one.received < stop)]
    run = _run(rules, wanted[0].received if wanted else 0, {})
    for one in wanted:
        run.see(one)
    if wanted:
        run.end(stop or wanted[-1].received)
    return run.as_json()


def _lines(history: Path, engine: Engine) -> Iterator[Sighting]:
    """The checks of a file of JSON lines, as `GET /api/v1/checks` gives them or as they are delivered."""
    try:
        with history.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_LIMIT), b""), 1):
                if line.strip():
                    try:
                        yield sighting(json.loads(line), number, engine)
                    except (ValueError, TypeError, RecursionError, InvalidRequest) as error:
                        raise click.ClickException(f"{history}, line {number}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{history} cannot be read: {error.strerror}.") from None


def sighting(given: Any, number: int, engine: Engine) -> Sighting:
    """A check from JSON: native, SCANDALE's (`meta`), or as the API shows one. ValueError says what is wrong."""
    if not isinstance(given, dict):
        raise ValueError("is no JSON object")
    meta = given.get("meta")
    told: dict[str, Any] = {**given, **meta} if isinstance(meta, dict) else given
    observed = told.get("observed", told.get("ts", told.get("received")))
    if observed is None:
        raise ValueError("says neither when it was observed nor when it was received")
    when = microseconds(observed)
    received = microseconds(told["received"]) if told.get("received") is not None else when
    kind, agent = str(told.get("type") or ""), str(told.get("agent") or "")
    if not kind:
        raise ValueError("names no type")
    payload = given.get("payload")
    raw = json.dumps(payload, sort_keys=True).encode()
    return Sighting(
        seq=int(told.get("seq", number)),
        id=UUID(str(told.get("id") or told.get("uuid") or uuid4())),
        kind=str(told.get("kind") or "check"),
        type=kind,
        agent=agent,
        target=str(told.get("target") or ""),
        status=str(told.get("status") or ""),
        site=str(told.get("site") or ""),
        observed=when,
        received=received,
        size=len(raw),
        payload=hashlib.sha256(raw).hexdigest() if payload is not None else None,
        values=extracted(told, engine.paths("check", kind, agent)),
    )


def _text(told: Mapping[str, Any]) -> str:
    lines = []
    for one in told["alerts"]:
        ended = f"until {one['resolved']} ({one['why']})" if one["resolved"] else "still standing"
        lines.append(f"{one['opened']}  {one['severity']:<8} {one['rule']}: {one['message']}")
        muted = f", mute ({one['muted']})" if one["muted"] else ""
        checks = ", ".join(str(each["seq"]) for each in one["checks"][:5])
        lines.append(f"    {one['count']} times, {ended}{muted}; rests on {checks or 'what did not come'}")
        lines += [
            f"    {each['at']}  escalated to step {each['step']}"
            for each in one["events"]
            if each["event"] == "escalated"
        ]
    if told["more"]:
        lines.append(f"and {told['more']:,} more")
    span = f" from {told['from']} to {told['to']}" if told["checks"] else ""
    lines.append(
        f"{told['checks']:,} checks{span}: {len(told['alerts']) + told['more']:,} alerts would have been raised"
    )
    lines += [f"  {one['name']} ({one['kind']}): {one['alerts']:,}" for one in told["rules"]]
    return "\n".join(lines)
