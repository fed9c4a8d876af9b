"""The fleet: who is there, what they do, and what they said."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web
from markupsafe import Markup

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.agents import AGENT_STATES, Board, Presence, bare
from pumpkin.model.assignments import Targets
from pumpkin.store import assignments, audit, checks, enrolments, overview, updates
from pumpkin.store.assignments import Order
from pumpkin.web.api.agents import SHOWN, contacts_of, put_out, runnable, showing, shut_out
from pumpkin.web.api.jobs import drift
from pumpkin.web.api.updates import tell
from pumpkin.web.guard import identity
from pumpkin.web.pages import enroll, jobs
from pumpkin.web.pages.pictures import strip
from pumpkin.web.pages.plots import machine, timetable
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.services import SERVICES

ROWS = 50
DAYS = 30
MESSAGES = 15
CHECKS = 15
BODY_LIMIT = 32_000
PERFORMATIVES = ("inform", "request", "query-ref", "propose", "cancel")
_DAY_S = 86_400.0
ABSENT = Presence("unavailable")


def setup(app: web.Application) -> None:
    """Register `/agents` and what hangs below an agent."""
    app.router.add_get("/agents", index)
    enroll.setup(app)
    jobs.setup(app)
    app.router.add_get("/agents/{jid}", show)
    app.router.add_post("/agents/{jid}/approve", approve)
    app.router.add_post("/agents/{jid}/revoke", revoke)
    app.router.add_post("/agents/{jid}/remove", remove)
    app.router.add_post("/agents/{jid}/update", update)
    app.router.add_post("/agents/{jid}/message", message)
    app.router.add_post("/agents/{jid}/run", run)
    app.router.add_post("/agents/{jid}/subscribe", subscription)
    app.router.add_post("/agents/{jid}/unsubscribe", subscription)


@read("agents:read", shared=True)
async def index(request: web.Request) -> web.Response:
    """All agents by name, filtered by a form; newcomers first of all."""
    services = request.app[SERVICES]
    db, board, query = services.db, services.board(), request.query
    filters = {name: asked(request, name, 200) for name in ("q", "state", "show", "duty", "tag")}
    for name, among in (("state", AGENT_STATES), ("show", SHOWN)):
        filters[name] = filters[name] if filters[name] in among else ""
    rows = await overview.agent_list(
        db,
        after=asked(request, "after", 600),
        state=filters["state"] or None,
        duty=filters["duty"] or None,
        tag=filters["tag"] or None,
        q=filters["q"] or None,
        only=await showing(db, board, filters["show"]),
        most=ROWS + 1,
    )
    shown, following = rows[:ROWS], rows[ROWS - 1]["jid"] if len(rows) > ROWS else None
    days = await overview.agent_strips(db, [row["jid"] for row in shown], DAYS)
    orders = await assignments.orders_of(db, [row["jid"] for row in shown])
    pending = await overview.newcomers(db, 20)
    named = {name: text for name, text in {**filters, "cursor": asked(request, "after", 600)}.items() if text}
    values = {
        "here": "agents",
        "twin": "/api/v1/agents" + (f"?{urlencode(named)}" if named else ""),
        "filters": filters,
        "states": AGENT_STATES,
        "agents": [_line(row, board, days[row["jid"]], orders.get(row["jid"])) for row in shown],
        "pending": pending,
        "enrolled": await _came(request, [row["jid"] for row in pending]),
        "next": following,
        "first": "after" not in query,
        "total": len(await overview.agent_outline(db)) if not shown else None,
        "xmpp": services.xmpp,
    }
    return page(request, "agents.html", values)


async def _came(request: web.Request, jids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How agents enrolled: their host, where from, and the fingerprint of the key a person is to compare."""
    found = await enrolments.of(request.app[SERVICES].db, jids)
    return {jid: {**row, "fingerprint": sha256(row["public"]).hexdigest()} for jid, row in found.items()}


def _line(row: Mapping[str, Any], board: Board, days: Mapping[date, float], order: Order | None) -> dict[str, Any]:
    behaviours = behaviours_of(row)
    return {
        **row,
        "presence": board.agents.get(row["jid"], ABSENT),
        "behaviours": behaviours,
        "running": sum(1 for one in behaviours if one["state"] in ("running", "idle", "waiting")),
        "trouble": next((one["last_error"] for one in behaviours if one["last_error"]), None),
        "next_run": min((one["next_run"] for one in behaviours if one["next_run"]), default=None),
        "drift": drift(order) if order else "",
        "strip": uptime(row, days, board.agents.get(row["jid"], ABSENT)),
    }


