"""`/api/v1/agents`: the registry with presence, and what may be done with an agent.

contracts/checks-api.md, agents.md section 4. Actions act over XMPP and answer when the agent, or its server, did.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pumpkin.errors import Conflict, NotFound, Unavailable, UnknownBehaviour
from pumpkin.model.agents import AGENT_STATES, Agent, Behaviour, Board, Message, Presence, bare, is_own
from pumpkin.model.wire import rfc3339
from pumpkin.store import accounts, agents, audit, messages, overview, updates
from pumpkin.web.api.checks import choice, only, text_or_none, whole
from pumpkin.web.bodies import parsed
from pumpkin.web.envelope import success
from pumpkin.web.guard import Identity, require
from pumpkin.web.services import SERVICES

if TYPE_CHECKING:
    from pumpkin.store.database import Database

ABSENT = Presence("unavailable")
MESSAGES_DEFAULT, MESSAGES_MOST = 50, 500
AGENTS_DEFAULT, AGENTS_MOST = 100, 1_000
HISTORY_DAYS = 90
DAY_S = 86_400
VIEW = "view"
SHOWN = ("available", "unavailable")
ANSWER_S = 12.0


class Said(BaseModel):
    """A message to an agent: `body`, and SPADE's metadata."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    body: str = Field(min_length=1, max_length=32_000)
    metadata: dict[str, str] = Field(default={}, max_length=32)


class Job(BaseModel):
    """Which of an agent's jobs to run now; empty is its first."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    job: str = Field("", max_length=200)


class Command(BaseModel):
    """One step of an ad hoc command (XEP-0050): `node`, the session it belongs to, and the filled form."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    node: str = Field(min_length=1, max_length=1_000)
    action: str = Field("execute", pattern="^(execute|next|prev|complete|cancel)$")
    session: str | None = Field(None, max_length=1_000)
    form: dict[str, str | list[str]] = Field(default={}, max_length=200)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/agents`: everybody ever seen, by `state`, `duty`, `tag`, `show` (available, unavailable) and `q`
    (what the name or the site holds)."""
    require(request, "agents:read")
    services = request.app[SERVICES]
    only(request.query, "state", "duty", "tag", "show", "q", "limit", "cursor")
    state = choice(request.query, "state", AGENT_STATES)
    duty, tag = text_or_none(request.query, "duty"), text_or_none(request.query, "tag")
    limit = whole(request.query, "limit", AGENTS_DEFAULT, least=1, most=AGENTS_MOST)
    after = text_or_none(request.query, "cursor") or ""
    among = await showing(services.db, services.board(), choice(request.query, "show", SHOWN) or "")
    given = {"state": state, "duty": duty, "tag": tag, "q": text_or_none(request.query, "q")}
    found = await agents.page(services.db, after=after, limit=limit, only=among, **given)
    board = services.board().agents
    shown = [_shape(agent, board.get(agent.jid, ABSENT)) for agent in found]
    return success(request, {"items": shown, "next": found[-1].jid if len(found) == limit else None})


async def showing(db: Database, board: Board, show: str) -> list[str] | None:
    """The JIDs that are `show` (of SHOWN) now; None for all. Who is approved and not on the board is unavailable."""
    if show not in SHOWN:
        return None
    here = {jid for jid, presence in board.agents.items() if presence.show != "unavailable"}
    if show == "available":
        return sorted(here)
    outline = await overview.agent_outline(db)
    return [row["jid"] for row in outline if row["jid"] not in here and row["state"] == "approved"]


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/agents/<jid>`: one agent with its behaviours and up-time a day."""
    require(request, "agents:read")
    services = request.app[SERVICES]
    agent = await _agent(request)
    today = datetime.now(UTC).date()
    history = await agents.history(services.db, agent.jid, today - timedelta(days=HISTORY_DAYS - 1))
    shape = _shape(agent, services.board().agents.get(agent.jid, ABSENT))
    shape["contacts"] = await contacts_of(services.db, agent.jid)
    told = await updates.get(services.db, agent.jid)
    shape["update"] = told and {
        "version": told["version"], "told": rfc3339(told["id"]), "state": told["state"], "said": told["said"],
    }  # fmt: skip
    shape["history"] = [
        {"day": day.isoformat(), "up_fraction": round(min(1.0, up_s / DAY_S), 6)} for day, up_s in history
    ]
    return success(request, shape)


async def contacts_of(db: Database, jid: str) -> list[dict[str, Any]]:
    """Whom an agent sees and is seen by, from its roster: `{"jid", "subscription", "ask"}` by JID. Requests that wait
    only are left out; an external server keeps its rosters to itself."""
    rows = await accounts.Accounts(db).roster(jid)
    return [
        {"jid": row["contact"], "subscription": row["subscription"], "ask": row["ask"]}
        for row in rows
        if row["subscription"] != "hidden"
    ]


async def subscribe(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/subscribe`: the aggregator asks to see its presence."""
    return await _subscription(request, "subscribe")


