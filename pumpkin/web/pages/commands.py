"""What an agent, ours or not, offers to be asked (XEP-0050): the list, each command's form, and its answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web
from markupsafe import Markup

from pumpkin.errors import InvalidRequest, NotFound, PumpkinError
from pumpkin.model.agents import Presence, bare
from pumpkin.store import agents, audit
from pumpkin.web.api import agents as acts
from pumpkin.web.bodies import posted
from pumpkin.web.guard import identity
from pumpkin.web.pages import pictures
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.pages.text import bare as bare_text
from pumpkin.web.services import SERVICES

ANSWER_S = 12.0
PREFIX = "field."
ACTIONS = ("execute", "next", "prev", "complete", "cancel")
_ABSENT = Presence("unavailable")
DRAWN = "urn:pumpkin:view:0"
HTML_LIMIT = 64_000
SHOWN_TAGS = frozenset(
    ("b", "blockquote", "br", "caption", "code", "dd", "dl", "dt", "em", "hr", "i", "li", "ol", "p", "pre", "small")
) | frozenset(("span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"))
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e[+-]?\d{1,2})?\Z")
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
    app.router.add_get("/agents/{jid}/view", view)


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


@read("agents:read")
async def view(request: web.Request) -> web.Response:
    """What an agent shows of itself: its tables, series and HTML, asked of it now; it changes nothing."""
    jid = await _agent(request)
    answer, trouble = await _asked(request, jid, acts.VIEW, {}, None, "execute")
    shown = None if answer is None else {**_shown(answer), "fields": [], "actions": []}
    values = {"offered": (), "trouble": trouble, "answer": shown, "node": acts.VIEW, "title": "Its own view"}
    return _page(request, jid, {**values, "twin": f"/api/v1/agents/{quote(jid, safe='@')}/view"})


async def _asked(request: web.Request, jid: str, *step: Any) -> tuple[Mapping[str, Any] | None, str]:
    """What an agent answers to a step, or why it does not."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await request.app[SERVICES].command(jid, *step), ""
    except PumpkinError as error:
        return None, error.message
    except TimeoutError:
        return None, f"{jid} did not answer within {ANSWER_S:g} s."


async def step(request: web.Request) -> web.Response:
    """One step of a command: begin it, send its form, or go back; the answer is a form, a table or a sentence."""
    fields = await act(request, "agents:write")
    jid = await _agent(request)
    node, action = fields.get("node", "")[:1_000], fields.get("action", "execute")
    if not node or action not in ACTIONS:
        raise InvalidRequest("The command or the action is missing.", fields={"node": "missing"})
    form = _given(await posted(request))
    await audit.add(
        request.app[SERVICES].db,
        who=identity(request).name,
        act="agent.command",
        object=f"agent:{jid}",
        detail={"node": node, "action": action},
    )
    answer, trouble = await _asked(request, jid, node, form, fields.get("session") or None, action)
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
    drawn = {one["var"]: one["values"] for one in form.get("fields", ()) if one["var"].startswith(f"{DRAWN}#")}
    form = {**form, "fields": [one for one in form.get("fields", ()) if one["var"] not in drawn]}
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
        "html": safe("\n".join(drawn.get(f"{DRAWN}#html", ()))),
        "series": _series(drawn),
        "actions": [one for one in answer.get("actions", ()) if one in ACTIONS] or (["complete"] if asks else []),
    }


def safe(html: str) -> Markup:
    """An agent's own HTML with nothing in it but text, lists and tables: no script, style, link, picture or form."""
    import nh3  # 2 MB, when an agent first shows HTML

    return Markup(nh3.clean(html[:HTML_LIMIT], tags=SHOWN_TAGS, attributes={}, url_schemes=set(), link_rel=None))  # noqa: S704


def _series(drawn: Mapping[str, Sequence[str]]) -> list[tuple[str, Markup]]:
    """Each series of numbers as a picture; what are no numbers is left out."""
    found = []
    for var, values in list(drawn.items())[:20]:
        numbers = [float(one) for one in values if _NUMBER.match(one)]
        title = var.partition("#series:")[2]
        if title and len(numbers) > 1:
            high = max(map(abs, numbers)) or 1.0
            heights = [round(max(0.0, one) / high * 1_000) for one in numbers]
            said = f"{bare_text(title, 100)}: {numbers[0]:g} at first, {numbers[-1]:g} at last, {high:g} at most"
            found.append((said, pictures.bars(heights, title=said, labels=[f"{one:g}" for one in numbers])))
    return found


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
    twin = f"/api/v1/agents/{quote(jid, safe='@')}/commands"
    values = {"here": "agents", "twin": twin, "jid": jid, "presence": presence}
    return page(request, "commands.html", {**values, **more})
