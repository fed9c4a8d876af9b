"""The first page: what is wrong now, who is up, how fast checks come in and are proven."""

from __future__ import annotations

import html
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup

from pumpkin.model.agents import Board
from pumpkin.store import alerts, failing, faults, overview, reports, tasks
from pumpkin.web import modules
from pumpkin.web.pages.agents import ABSENT, DAYS, uptime
from pumpkin.web.pages.pictures import bars
from pumpkin.web.pages.render import page, read
from pumpkin.web.pages.text import bare, moment
from pumpkin.web.services import SERVICES, Services

if TYPE_CHECKING:
    from pumpkin.store.database import Database

    Ask = Callable[[Database, Sequence[int]], Awaitable[list[int]]]

MINUTES = 60
DOTS = 240
ROWS = 12
FAILING = 20
ALERTS = 5
STALE_SECONDS = 15.0
_MINUTE = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong now: how bad, in what words, where to look, since when (microseconds)."""

    kind: str
    words: str
    detail: str
    address: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class _Past:
    """What the log held at the ends of minutes gone by: it does not change any more, so it is asked for once."""

    sizes: dict[int, int] = field(default_factory=dict)
    stamped: dict[int, int] = field(default_factory=dict)


async def _remembered(known: dict[int, int], ask: Ask, db: Database, times: Sequence[int], now: int) -> list[int]:
    missing = [at for at in times if at not in known]
    found = dict(zip(missing, await ask(db, missing), strict=True))
    known.update({at: size for at, size in found.items() if at < now - _MINUTE})
    for old in [at for at in known if at < times[0]]:
        del known[old]
    return [known[at] if at in known else found[at] for at in times]


_PAST = web.AppKey("past", _Past)


def prepare(app: web.Application) -> None:
    """Make room for what does not change any more, for the page and its twin."""
    app[_PAST] = _Past()


def setup(app: web.Application) -> None:
    """Register `/`."""
    app.router.add_get("/", show)


@read("checks:read", shared=True)
async def show(request: web.Request) -> web.Response:
    """The overview."""
    return page(request, "overview.html", {"here": "overview", "twin": "/api/v1/overview", **await gathered(request)})


async def gathered(request: web.Request) -> dict[str, Any]:
    """All that the overview shows."""
    services = request.app[SERVICES]
    db, now = services.db, time.time_ns() // 1_000
    heads = await overview.heads(db)
    agents = await overview.agent_outline(db)
    bad = await failing.page(db, most=FAILING + 1)
    failed = await failing.count(db) if len(bad) > FAILING else {}
    stamps = await overview.newest_stamps(db, 60)
    board = services.board()
    marks = [_mark(agent, board) for agent in agents]
    troubles = [
        *_house_troubles(services),
        *_authority_troubles(services.authorities()),
        *await log_troubles(db),
        *await _alerts(db),
        *_backlog(heads, now),
        *await _module_troubles(services),
        *_agent_troubles(marks),
        *(_failing(row) for row in bad[:FAILING]),
        *_more_failing(bad, failed),
    ]
    shown = sorted(marks, key=lambda mark: (_ORDER[mark["class"]], mark["jid"]))[:DOTS]
    troubles.sort(key=lambda trouble: trouble.kind != "critical")
    return {
        "heads": heads,
        "troubles": troubles[:40],
        "more_troubles": max(0, len(troubles) - 40),
        "marks": shown,
        "dots": _dots(shown) if len(agents) > ROWS else "",
        "strips": await _strips(db, agents, board) if len(agents) <= ROWS else {},
        "agents_total": len(agents),
        "agents_up": sum(1 for mark in marks if mark["class"] in ("up", "busy")),
        "agents_down": sum(1 for mark in marks if mark["class"] == "down"),
        "pending": [agent["jid"] for agent in agents if agent["state"] == "pending"],
        "authorities": authorities(services, heads),
        "only_local": only_local(services, heads),
        "checks": await overview.newest_checks(db, 12),
        **await _rates(services, request.app[_PAST], now),
        "median_proof_s": _median([(stamp["gen_time"] - stamp["sealed"]) / 1e6 for stamp in stamps]),
        "queue": {"running": len(await tasks.running(db)), "waiting": await tasks.length(db)},
        "verdicts": await reports.listed(db, limit=6),
        "alerts": await alerts.page(db, limit=ALERTS),
    }


async def _strips(db: Database, agents: Sequence[Mapping[str, Any]], board: Board) -> dict[str, Markup]:
    """The last days of each of a few agents, as marks."""
    days = await overview.agent_strips(db, [agent["jid"] for agent in agents], DAYS)
    return {agent["jid"]: uptime(agent, days[agent["jid"]], board.agents.get(agent["jid"], ABSENT)) for agent in agents}


_ORDER = {"down": 0, "pending": 1, "busy": 2, "up": 3, "gone": 4}


def _mark(agent: Mapping[str, Any], board: Board) -> dict[str, Any]:
    presence = board.agents.get(agent["jid"])
    shown = presence.show if presence is not None else "unavailable"
    if agent["state"] == "pending":
        kind, words = "pending", "waits for approval"
    elif agent["state"] == "revoked":
        kind, words = "gone", "revoked"
    elif shown == "unavailable":
        kind, words = "down", "unavailable"
    else:
        kind, words = ("up", "available") if shown in ("available", "chat") else ("busy", shown)
    return {
        "jid": agent["jid"],
        "class": kind,
        "words": words,
        "since": presence.since if presence is not None and presence.since else agent["last_seen"],
        "troubled": agent["troubled"] and agent["state"] == "approved",
    }


def _dots(marks: Sequence[Mapping[str, Any]]) -> Markup:
    """A mark an agent, each a link that says whose it is; written here, as a template takes ten times as long."""
    return Markup(  # noqa: S704 - the address is quoted, the name escaped, the rest our own words
        "".join(
            f'<li><a class="{mark["class"]}" href="{_agent(mark)}"'
            f' title="{html.escape(bare(mark["jid"], 200))}: {html.escape(mark["words"])}"></a></li>'
            for mark in marks
        )
    )


def _house_troubles(services: Services) -> list[Trouble]:
    """Why checks are not taken in now, and what will lead there: /ready says the former too."""
    found = []
    for name, why in services.ready().items():
        words = "No room to write: checks are refused" if name == "disk" else f"The part {name} does not run"
        found.append(Trouble("critical", words, why, "/settings"))
    return found + [Trouble("warning", words, detail, "/settings") for words, detail in services.notices().items()]


def _agent_troubles(marks: Sequence[Mapping[str, Any]]) -> list[Trouble]:
    down = [mark for mark in marks if mark["class"] == "down"]
    found = [Trouble("critical", "Agent unavailable", mark["jid"], _agent(mark), mark["since"]) for mark in down[:10]]
    if len(down) > 10:
        found.append(Trouble("critical", f"{len(down) - 10:,} more agents unavailable", "", "/agents?show=unavailable"))
    found += [
        Trouble("warning", "A behaviour failed", mark["jid"], _agent(mark))
        for mark in marks
        if mark["troubled"] and mark["class"] != "down"
    ][:10]
    return found


def _agent(mark: Mapping[str, Any]) -> str:
    return "/agents/" + quote(mark["jid"], safe="@")


def _failing(row: Mapping[str, Any]) -> Trouble:
    target = row["target"] or row["agent"]
    return Trouble(row["status"], f"{row['type']} is {row['status']}", target, f"/checks/{row['id']}", row["since"])


def _more_failing(bad: Sequence[Mapping[str, Any]], failed: Mapping[str, int]) -> list[Trouble]:
    """That more fail than are named, and how many."""
    if len(bad) <= FAILING:
        return []
    more = sum(failed.values()) - FAILING
    words = f"{more:,} more check{'s' if more != 1 else ''} fail{'s' if more == 1 else ''}"
    return [Trouble(bad[FAILING]["status"], words, "", "/checks/failing")]


async def _alerts(db: Database) -> list[Trouble]:
    """The alerts nobody looks after yet, those that are not mute; the rest stands on their own page."""
    standing = [one for one in await alerts.page(db, state="open", limit=200) if not one.muted]
    found = [
        Trouble("critical" if one.severity == "critical" else "warning", one.message, one.rule, one.address, one.opened)
        for one in standing[:10]
    ]
    if len(standing) > 10:
        found.append(Trouble("warning", f"{len(standing) - 10:,} more alerts", "", "/alerts"))
    return found


async def _module_troubles(services: Services) -> list[Trouble]:
    """Modules that wait for their targets, are down, or hold what was refused."""
    if not services.modules.statuses():
        return []
    found = []
    for one in await modules.every(services.db, services.modules, lambda micros: micros or None):
        address, since = f"/modules/{one['name']}", one["last_error_at"]
        if one["state"] == "failed":
            found.append(
                Trouble("critical", f"The module {one['name']} is down", one["last_error"] or "", address, since)
            )
        elif one["state"] == "waiting":
            words = f"The module {one['name']} waits for its target"
            found.append(Trouble("warning", words, one["last_error"] or "", address, since))
        if one["dead"] and one["state"] != "gone":
            words = f"The module {one['name']} has {one['dead']:,} dead letter{'s' * (one['dead'] != 1)}"
            found.append(Trouble("warning", words, "refused for good", address))
    return found


def _authority_troubles(rows: Sequence[Mapping[str, Any]]) -> list[Trouble]:
    found = []
    for row in rows:
        error = row.get("last_error") or row.get("error")
        if error:
            words = str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
            found.append(Trouble("warning", f"Authority {row.get('name', '')} does not stamp", words[:300], "/proofs"))
    return found


async def log_troubles(db: Database) -> list[Trouble]:
    """What audits, probes and witnesses found wrong with the log, as one line."""
    found = await faults.unsettled(db, 1)
    if not found:
        return []
    count, first = await faults.count(db), found[0]
    words = (
        f"{count} fault{'s' * (count != 1)}, the first at record {first.position:,}: {first.kind}, says {first.source}"
    )
    return [Trouble("critical", "The log is not as it was", words, "/proofs", first.found)]


def _backlog(heads: overview.Heads, now: int) -> list[Trouble]:
    waiting = heads.stored - heads.sealed
    if waiting and (heads.sealed_at is None or now - heads.sealed_at > STALE_SECONDS * 1e6) and heads.stored:
        words = f"{waiting:,} {'check is' if waiting == 1 else 'checks are'} not sealed"
        return [Trouble("critical", words, "the log stands still", "/proofs", heads.sealed_at)]
    return []


def authorities(services: Services, heads: overview.Heads) -> list[dict[str, Any]]:
    """Each authority with its newest stamp: what the services say, filled by what the store knows."""
    stamps = {row["authority"]: row for row in heads.stamps}
    rows = [dict(row) for row in services.authorities()]
    named = {row.get("name") for row in rows}
    rows += [{"name": name, "former": True} for name in stamps if name not in named]
    for row in rows:
        stamp = stamps.get(row.get("name", ""))
        row["stamp"] = stamp
        row["behind"] = heads.sealed - stamp["size"] if stamp is not None else heads.sealed
        row["local"] = bool(row.get("self_asserted", stamp["self_asserted"] if stamp is not None else False))
        row["trouble"] = row.get("last_error") or row.get("error")
    return rows


def only_local(services: Services, heads: overview.Heads) -> bool:
    """Whether nobody but this installation itself vouches for its times (rulings.md 48)."""
    rows = [row for row in authorities(services, heads) if not row.get("former")]
    return bool(rows) and all(row["local"] for row in rows)


async def _rates(services: Services, past: _Past, now: int) -> dict[str, Any]:
    """Checks and proofs a minute over the last hour, as pictures and as the last whole minute's number."""
    edge = now - now % _MINUTE + _MINUTE
    times = [edge - _MINUTE * back for back in range(MINUTES, -1, -1)]
    sizes = await _remembered(past.sizes, overview.sizes_at, services.db, times, now)
    came = [later - earlier for earlier, later in itertools.pairwise(sizes)]
    stamped = await _remembered(past.stamped, overview.stamped_at, services.db, times, now)
    proven = [max(0, later - earlier) for earlier, later in itertools.pairwise(stamped)]
    clock = [moment(start).strftime("%H:%M UTC") for start in times]
    return {
        "checks_minute": came[-2] if len(came) > 1 else 0,
        "checks_hour": sum(came),
        "proofs_minute": proven[-2],
        "checks_plot": bars(
            came,
            title=f"Checks a minute over the last hour, {sum(came):,} in all, at most {max(came, default=0):,}.",
            labels=[f"{at}: {count:,} checks" for at, count in zip(clock, came, strict=False)],
        ),
        "proofs_plot": bars(
            proven,
            second=True,
            title=f"Proofs a minute over the last hour, at most {max(proven):,}.",
            labels=[f"{at}: {count:,} checks stamped" for at, count in zip(clock, proven, strict=False)],
        ),
    }


def _median(values: Sequence[float]) -> float | None:
    ordered = sorted(max(0.0, value) for value in values)
    return ordered[len(ordered) // 2] if ordered else None
