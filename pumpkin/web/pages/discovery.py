"""Finding packages by name, one package with its versions, and the watch lists with the feeds behind them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from pumpkin.errors import NotFound, PumpkinError, UnsupportedEcosystem
from pumpkin.model.purl import ECOSYSTEMS, Purl, of_name
from pumpkin.model.watches import Wish, ecosystem_of
from pumpkin.store import audit, packages, watches
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.services import SERVICES

SHOWN = 50
VERSIONS = 100


def setup(app: web.Application) -> None:
    """Register `/packages/find` and `/packages/watches`."""
    app.router.add_get("/packages/find", find)
    app.router.add_get("/packages/find/{ecosystem}/{name:.+}", show)
    app.router.add_get("/packages/watches", watch_list)
    app.router.add_post("/packages/watches", watch_add)
    app.router.add_post("/packages/watches/{id}/remove", watch_remove)


@read("packages:read")
async def find(request: web.Request) -> web.Response:
    """Names that begin with or hold what is asked; a name nobody met yet can be asked of its registry."""
    db = request.app[SERVICES].db
    ecosystem = ecosystem_of(asked(request, "ecosystem", 20) or "pypi")
    if ecosystem is None:
        raise UnsupportedEcosystem
    text = asked(request, "q", 214)
    found = await packages.search(db, ecosystem, text, SHOWN) if text else []
    values = {
        "here": "packages",
        "twin": f"/api/v1/packages/{ecosystem}?{urlencode({'q': text})}",
        "ecosystems": ECOSYSTEMS,
        "ecosystem": ecosystem,
        "q": text,
        "found": found,
        "near": await packages.suggest(db, ecosystem, text) if text and not found else [],
        "askable": _name(ecosystem, text),
        "names": await packages.count(db),
    }
    return page(request, "packages_find.html", values)


@read("packages:read")
async def show(request: web.Request) -> web.Response:
    """One package as its registry has it."""
    purl = of_name(request.match_info["ecosystem"], request.match_info["name"])
    discovery = request.app[SERVICES].discovery
    try:
        found = await discovery.versions(purl)
        about = await discovery.metadata(purl.at(found.latest))
    except PumpkinError as error:
        values: dict[str, Any] = {"here": "packages", "purl": purl, "fault": error.message}
        return page(request, "packages_package.html", values, status=error.status)
    values = {
        "here": "packages",
        "twin": f"/api/v1/packages/{purl.type}/{quote(purl.full_name, safe='/@')}",
        "purl": purl,
        "fault": "",
        "latest": found.latest,
        "stale": found.stale,
        "versions": [
            (one, _micros(one.published), _address(purl, one.number)) for one in found.versions[::-1][:VERSIONS]
        ],
        "more": max(0, len(found.versions) - VERSIONS),
        "about": about,
    }
    return page(request, "packages_package.html", values)


@read("packages:read")
async def watch_list(request: web.Request) -> web.Response:
    """What is watched, and how the feeds are."""
    return await _list(request)


async def watch_add(request: web.Request) -> web.Response:
    """Watch a package, or all whose names begin so."""
    fields = await act(request, "packages:write")
    text, priority = fields.get("purl", "").strip(), fields.get("priority", "0")
    try:
        wish = Wish.of(text, int(priority) if re.fullmatch(r"\d", priority, re.ASCII) else 0)
    except PumpkinError as error:
        return await _list(request, typed=text[:2_048], fault=error.message, status=error.status)
    services, asker = request.app[SERVICES], identity(request)
    kept = await watches.add(services.db, wish, asker.owner or asker.name)
    await audit.add(services.db, who=asker.name, act="watch.added", object=f"watch:{kept.id}", detail={"purl": text})
    services.discovery.look()
    raise web.HTTPSeeOther("/packages/watches")


async def watch_remove(request: web.Request) -> web.Response:
    """Stop watching."""
    await act(request, "packages:write")
    asker = identity(request)
    number = request.match_info["id"]
    if not re.fullmatch(r"\d{1,18}", number, re.ASCII):
        raise NotFound("There is no such watch.")
    owner = None if asker.may("admin") else asker.owner or asker.name
    if not await watches.remove(request.app[SERVICES].db, int(number), owner):
        raise NotFound("There is no such watch.")
    await audit.add(request.app[SERVICES].db, who=asker.name, act="watch.removed", object=f"watch:{number}")
    raise web.HTTPSeeOther("/packages/watches")


async def _list(request: web.Request, *, typed: str = "", fault: str = "", status: int = 200) -> web.Response:
    db, asker = request.app[SERVICES].db, identity(request)
    mine = asker.owner or asker.name
    kept = await watches.every(db)
    values = {
        "here": "packages",
        "twin": "/api/v1/watches",
        "watches": [(one, _micros(one.polled), one.owner == mine or asker.may("admin")) for one in kept],
        "feeds": [(one, _micros(one.polled)) for one in await watches.feeds(db)],
        "typed": typed,
        "fault": fault,
    }
    return page(request, "packages_watches.html", values, status=status)


def _address(purl: Purl, version: str) -> str:
    """The purl of a version; "" where its registry calls it by what can be none."""
    try:
        return purl.at(version).canonical
    except PumpkinError:
        return ""


def _name(ecosystem: str, text: str) -> str:
    """The canonical name where `text` is one."""
    try:
        return of_name(ecosystem, text).full_name
    except PumpkinError:
        return ""


def _micros(when: datetime | None) -> int | None:
    return None if when is None else int(when.timestamp() * 1e6)
