"""The settings in force and the parts they made: authorities, registries, engines, probes' way in."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pumpkin.store import overview, watches
from pumpkin.web.pages.overview import authorities
from pumpkin.web.pages.policy import REPORTS
from pumpkin.web.pages.render import page, read
from pumpkin.web.services import SERVICES

_PARTS = (
    ("", "The whole"),
    ("xmpp", "Probes"),
    ("authorities", "Authorities"),
    ("log", "Log"),
    ("sandbox", "Engine and sandbox"),
    ("registries", "Registries"),
    ("packages", "Packages"),
    ("correlation", "Alerts"),
    ("access", "Access"),
    ("public", "Public pages"),
    ("openid", "Signing in elsewhere"),
    ("upkeep", "Upkeep"),
)


def setup(app: web.Application) -> None:
    """Register `/settings`."""
    app.router.add_get("/settings", show)


@read("admin")
async def show(request: web.Request) -> web.Response:
    """How the parts are, then every setting by its part, with where it comes from."""
    services = request.app[SERVICES]
    db = services.db
    outline = await overview.agent_outline(db)
    breaches: list[dict[str, str]] = [*request.app[REPORTS]][-5:]
    values = {
        "here": "settings",
        "twin": "/api/v1/settings",
        "parts": _by_part(services.settings_public),
        "authorities": authorities(services, await overview.heads(db)),
        "stamping": services.stamping(),
        "sandbox": services.sandbox(),
        "tools": services.packages.tools(),
        "no_engine": services.packages.no_engine(),
        "feeds": await watches.feeds(db),
        "agents": len(outline),
        "pending": sum(1 for one in outline if one["state"] == "pending"),
        "xmpp": services.xmpp,
        "missing": services.ready(),
        "entrance": services.entrance,
        "public": services.public,
        "reports": breaches,
    }
    return page(request, "settings.html", values)


def _by_part(given: Any) -> list[tuple[str, list[tuple[str, Any, str]]]]:
    """(heading, [(name, value, source)]) in the order people look for them; the unknown last."""
    rows: dict[str, list[tuple[str, Any, str]]] = {}
    for name, told in given.items():
        part = name.partition(".")[0] if "." in name or name == "authorities" else ""
        rows.setdefault(part, []).append((name, told["value"], told["from"]))
    titles = dict(_PARTS)
    order = [part for part, _ in _PARTS if part in rows] + sorted(part for part in rows if part not in titles)
    return [(titles.get(part, part), rows[part]) for part in order]