async def unsubscribe(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/unsubscribe`: the aggregator no longer sees its presence."""
    return await _subscription(request, "unsubscribe")


async def _subscription(request: web.Request, kind: str) -> web.Response:
    asker, agent = require(request, "agents:write"), await _agent(request)
    await request.app[SERVICES].subscription(agent.jid, kind)
    await _note(request, asker, f"agent.{kind}", agent.jid, {})
    return success(request, {"jid": agent.jid, "asked": kind}, 202)


async def approve(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/approve`: its checks are taken, its presence answered."""
    asker, jid = require(request, "agents:write"), _jid(request)
    await request.app[SERVICES].approve(jid, asker.name)
    return success(request, {"jid": jid, "state": "approved"})


async def revoke(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/revoke`: nothing of it is taken any more."""
    asker, jid = require(request, "agents:write"), _jid(request)
    await shut_out(request, jid, asker.name)
    return success(request, {"jid": jid, "state": "revoked"})


async def remove(request: web.Request) -> web.Response:
    """`DELETE /api/v1/agents/<jid>`: shut it out, end its account, session and keys; what it delivered stays proven."""
    asker, agent = require(request, "agents:write"), await _agent(request)
    await put_out(request, agent.jid, asker.name)
    return success(request, {"jid": agent.jid, "state": "revoked"})


async def shut_out(request: web.Request, jid: str, who: str) -> None:
    """Revoke an agent; Conflict for one that lives in this process."""
    services = request.app[SERVICES]
    if is_own(jid, services.fleet.domain):
        raise Conflict(f"{jid} is Pumpkin's own; it stays.")
    await services.revoke(jid, who)


async def put_out(request: web.Request, jid: str, who: str) -> None:
    """Revoke an agent with its account here (and so its sessions) and its keys; said in the audit."""
    services = request.app[SERVICES]
    await shut_out(request, jid, who)
    user, _, host = jid.partition("@")
    if services.fleet.accounts and host == services.fleet.domain:
        await accounts.delete_account(services.db, user)
    await audit.add(services.db, who=who, act="agent.remove", object=f"agent:{jid}", detail={})


async def run(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/run`: a job now."""
    asker, agent = require(request, "agents:write"), await _agent(request)
    wanted = await parsed(request, Job)
    runnable([one.name for one in agent.behaviours if not one.inferred], wanted.job, "job")
    answer = await request.app[SERVICES].run_agent(agent.jid, wanted.job)
    await _note(request, asker, "agent.run", agent.jid, {"job": wanted.job})
    return success(request, {"jid": agent.jid, "answer": answer}, 202)


def runnable(names: Sequence[str], wanted: str, field: str) -> None:
    """UnknownBehaviour unless `wanted` is among the behaviours an agent reported; "" is its first, if it has any."""
    known = [name for name in names if name]
    if not known:
        raise UnknownBehaviour("This agent reported no behaviour to run.", fields={field: "not known"})
    if wanted and wanted not in known:
        has = ", ".join(name[:80] for name in known[:10])
        raise UnknownBehaviour(f"This agent has no such behaviour to run; it has {has}.", fields={field: "not known"})


async def message(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/message`: one message, with metadata if wished."""
    asker, agent = require(request, "agents:write"), await _agent(request)
    said = await parsed(request, Said)
    answer = await request.app[SERVICES].send_message(agent.jid, said.body, said.metadata)
    await _note(request, asker, "agent.message", agent.jid, {"length": len(said.body)})
    return success(request, {"jid": agent.jid, "id": answer}, 202)


async def command(request: web.Request) -> web.Response:
    """`POST /api/v1/agents/<jid>/command`: one step of an ad hoc command."""
    asker, agent = require(request, "agents:write"), await _agent(request)
    step = await parsed(request, Command)
    answer = await request.app[SERVICES].command(agent.jid, step.node, step.form, step.session, step.action)
    await _note(request, asker, "agent.command", agent.jid, {"node": step.node, "action": step.action})
    return success(request, {"jid": agent.jid, "answer": answer})


async def commands(request: web.Request) -> web.Response:
    """`GET /api/v1/agents/<jid>/commands`: what an agent offers to be asked (XEP-0050), asked of it now."""
    require(request, "agents:read")
    agent = await _agent(request)
    async with _patience(agent.jid):
        offered = await request.app[SERVICES].commands_of(agent.jid)
    return success(request, {"items": [dict(one) for one in offered]})


async def view(request: web.Request) -> web.Response:
    """`GET /api/v1/agents/<jid>/view`: what an agent shows of itself: the answer to its command `view`."""
    require(request, "agents:read")
    agent = await _agent(request)
    async with _patience(agent.jid):
        answer = await request.app[SERVICES].command(agent.jid, VIEW, {}, None, "execute")
    return success(request, {"jid": agent.jid, "answer": answer})


@asynccontextmanager
async def _patience(jid: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError:
        raise Unavailable(f"{jid} did not answer within {ANSWER_S:g} s.") from None


async def talk(request: web.Request) -> web.Response:
    """`GET /api/v1/agents/<jid>/messages`: newest first, by cursor."""
    require(request, "agents:read")
    limit = whole(request.query, "limit", MESSAGES_DEFAULT, least=1, most=MESSAGES_MOST)
    before = whole(request.query, "cursor", messages.NEWEST, least=0, most=messages.NEWEST)
    found = await messages.page(request.app[SERVICES].db, _jid(request), before=before, limit=limit)
    following = str(found[-1][0]) if len(found) == limit else None
    return success(request, {"items": [_message(one) for _, one in found], "next": following})


def _jid(request: web.Request) -> str:
    try:
        return bare(request.match_info["jid"])
    except ValueError:
        raise NotFound("There is no agent with this JID.") from None


async def _agent(request: web.Request) -> Agent:
    found = await agents.get(request.app[SERVICES].db, _jid(request))
    if found is None:
        raise NotFound("There is no agent with this JID.")
    return found


async def _note(request: web.Request, asker: Identity, act: str, jid: str, detail: Mapping[str, Any]) -> None:
    await audit.add(request.app[SERVICES].db, who=asker.name, act=act, object=f"agent:{jid}", detail=dict(detail))


def _shape(agent: Agent, presence: Presence) -> dict[str, Any]:
    return {
        "jid": agent.jid,
        "state": agent.state,
        "presence": {
            "show": presence.show,
            "status": presence.status,
            "since": _time(presence.since or None),
            "resources": dict(presence.resources),
        },
        "duties": list(agent.duties),
        "tags": list(agent.tags),
        "site": agent.site,
        "behaviours": [_behaviour(one) for one in agent.behaviours],
        "version": agent.version,
        "unread": list(agent.unread),
        "first_seen": _time(agent.first_seen),
        "last_seen": _time(agent.last_seen),
        "last_check": _time(agent.last_check),
    }


def _behaviour(one: Behaviour) -> dict[str, Any]:
    shape = asdict(one)
    return {**shape, "next_run": _time(one.next_run), "last_run": _time(one.last_run), "detail": dict(one.detail)}


def _message(one: Message) -> dict[str, Any]:
    return {
        "id": one.id,
        "from": one.sender,
        "to": one.to,
        "body": one.body,
        "thread": one.thread,
        "metadata": dict(one.metadata),
        "received": rfc3339(one.received),
        "stanza": one.stanza,
        "check": one.check,
    }


def _time(micros: int | None) -> str | None:
    return None if micros is None else rfc3339(micros)
