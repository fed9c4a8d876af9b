"""What an agent, ours or not, offers to be asked (XEP-0050): the list, each command's form, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound, PumpkinError
from pumpkin.model.agents import Presence, bare
from pumpkin.store import agents, audit
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

ANSWER_S = 12.0
PREFIX = "field."
ACTIONS = ("execute", "next", "prev", "complete", "cancel")
_ABSENT = Presence("unavailable")
_SHOWN_AS = {
    "boolean": "checkbox",
    "fixed": "fixed",
    "hidden": "hidden",
    "jid-multi": "area",
    "list-multi": "choices",
    "list-single": "choice",
    "text-multi": "area",
    "text-private": "password",
}


def setup(app: web.Application) -> None:
    """Register the pages below `/agents/<jid>/commands`."""
    app.router.add_get("/agents/{jid}/commands", index)
    app.router.add_post("/agents/{jid}/commands", step)


@read("agents:read")
async def index(request: web.Request) -> web.Response:
    """The commands an agent offers now, asked of it."""
    jid = await _agent(request)
    offered: Sequence[Mapping[str, str]] = ()
    trouble = ""
    try:
        async with asyncio.timeout(ANSWER_S):
            offered = await request.app[SERVICES].commands_of(jid)
    except PumpkinError as error:
        trouble = error.message
    except TimeoutError:
        trouble = f"{jid} did not answer within {ANSWER_S:g} s."
    return _page(request, jid, {"offered": offered, "trouble": trouble, "answer": None})


async def step(request: web.Request) -> web.Response:
    """One step of a command: begin it, send its form, or go back; the answer is a form, a table or a sentence."""
    fields = await act(request, "agents:write")
    jid = await _agent(request)
    node, action = fields.get("node", "")[:1_000], fields.get("action", "execute")
    if not node or action not in ACTIONS:
        raise InvalidRequest("The command or the action is missing.", fields={"node": "missing"})
    form = _given(await request.post())
    services = request.app[SERVICES]
    await audit.add(
        services.db,
        who=identity(request).name,
        act="agent.command",
        object=f"agent:{jid}",
        detail={"node": node, "action": action},
    )
    answer: Mapping[str, Any] | None = None
    trouble = ""
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await services.command(jid, node, form, fields.get("session") or None, action)
    except PumpkinError as error:
        trouble = error.message
    except TimeoutError:
        trouble = f"{jid} did not answer within {ANSWER_S:g} s."
    shown = None if answer is None else _shown(answer)
    title = fields.get("name", "")[:200] or node
    return _page(request, jid, {"offered": (), "trouble": trouble, "answer": shown, "node": node, "title": title})


def _given(posted: Any) -> dict[str, str | list[str]]:
    """The form's fields: those whose name begins with `field.`; several values of a name are a list."""
    names = dict.fromkeys(name for name in posted if name.startswith(PREFIX))
    found: dict[str, str | list[str]] = {}
    for name in list(names)[:200]:
        values = [value for value in posted.getall(name) if isinstance(value, str)]
        kind = posted.get(f"kind.{name.removeprefix(PREFIX)}", "")
        if kind == "area":
            values = values[0].splitlines() if values else []
        elif kind == "checkbox":
            values = [values[-1]] if values else ["0"]
        found[name.removeprefix(PREFIX)[:200]] = values[0] if len(values) == 1 and kind != "choices" else values
    return found


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as the page draws it: a form to fill, or a result as pairs and a table."""
    form = answer.get("form") or {}
    fields = [
        {**one, "shown": _SHOWN_AS.get(one["type"], "text"), "label": one["label"] or one["var"]}
        for one in form.get("fields", ())
    ]
    rows = form.get("rows", ())
    columns = list(dict.fromkeys(name for row in rows for name in row))[:20]
    asks = answer.get("status") == "executing"
    return {
        **answer,
        "title": form.get("title", ""),
        "instructions": form.get("instructions", ""),
        "fields": fields if asks else [],
        "pairs": [] if asks else [one for one in fields if one["var"] != "FORM_TYPE" and one["shown"] != "hidden"],
        "columns": columns,
        "rows": [[", ".join(row.get(name, ())) for name in columns] for row in rows],
        "actions": [one for one in answer.get("actions", ()) if one in ACTIONS] or (["complete"] if asks else []),
    }


async def _agent(request: web.Request) -> str:
    try:
        jid = bare(request.match_info["jid"])
    except ValueError:
        raise NotFound("There is no agent of this name.") from None
    if await agents.get(request.app[SERVICES].db, jid) is None:
        raise NotFound("There is no agent of this name.")
    return jid


def _page(request: web.Request, jid: str, more: Mapping[str, Any]) -> web.Response:
    presence = request.app[SERVICES].board().agents.get(jid, _ABSENT)
    values = {"here": "agents", "twin": f"/api/v1/agents/{quote(jid, safe='@')}", "jid": jid, "presence": presence}
    return page(request, "commands.html", {**values, **more})
