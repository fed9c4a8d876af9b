"""`/api/v1/alerts`, `/rules`, `/silences`, `/maintenance`: what rules found, what people do about it, what is mute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model import sentences
from pumpkin.model.alerts import SEVERITIES, STATES, Alert
from pumpkin.model.alerts.muting import Matcher, Span
from pumpkin.model.rules.document import Duration
from pumpkin.model.wire import parse_json
from pumpkin.store import alerts, mutes
from pumpkin.web.api.checks import choice, only, text_or_none, whole
from pumpkin.web.envelope import success
from pumpkin.web.guard import Identity, require, require_csrf
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES

SCOPE = "alerts:write"
LIMIT, MOST = 50, 500
Reason = Annotated[str, Field(min_length=1, max_length=1_000)]


class _Body(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class Remark(_Body):
    """What somebody says about an alert; may be empty where the act says enough."""

    text: Annotated[str, Field(max_length=1_000)] = ""


class Hush(_Body):
    """Silence one alert, and those like it, for so long."""

    lasts: Duration = 3_600.0
    reason: Reason


class Silenced(_Body):
    """Keep the alerts that fit mute from now on."""

    matcher: Matcher
    until: datetime | None = None
    lasts: Duration | None = None
    reason: Reason


class Planned(_Body):
    """A maintenance window; with `cron` and `lasts` one that comes again between `starts` and `ends`."""

    matcher: Matcher
    starts: datetime
    ends: datetime
    cron: Annotated[str, Field(max_length=100)] = ""
    lasts: Duration | None = None
    zone: Annotated[str, Field(max_length=60)] = "UTC"
    reason: Reason


M = TypeVar("M", bound=BaseModel)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/alerts`: newest first; `state=standing` gives those that are not resolved."""
    require(request, "checks:read")
    query = request.query
    only(query, "state", "severity", "rule", "agent", "target", "limit", "cursor")
    state, severity = choice(query, "state", ("standing", *STATES)), choice(query, "severity", SEVERITIES)
    limit = whole(query, "limit", LIMIT, least=1, most=MOST)
    found = await alerts.page(
        request.app[SERVICES].db,
        standing=True if state == "standing" else None,
        state=None if state == "standing" else state,
        severity=severity,
        before=whole(query, "cursor", 2**62, least=0, most=2**62),
        limit=limit,
        **{name: text_or_none(query, name) for name in ("rule", "agent", "target")},
    )
    following = str(found[-1].n) if len(found) == limit else None
    return success(request, {"items": [one.as_json() for one in found], "next": following})


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/alerts/<id>`: one alert with what happened to it, each with its check in the log."""
    require(request, "checks:read")
    alert = await found(request)
    events = await alerts.events(request.app[SERVICES].db, alert.id)
    return success(request, {**alert.as_json(), "events": [one.as_json() for one in events]})


async def acknowledge(request: web.Request) -> web.Response:
    """`POST /api/v1/alerts/<id>/acknowledge`: somebody looks after it; it is escalated no further."""
    return await _done(request, "acknowledge")


async def resolve(request: web.Request) -> web.Response:
    """`POST /api/v1/alerts/<id>/resolve`: it is over; a check that breaks the rule anew opens another."""
    return await _done(request, "resolve")


async def comment(request: web.Request) -> web.Response:
    """`POST /api/v1/alerts/<id>/comment`: say something about it, in the log too."""
    return await _done(request, "comment")


async def _done(request: web.Request, act: Literal["acknowledge", "resolve", "comment"]) -> web.Response:
    asker = acting(request)
    remark = await parsed(request, Remark, optional=True)
    services = request.app[SERVICES]
    changed: Alert = await getattr(alerts, act)(services.db, number(request), who(asker), remark.text)
    services.correlation.wake()
    return success(request, changed.as_json())


async def silence(request: web.Request) -> web.Response:
    """`POST /api/v1/alerts/<id>/silence`: this alert and those of the same rule and subject are mute for a while."""
    asker = acting(request)
    hush = await parsed(request, Hush)
    alert, services = await found(request), request.app[SERVICES]
    made = await mutes.add(services.db, "silence", like(alert), lasting(hush.lasts), who=who(asker), reason=hush.reason)
    services.correlation.wake()
    return success(request, made.as_json(datetime.now(UTC)), 201)


async def rules(request: web.Request) -> web.Response:
    """`GET /api/v1/rules`: the rules in force with how each is doing, and what is wrong with the newest file."""
    require(request, "checks:read")
    services = request.app[SERVICES]
    return success(request, await rules_of(request, await alerts.by_rule(services.db)))


async def rules_of(request: web.Request, counts: Any) -> dict[str, Any]:
    """The status of correlation, each rule with its alerts that stand, of all times, and when one opened last."""
    status = dict(request.app[SERVICES].correlation.status())
    told = []
    for one in status["rules"]:
        standing, every, last = counts.get(one["name"], (0, 0, None))
        told.append({**one, "standing": standing, "alerts": every, "last_alert": last})
    return {**status, "rules": told}


async def reload(request: web.Request) -> web.Response:
    """`POST /api/v1/rules/reload`: read the rule file now; `GET /api/v1/rules` says what came of it."""
    acting(request)
    request.app[SERVICES].correlation.reload()
    return success(request, {"asked": True}, 202)


async def silence_index(request: web.Request) -> web.Response:
    """`GET /api/v1/silences`: silences, newest first, those that are over too."""
    return await _mutes(request, "silence")


async def maintenance_index(request: web.Request) -> web.Response:
    """`GET /api/v1/maintenance`: maintenance windows, newest first, those that are over too."""
    return await _mutes(request, "maintenance")


async def silence_add(request: web.Request) -> web.Response:
    """`POST /api/v1/silences`: keep alerts that fit mute `until` a time or for as long as it `lasts`."""
    asker, wanted = acting(request), await parsed(request, Silenced)
    if (wanted.until is None) == (wanted.lasts is None):
        raise InvalidRequest("Give one of until and lasts.", fields={"body.until": "or lasts"})
    now = datetime.now(UTC)
    ends = wanted.until if wanted.until is not None else now + timedelta(seconds=wanted.lasts or 0)
    return await _added(request, asker, "silence", wanted.matcher, {"starts": now, "ends": ends}, wanted.reason)


async def maintenance_add(request: web.Request) -> web.Response:
    """`POST /api/v1/maintenance`: plan a window, once or by cron, in which alerts that fit are mute."""
    asker, wanted = acting(request), await parsed(request, Planned)
    span = {name: getattr(wanted, name) for name in ("starts", "ends", "cron", "lasts", "zone")}
    return await _added(request, asker, "maintenance", wanted.matcher, span, wanted.reason)


async def mute_end(request: web.Request) -> web.Response:
    """`DELETE /api/v1/silences/<n>`, `/maintenance/<n>`: end it now; the alerts that still stand are told."""
    asker, services = acting(request), request.app[SERVICES]
    ended = await mutes.end(services.db, ordinal(request), who=who(asker))
    services.correlation.wake()
    return success(request, ended.as_json(datetime.now(UTC)))


async def _mutes(request: web.Request, kind: str) -> web.Response:
    require(request, "checks:read")
    limit = whole(request.query, "limit", LIMIT, least=1, most=MOST)
    before = whole(request.query, "cursor", 2**62, least=0, most=2**62)
    listed = await mutes.page(request.app[SERVICES].db, before=before, limit=limit)
    now = datetime.now(UTC)
    following = str(listed[-1].id) if len(listed) == limit else None
    return success(request, {"items": [one.as_json(now) for one in listed if one.kind == kind], "next": following})


async def _added(
    request: web.Request,
    asker: Identity,
    kind: Literal["silence", "maintenance"],
    matcher: Matcher,
    span: dict[str, Any],
    reason: str,
) -> web.Response:
    services = request.app[SERVICES]
    made = await mutes.add(services.db, kind, matcher, checked(Span, span), who=who(asker), reason=reason)
    services.correlation.wake()
    return success(request, made.as_json(datetime.now(UTC)), 201)


# -- what pages use too


def acting(request: web.Request) -> Identity:
    """Who acts, if they may."""
    asker = require(request, SCOPE)
    require_csrf(request, None)
    return asker


def who(asker: Identity) -> str:
    """An actor's name as the log and the audit have it."""
    return asker.name if asker.kind == "key" else f"user:{asker.name}"


async def found(request: web.Request) -> Alert:
    alert = await alerts.get(request.app[SERVICES].db, number(request))
    if alert is None:
        raise NotFound("There is no such alert.")
    return alert


def number(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no such alert.") from None


def ordinal(request: web.Request) -> int:
    text = request.match_info["n"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("There is no such silence or window.")
    return int(text)


def like(alert: Alert) -> Matcher:
    """What fits alerts of the same rule about the same."""
    given = {name: getattr(alert.subject, name) for name in ("agent", "type", "target", "site")}
    return Matcher(rule=(alert.rule,), **{name: (value[:500],) for name, value in given.items() if value})


def lasting(seconds: float) -> Span:
    now = datetime.now(UTC)
    return checked(Span, {"starts": now, "ends": now + timedelta(seconds=seconds)})


def checked(model: type[M], given: Any) -> M:
    """`given` as a model; InvalidRequest that names the field."""
    try:
        return model.model_validate(given)
    except (ValidationError, OverflowError) as error:
        if not isinstance(error, ValidationError):
            raise InvalidRequest("The time is out of all bounds.") from None
        fields = sentences.faults(error, "body.")
        first = next(iter(fields))
        raise InvalidRequest(f"{first.removeprefix('body.') or 'body'}: {fields[first]}", fields=fields) from None


async def parsed(request: web.Request, model: type[M], *, optional: bool = False) -> M:
    """The body as a model."""
    content = await body(request, SMALL_BODY)
    return checked(model, {} if optional and not content.strip() else parse_json(content))
