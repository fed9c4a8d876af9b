"""`/api/v1/packages`: names by search, versions and metadata by registry; watch lists; known-bad (OSV).

contracts/analysis-api.md section 5. Names come from what was seen; no request downloads a catalogue.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pumpkin.errors import InvalidRequest, NotFound, UnsupportedEcosystem
from pumpkin.model import sentences
from pumpkin.model.packages import Versions, stamp
from pumpkin.model.purl import of_name
from pumpkin.model.watches import Wish, ecosystem_of
from pumpkin.model.wire import parse_json
from pumpkin.store import audit, packages, watches
from pumpkin.web.api.analysis.wishes import purl_of
from pumpkin.web.api.checks import text_or_none, whole
from pumpkin.web.envelope import success
from pumpkin.web.guard import Identity, require
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES

LIMIT, MOST = 100, packages.LIMIT
TEXT_MOST = 214


class Watched(BaseModel):
    """A package to watch: `purl` without version; its name may end in `*`."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    purl: str = Field(min_length=1, max_length=2_048)
    priority: int = Field(0, ge=0, le=9)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/packages/<ecosystem>/?q=&limit=`: known names that begin with or hold `q`."""
    ecosystem = _ecosystem(request)
    text = asked_text(request)
    limit = whole(request.query, "limit", LIMIT, least=1, most=MOST)
    db = request.app[SERVICES].db
    found = await packages.search(db, ecosystem, text, limit)
    near = await packages.suggest(db, ecosystem, text) if text and not found else []
    return success(
        request,
        {
            "ecosystem": ecosystem,
            "q": text,
            "items": [_named(ecosystem, one) for one in found],
            "suggestions": [_named(ecosystem, one) for one in near],
        },
    )


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/packages/<ecosystem>/<name>/`: versions, metadata and source repository, as the registry says."""
    purl = of_name(_ecosystem(request), request.match_info["name"].strip("/"), request.query.get("version") or None)
    services = request.app[SERVICES].discovery
    found = await services.versions(purl)
    about = _json(await services.metadata(purl.at(purl.version or found.latest)))
    return success(
        request,
        {
            "purl": purl.key,
            "ecosystem": purl.type,
            "name": purl.full_name,
            "latest": found.latest,
            "stale": found.stale,
            "versions": _versions(found),
            "metadata": about,
            "repository": about.get("repository"),
        },
    )


async def known_bad(request: web.Request) -> web.Response:
    """`GET /api/v1/known-bad?purl=`: what OSV knows of a package version; `malicious` when an entry is `MAL-`."""
    purl = purl_of(request.query.get("purl"))
    allowed(request, purl.type)
    found = await request.app[SERVICES].discovery.known_bad(purl)
    return success(
        request,
        {
            "purl": purl.canonical,
            "malicious": any(one.malicious for one in found),
            "advisories": [one.as_dict() for one in found],
        },
    )


async def feeds(request: web.Request) -> web.Response:
    """`GET /api/v1/feeds`: where each feed of new releases stands, and how many names are known."""
    require(request, "packages:read")
    db = request.app[SERVICES].db
    items = [
        {"ecosystem": one.ecosystem, "polled": stamp(one.polled), "found": one.found, "error": one.error}
        for one in await watches.feeds(db)
    ]
    return success(request, {"items": items, "names": await packages.count(db)})


async def watch_index(request: web.Request) -> web.Response:
    """`GET /api/v1/watches`: what is watched (all of it for an administrator)."""
    asker = require(request, "packages:read")
    found = await watches.every(request.app[SERVICES].db, _whose(asker))
    return success(request, {"items": [one.as_dict() for one in found]})


async def watch_add(request: web.Request) -> web.Response:
    """`POST /api/v1/watches` `{"purl", "priority"}`: analyse each new version of these from now on."""
    asker = require(request, "packages:write")
    try:
        given = Watched.model_validate(parse_json(await body(request, SMALL_BODY)), strict=True)
    except ValidationError as error:
        where, wrong = sentences.first(error)
        raise InvalidRequest(f"{where or 'body'}: {wrong}.", fields=sentences.faults(error, "body.")) from None
    services = request.app[SERVICES]
    kept = await watches.add(services.db, Wish.of(given.purl, given.priority), asker.owner or asker.name)
    await audit.add(
        services.db, who=asker.name, act="watch.added", object=f"watch:{kept.id}", detail={"purl": given.purl}
    )
    services.discovery.look()
    return success(request, kept.as_dict(), 201)


async def watch_show(request: web.Request) -> web.Response:
    """`GET /api/v1/watches/<id>`: what a watch led to, newest first."""
    asker = require(request, "packages:read")
    db = request.app[SERVICES].db
    found = next((one for one in await watches.every(db, _whose(asker)) if one.id == _number(request)), None)
    if found is None:
        raise NotFound("There is no such watch.")
    return success(request, {**found.as_dict(), "history": await watches.history(db, found.id)})


async def watch_remove(request: web.Request) -> web.Response:
    """`DELETE /api/v1/watches/<id>`: stop watching."""
    asker = require(request, "packages:write")
    db, number = request.app[SERVICES].db, _number(request)
    if not await watches.remove(db, number, _whose(asker)):
        raise NotFound("There is no such watch.")
    await audit.add(db, who=asker.name, act="watch.removed", object=f"watch:{number}")
    return success(request, {"removed": _number(request)})


def asked_text(request: web.Request) -> str:
    """`q`: what is searched for, bounded."""
    return text_or_none(request.query, "q", TEXT_MOST) or ""


def _ecosystem(request: web.Request) -> str:
    found = ecosystem_of(request.match_info["ecosystem"])
    if found is None:
        raise UnsupportedEcosystem
    return allowed(request, found)


def allowed(request: web.Request, ecosystem: str) -> str:
    """`ecosystem`; what a private registry says needs a key that may read packages."""
    if request.app[SERVICES].discovery.private(ecosystem):
        require(request, "packages:read")
    return ecosystem


def _named(ecosystem: str, one: packages.Found) -> dict[str, Any]:
    return {"name": one.name, "latest": one.latest, "purl": of_name(ecosystem, one.name).canonical}


def _versions(found: Versions) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {"version": v.number, "published": stamp(v.published), "yanked": v.yanked, "prerelease": v.prerelease}
        for v in reversed(found.versions)
    ]


def _json(about: dict[str, Any]) -> dict[str, Any]:
    return {key: stamp(value) if isinstance(value, datetime) else value for key, value in about.items()}


def _whose(asker: Identity) -> str | None:
    return None if asker.may("admin") else asker.owner or asker.name


def _number(request: web.Request) -> int:
    text = request.match_info["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("There is no such watch.")
    return int(text)
