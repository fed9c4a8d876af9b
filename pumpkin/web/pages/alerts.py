"""Alerts: those that stand first, one with its history, the rules behind them, and what is kept mute."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import web

from pumpkin.errors import Conflict, InvalidRequest, NotFound, PumpkinError
from pumpkin.model.alerts import SEVERITIES, STATES
from pumpkin.model.alerts.muting import Matcher, Span
from pumpkin.model.rules.document import seconds
from pumpkin.store import alerts, authorities, mutes
from pumpkin.web.api.alerts import SCOPE, checked, found, like, number, ordinal, rules_of, who
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.services import SERVICES

ROWS = 50
_FILTERS = ("state", "severity", "rule", "agent", "target")
_FIELDS = ("rule", "severity", "agent", "type", "target", "site", "tag")
_LABELS = {
    **{name: name.capitalize() for name in _FIELDS},
    "starts": "From",
    "ends": "To",
    "cron": "Each time",
    "lasts": "For how long",
    "zone": "By the clock of",
    "reason": "Why",
    "text": "What is said",
}
"""What the pages call a field."""
_PLANNED = ("starts", "ends", "cron")
"""Enter in one of these presses the form's first button, which is that of a silence."""
_WORDS = {
    "opened": "opened",
    "acknowledged": "acknowledged",
    "escalated": "escalated",
    "resolved": "resolved",
    "commented": "said",
    "muted": "muted",
    "unmuted": "told again",
    "acted": "acted",
}
MARKS = {"critical": "critical", "warning": "warning", "info": "sealed"}


def setup(app: web.Application) -> None:
    """Register `/alerts` and what is below it."""
    app.router.add_get("/alerts", index)
    app.router.add_get("/alerts/rules", rules)
    app.router.add_post("/alerts/rules/reload", reload)
    app.router.add_get("/alerts/mutes", mute_list)
    app.router.add_post("/alerts/mutes", mute_add)
    app.router.add_post("/alerts/mutes/{n}/end", mute_end)
    app.router.add_get("/alerts/{id}", show)
    app.router.add_post("/alerts/{id}/{act}", acted)


@read("checks:read")
async def index(request: web.Request) -> web.Response:
    """Alerts that stand, then the others, or those a filter lets through."""
    db = request.app[SERVICES].db
    filters = {name: asked(request, name) for name in _FILTERS}
    if filters["state"] not in STATES:
        filters["state"] = ""
    if filters["severity"] not in SEVERITIES:
        filters["severity"] = ""
    named = {name: text for name, text in filters.items() if text}
    cursor = asked(request, "cursor", 20)
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    given: dict[str, Any] = {**named, "before": before, "limit": ROWS}
    standing = (
        [] if before or named.get("state") else await alerts.page(db, **{**given, "limit": 200, "standing": True})
    )
    given["standing"] = None if "state" in named else False
    others = await alerts.page(db, **given)
    values = {
        "here": "alerts",
        "twin": "/api/v1/alerts" + (f"?{urlencode(named)}" if named else ""),
        "filters": filters,
        "named": named,
        "states": STATES,
        "severities": SEVERITIES,
        "standing": sorted(standing, key=lambda one: (bool(one.muted), -SEVERITIES.index(one.severity), -one.opened)),
        "others": others,
        "next": others[-1].n if len(others) == ROWS else None,
        "figures": await alerts.figures(db),
        "authority_alerts": [] if named or before else await authorities.alerts(db),
        "correlation": request.app[SERVICES].correlation.status(),
        "marks": MARKS,
    }
    return page(request, "alerts.html", values)


@read("checks:read")
async def show(request: web.Request) -> web.Response:
    """One alert: what it says, what it rests on, what happened to it, what can be done."""
    return await _show(request)


async def acted(request: web.Request) -> web.Response:
    """Acknowledge, resolve, comment, silence."""
    fields = await act(request, SCOPE)
    services, wanted, asker = request.app[SERVICES], request.match_info["act"], identity(request)
    text = fields.get("text", "")
    try:
        if wanted in ("acknowledge", "resolve", "comment"):
            await getattr(alerts, wanted)(services.db, number(request), who(asker), text)
        elif wanted == "silence":
            now = datetime.now(UTC)
            span = checked(Span, {"starts": now, "ends": now + timedelta(seconds=_duration(fields, "lasts"))})
            matcher = like(await found(request))
            await mutes.add(services.db, "silence", matcher, span, who=who(asker), reason=text)
        else:
            raise NotFound("There is nothing at this address.")
    except (InvalidRequest, Conflict) as error:
        return await _show(request, fault=_said(error), at=wanted, typed=fields, status=error.status)
    services.correlation.wake()
    raise web.HTTPSeeOther(f"/alerts/{number(request)}")


