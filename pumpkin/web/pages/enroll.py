"""Enrolling a new probe: the line to copy to its host, or a configuration file with an account made for it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from pumpkin.errors import Conflict, InvalidRequest, NotFound
from pumpkin.model import scram, sentences
from pumpkin.model.agents import bare
from pumpkin.store import accounts, agents, audit, invitations
from pumpkin.store.enrolments import Gift
from pumpkin.web.api.pools import Invited, invited
from pumpkin.web.enrolling import OURS, given, url_of
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.services import SERVICES

LOOPBACK = ("127.", "localhost", "[::1]", "::1")


def setup(app: web.Application) -> None:
    """Register the pages of enrolment; before those of one agent, whose address is any name below `/agents`."""
    app.router.add_get("/agents/enroll", index)
    app.router.add_post("/agents/enroll", create)
    app.router.add_post("/agents/enroll/file", file)
    app.router.add_post("/agents/enroll/{id}/end", end)


@read("agents:write")
async def index(request: web.Request) -> web.Response:
    """The form, and the invitations that are still good."""
    return await _page(request, {}, None, "")


async def _page(
    request: web.Request, fields: Mapping[str, str], made: Mapping[str, Any] | None, trouble: str, status: int = 200
) -> web.Response:
    services = request.app[SERVICES]
    host = str(services.xmpp.get("host", ""))
    url = url_of(request)
    values = {
        "here": "agents",
        "twin": "/api/v1/invitations",
        "fields": fields,
        "made": made,
        "trouble": trouble,
        "address": fields.get("address") or request.host,
        "invitations": await invitations.all_good(services.db),
        "accounts": services.fleet.accounts,
        "near": host.startswith(LOOPBACK) or not url.startswith("https:"),
    }
    return page(request, "enroll.html", values, status=status)


async def create(request: web.Request) -> web.Response:
    """Make the line, and show it this once."""
    fields = await act(request, "agents:write")
    try:
        made = await invited(request, _wanted(fields), identity(request).name)
    except InvalidRequest as error:
        return await _page(request, fields, None, error.message, 400)
    return await _page(request, fields, made, "")


async def file(request: web.Request) -> web.Response:
    """An account at once, and the file for it: whoever has the file is that probe."""
    fields = await act(request, "agents:write")
    services, fleet = request.app[SERVICES], request.app[SERVICES].fleet
    try:
        wanted = _wanted(fields)
        if not wanted.name:
            raise InvalidRequest("A configuration file needs the probe's name.", fields={"name": "missing"})
        if not fleet.accounts:
            raise InvalidRequest("Accounts are made on the external XMPP server here.")
        jid = bare(f"{wanted.name}@{fleet.domain}")
        password = secrets.token_urlsafe(24)
        verifiers = await asyncio.to_thread(scram.verifiers, password)
        known = wanted.name in OURS or await agents.get(services.db, jid) is not None
        if known or not await accounts.create_account(services.db, wanted.name, verifiers):
            raise Conflict(f"There is an agent {jid} already.")
    except (InvalidRequest, Conflict) as error:
        return await _page(request, fields, None, error.message, error.status)
    await services.approve(jid, identity(request).name)
    await agents.describe(services.db, jid, duties=wanted.duties, tags=wanted.tags, site=wanted.site)
    who = identity(request).name
    await audit.add(services.db, who=who, act="agent.add", object=f"agent:{jid}", detail={"by": "file"})
    gift = Gift(wanted.name, tuple(wanted.tags), tuple(wanted.duties), wanted.site)
    text = probe_file(jid, password, given(request, services, gift))
    headers = {"Content-Disposition": f'attachment; filename="{wanted.name}.toml"', "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="application/toml", headers=headers)


def probe_file(jid: str, password: str, known: Mapping[str, Any]) -> str:
    """A probe's configuration with all in it, certificates too; its jobs come from the server."""
    xmpp = known["xmpp"]
    host = f"[{xmpp['host']}]" if ":" in str(xmpp["host"]) else xmpp["host"]
    server = f"{host}:{xmpp['port']}"
    lines = [
        "# Keep it secret: its password makes whoever has it this probe. Start it by: pumpkin probe -c THIS-FILE",
        f"jid = {json.dumps(jid)}",
        f"passwd = {json.dumps(password)}",
        f"server = {json.dumps(server)}",
    ]
    if xmpp["ca"]:
        lines.append(f'ca = """\n{xmpp["ca"].strip()}\n"""')
    lines.append(f"fleet_key = {json.dumps(known['fleet_key'])}")
    if known["site"]:
        lines.append(f"site = {json.dumps(known['site'])}")
    lines += [f"{key} = {json.dumps(known[key])}" for key in ("duties", "tags") if known[key]]
    return "\n".join(lines) + "\n"


async def end(request: web.Request) -> web.Response:
    """Take an invitation back."""
    await act(request, "agents:write")
    ident = request.match_info["id"]
    if len(ident) != 64 or set(ident) - set("0123456789abcdef"):
        raise NotFound("There is no such invitation.")
    db = request.app[SERVICES].db
    await invitations.end(db, ident)
    who = identity(request).name
    await audit.add(db, who=who, act="agent.uninvite", object=f"invitation:{ident[:12]}", detail={})
    raise web.HTTPSeeOther("/agents/enroll")


def _wanted(fields: Mapping[str, str]) -> Invited:
    def words(key: str) -> list[str]:
        return [one.strip() for one in fields.get(key, "").split(",") if one.strip()]

    try:
        return Invited(
            name=fields.get("name", "").strip(),
            tags=words("tags"),
            duties=words("duties") or ["probe"],
            site=fields.get("site", "").strip(),
            note=fields.get("note", "").strip(),
            approve=fields.get("approve") == "1",
            uses=int(fields.get("uses") or 1),
            hours=float(fields.get("hours") or 24),
            address=fields.get("address", "").strip(),
        )
    except ValidationError as error:
        where, wrong = sentences.first(error)
        raise InvalidRequest(f"{where}: {wrong}.", fields={where: wrong}) from None
    except ValueError:
        raise InvalidRequest("Hours and uses are numbers.", fields={"hours": "not a number"}) from None