def behaviours_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An agent's behaviours from its row, each with every key the pages show."""
    given = row["behaviours"]
    listed = json.loads(given) if isinstance(given, str) else given
    return [
        {
            "name": str(one.get("name", "")),
            "kind": str(one.get("kind", "")),
            "state": str(one.get("state", "")),
            "period": one.get("period_s", one.get("period")),
            "next_run": _micros(one.get("next_run")),
            "last_run": _micros(one.get("last_run")),
            "last_error": one.get("last_error"),
            "restarts": one.get("restarts", 0),
            "inferred": bool(one.get("inferred")),
            "detail": one.get("detail"),
        }
        for one in listed or ()
        if isinstance(one, Mapping)
    ]


def _machine(detail: Any) -> Markup | None:
    """The picture of a state machine an agent reports; None for what is none."""
    graph = detail.get("graph") if isinstance(detail, Mapping) else None
    if not isinstance(graph, Mapping) or not graph:
        return None
    clean = {
        str(name)[:100]: {str(word): str(to)[:100] for word, to in list(moves.items())[:10]}
        for name, moves in list(graph.items())[:40]
        if isinstance(moves, Mapping)
    }
    return machine(clean, str(detail.get("start", "")), str(detail.get("at", ""))) if clean else None


def _micros(value: Any) -> int | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1_000_000)
        except ValueError:
            return None
    return None