async def _show(
    request: web.Request, *, fault: str = "", at: str = "", typed: Mapping[str, str] | None = None, status: int = 200
) -> web.Response:
    db = request.app[SERVICES].db
    alert = await found(request)
    rule = next((one for one in request.app[SERVICES].correlation.status()["rules"] if one["name"] == alert.rule), None)
    values = {
        "here": "alerts",
        "twin": f"/api/v1/alerts/{alert.id}",
        "alert": alert,
        "events": await alerts.events(db, alert.id),
        "words": _WORDS,
        "marks": MARKS,
        "rule": rule,
        "fault": fault,
        "at": at,
        "typed": typed or {},
    }
    return page(request, "alert.html", values, status=status)


@read("checks:read")
async def rules(request: web.Request) -> web.Response:
    """The rules in force, how each is doing, and what is wrong with the newest file."""
    found_rules = await rules_of(request, await alerts.by_rule(request.app[SERVICES].db))
    values = {"here": "alerts", "twin": "/api/v1/rules", "correlation": found_rules, "marks": MARKS}
    return page(request, "alert_rules.html", values)


async def reload(request: web.Request) -> web.Response:
    """Read the rule file now."""
    await act(request, SCOPE)
    request.app[SERVICES].correlation.reload()
    raise web.HTTPSeeOther("/alerts/rules")


@read("checks:read")
async def mute_list(request: web.Request) -> web.Response:
    """Silences and maintenance windows."""
    return await _mutes(request)


async def mute_add(request: web.Request) -> web.Response:
    """Set a silence, or plan a window."""
    fields = await act(request, SCOPE)
    services, asker = request.app[SERVICES], identity(request)
    kind: Literal["silence", "maintenance"] = "maintenance" if fields.get("kind") == "maintenance" else "silence"
    try:
        matcher = checked(Matcher, {name: _patterns(fields.get(name, "")) for name in _FIELDS})
        span = checked(Span, _span(kind, fields))
        await mutes.add(services.db, kind, matcher, span, who=who(asker), reason=fields.get("reason", ""))
    except PumpkinError as error:
        return await _mutes(request, fault=_said(error), typed={**fields, "kind": kind}, status=error.status)
    services.correlation.wake()
    raise web.HTTPSeeOther("/alerts/mutes")


async def mute_end(request: web.Request) -> web.Response:
    """End one now."""
    await act(request, SCOPE)
    services = request.app[SERVICES]
    await mutes.end(services.db, ordinal(request), who=who(identity(request)))
    services.correlation.wake()
    raise web.HTTPSeeOther("/alerts/mutes")


async def _mutes(
    request: web.Request, *, fault: str = "", typed: Mapping[str, str] | None = None, status: int = 200
) -> web.Response:
    now = time.time_ns() // 1_000
    listed = await mutes.page(request.app[SERVICES].db, limit=200)
    over = [one for one in listed if one.ended is not None or _micros(one.span.ends) <= now]
    values = {
        "here": "alerts",
        "twin": "/api/v1/silences",
        "other_twin": "/api/v1/maintenance",
        "mutes": [(one, one.holds(datetime.now(UTC)), *_times(one.span)) for one in listed if one not in over],
        "over": [(one, False, *_times(one.span)) for one in over[:50]],
        "fields": _FIELDS,
        "fault": fault,
        "typed": typed or {},
    }
    return page(request, "alert_mutes.html", values, status=status)


def _span(kind: str, fields: Mapping[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC)
    if kind == "silence" and any(fields.get(name, "").strip() for name in _PLANNED):
        words = "A time is planned below, and a silence begins now: plan the maintenance, or leave those fields empty."
        raise InvalidRequest(words, fields={"kind": "silence"})
    if kind == "silence":
        return {"starts": now, "ends": now + timedelta(seconds=_duration(fields, "lasts"))}
    given: dict[str, Any] = {"starts": fields.get("starts") or now, "ends": fields.get("ends", "")}
    if fields.get("cron", "").strip():
        given |= {"cron": fields["cron"].strip(), "lasts": fields.get("every_lasts") or "1h"}
        given["zone"] = fields.get("zone", "").strip() or "UTC"
    return given


def _said(error: PumpkinError) -> str:
    """What is wrong with a form by the names its fields have on the page; the model knows them by others."""
    for place, words in (error.fields or {}).items():
        name = place.removeprefix("body").lstrip(".")
        if "mute every alert" in words:
            return "That would mute every alert. If it is meant, write * under Rule."
        if name in _LABELS:
            return f"{_LABELS[name]}: {words}."
        if not name:
            return f"It {words}."
    return error.message


def _duration(fields: Mapping[str, str], name: str) -> float:
    text = fields.get(name, "").strip() or "1h"
    try:
        value = seconds(text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}", fields={f"body.{name}": str(error)}) from None
    if not isinstance(value, float) or not 0 < value <= 366 * 86_400:
        raise InvalidRequest("At most 366 days.", fields={f"body.{name}": "is not up to 366 days"})
    return value


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _times(span: Span) -> tuple[int, int]:
    return _micros(span.starts), _micros(span.ends)


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1e6)