def uptime(row: Mapping[str, Any], days: Mapping[date, float], presence: Presence) -> Markup:
    """The last days as marks: up-time as a part of each day; of the first and this day only what has been.

    Up-time is written down once a minute; who is here now has been here since `presence.since` at least. Seconds since
    1970 all through: a page has fifty of these.
    """
    now, seen = time.time(), row["first_seen"] / 1e6
    here = presence.since / 1e6 if presence.show != "unavailable" and presence.since else None
    marks: list[tuple[str, float | None]] = []
    known, whole = 0, 0.0
    for day, text, start in _last_days(int(now // _DAY_S)):
        end, begun = min(now, start + _DAY_S), max(seen, start)
        length = end - begun
        if length <= 0:
            marks.append((text, None))
            continue
        up = days.get(day, 0.0)
        if here is not None and end > here:
            up = max(up, end - max(begun, here))
        share = min(1.0, up / max(length, 1.0))
        known, whole = known + 1, whole + share
        marks.append((text, share))
    mean = whole / known * 100 if known else 0.0
    return strip(marks, title=f"Available {mean:.1f} % of the last {known} days")


@lru_cache(maxsize=2)
def _last_days(today: int) -> tuple[tuple[date, str, float], ...]:
    """(day, its name, its first second) of the last DAYS days; `today` counts days since 1970."""
    first = date(1970, 1, 1)
    days = [(first + timedelta(days=number), number) for number in range(today - DAYS + 1, today + 1)]
    return tuple((day, day.isoformat(), number * _DAY_S) for day, number in days)


@read("agents:read", shared=True)
async def show(request: web.Request) -> web.Response:
    """One agent: card, behaviours, checks, messages."""
    return await _show(request)


async def _show(
    request: web.Request, *, typed: Mapping[str, str] | None = None, trouble: str = "", status: int = 200
) -> web.Response:
    """The page; with what was typed, where a message was refused."""
    services = request.app[SERVICES]
    db, jid = services.db, _jid(request)
    row = await _row(request, jid)
    before = request.query.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    messages = await overview.agent_messages(db, jid, MESSAGES + 1, number)
    found, _ = await checks.page(db, agent=jid, limit=CHECKS)
    presence = services.board().agents.get(jid, ABSENT)
    behaviours = [{**one, "machine": _machine(one["detail"])} for one in behaviours_of(row)]
    values = {
        "here": "agents",
        "timetable": timetable(behaviours, time.time_ns() // 1_000),
        "twin": f"/api/v1/agents/{quote(jid, safe='@')}",
        "agent": row,
        "presence": presence,
        "behaviours": behaviours,
        "strip": uptime(row, (await overview.agent_strips(db, [jid], DAYS))[jid], presence),
        "contacts": await contacts_of(db, jid),
        "messages": [_message(one, jid) for one in messages[:MESSAGES]],
        "older": messages[MESSAGES - 1]["n"] if len(messages) > MESSAGES else None,
        "checks": found,
        "heads": await overview.heads(db),
        "sent": request.query.get("sent", ""),
        "typed": typed or {},
        "trouble": trouble,
        "performatives": PERFORMATIVES,
        "came": (await _came(request, [jid])).get(jid),
        "told": await updates.get(db, jid),
        **_ordered(await assignments.order(db, jid)),
    }
    return page(request, "agent.html", values, status=status)


def _ordered(order: Order | None) -> dict[str, Any]:
    """An agent's order, how what it runs differs, and the numbers of the jobs in it."""
    listed = json.loads(order.document)["jobs"] if order else []
    return {"order": order, "drift": drift(order) if order else "", "ordered": [one["id"] for one in listed]}


def _message(row: Mapping[str, Any], jid: str) -> dict[str, Any]:
    metadata = row["metadata"]
    return {
        **row,
        "metadata": json.loads(metadata) if isinstance(metadata, str) else metadata,
        "out": row["recipient"] == jid and row["sender"] != jid,
    }


async def approve(request: web.Request) -> web.Response:
    """Let a newcomer in."""
    await act(request, "agents:write")
    jid = _jid(request)
    await _row(request, jid)
    await request.app[SERVICES].approve(jid, _who(request))
    return _back(request, jid)


async def revoke(request: web.Request) -> web.Response:
    """Refuse a newcomer, or shut an agent out."""
    await act(request, "agents:write")
    jid = _jid(request)
    await _row(request, jid)
    await shut_out(request, jid, _who(request))
    return _back(request, jid)


async def remove(request: web.Request) -> web.Response:
    """Shut an agent out, and end its account, sessions and keys; its checks stay."""
    await act(request, "agents:write")
    jid = _jid(request)
    await _row(request, jid)
    await put_out(request, jid, _who(request))
    return _back(request, jid)


async def update(request: web.Request) -> web.Response:
    """Tell an agent to update itself."""
    await act(request, "agents:write")
    jid = _jid(request)
    await _row(request, jid)
    _ = await tell(request, Targets("jids", (jid,)), _who(request))
    return _back(request, jid)


async def message(request: web.Request) -> web.Response:
    """Send a message as the aggregator, with SPADE metadata one `name=value` a line."""
    fields = await act(request, "agents:write")
    jid, body = _jid(request), fields.get("body", "")
    await _row(request, jid)
    try:
        if not body.strip() or len(body) > BODY_LIMIT:
            raise InvalidRequest("A message has from 1 to 32,000 characters.")
        metadata = _metadata(fields.get("metadata", ""))
    except InvalidRequest as error:
        return await _show(request, typed=fields, trouble=error.message, status=error.status)
    if fields.get("performative"):
        metadata["performative"] = fields["performative"][:100]
    await request.app[SERVICES].send_message(jid, body, metadata)
    await audit.add(request.app[SERVICES].db, who=_who(request), act="agent.message", object=f"agent:{jid}", detail={})
    raise web.HTTPSeeOther(f"/agents/{quote(jid, safe='@')}?sent=message#messages")


async def run(request: web.Request) -> web.Response:
    """Ask an agent to run one of its behaviours now."""
    fields = await act(request, "agents:write")
    jid = _jid(request)
    row = await _row(request, jid)
    services, job = request.app[SERVICES], fields.get("behaviour", "")
    runnable([one["name"] for one in behaviours_of(row) if not one["inferred"]], job or "?", "behaviour")
    await services.run_agent(jid, job)
    await audit.add(services.db, who=_who(request), act="agent.run", object=f"agent:{jid}", detail={"job": job})
    raise web.HTTPSeeOther(f"/agents/{quote(jid, safe='@')}?sent=run#behaviours")


async def subscription(request: web.Request) -> web.Response:
    """Ask to see an agent's presence, or see it no longer; which, the address says."""
    await act(request, "agents:write")
    jid, kind = _jid(request), request.path.rpartition("/")[2]
    await _row(request, jid)
    await request.app[SERVICES].subscription(jid, kind)
    await audit.add(request.app[SERVICES].db, who=_who(request), act=f"agent.{kind}", object=f"agent:{jid}", detail={})
    raise web.HTTPSeeOther(f"/agents/{quote(jid, safe='@')}?sent={kind}")


def _metadata(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines()[:50]:
        name, equals, value = line.partition("=")
        if line.strip():
            if not equals or not name.strip():
                raise InvalidRequest("Metadata is one name=value a line.", fields={"metadata": line[:80]})
            found[name.strip()[:100]] = value.strip()[:2_000]
    return found


def _jid(request: web.Request) -> str:
    try:
        return bare(request.match_info["jid"])
    except ValueError:
        raise NotFound("There is no agent of this name.") from None


async def _row(request: web.Request, jid: str) -> Mapping[str, Any]:
    rows: Sequence[Mapping[str, Any]] = await overview.agent_list(request.app[SERVICES].db, only=[jid], most=1)
    if not rows:
        raise NotFound("There is no agent of this name.")
    return rows[0]


def _who(request: web.Request) -> str:
    return identity(request).name


def _back(request: web.Request, jid: str) -> web.Response:
    """Back to the list when the form stood there, else to the agent."""
    here = "/agents" if request.query.get("from") == "list" else f"/agents/{quote(jid, safe='@')}"
    return web.Response(status=303, headers={"Location": here})
