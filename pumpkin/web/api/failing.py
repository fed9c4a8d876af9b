"""`/api/v1/failing`: every check that fails now, and a person's word that one of them is past."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pumpkin.errors import InvalidRequest, NotFound
from pumpkin.model.wire import rfc3339
from pumpkin.store import audit, failing
from pumpkin.store.failing import After
from pumpkin.web.api.checks import choice, only, text_or_none, whole
from pumpkin.web.bodies import parsed
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES

BAD = ("critical", "warning")
SCOPE = "alerts:write"
DEFAULT, MOST = 100, 1_000
SEQ_MOST = 2**62
_CURSOR = re.compile(r"([cw])(\d{1,18})\Z", re.ASCII)


class Past(BaseModel):
    """The newest check of the series that was looked at: its place in the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    last: int = Field(ge=0, le=SEQ_MOST)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/failing`: what fails now, critical first, then newest; `status`, `agent`, `q`, by cursor."""
    require(request, "checks:read")
    query, db = request.query, request.app[SERVICES].db
    only(query, "status", "agent", "q", "limit", "cursor")
    limit = whole(query, "limit", DEFAULT, least=1, most=MOST)
    found = await failing.page(
        db,
        most=limit + 1,
        status=choice(query, "status", BAD),
        agent=text_or_none(query, "agent"),
        q=text_or_none(query, "q"),
        after=after(query.get("cursor", "")),
    )
    shown = found[:limit]
    following = cursor(shown[-1]) if len(found) > limit else None
    return success(request, {"items": [_shape(one) for one in shown], "next": following, **await failing.count(db)})


def after(text: str) -> After | None:
    """Where a page begins; None for the first. InvalidRequest for what is no cursor of ours."""
    if not text:
        return None
    found = _CURSOR.match(text)
    if found is None:
        raise InvalidRequest("The cursor is not one of ours.", fields={"query.cursor": "not known"})
    return found[1] == "c", int(found[2])


def cursor(row: Mapping[str, Any]) -> str:
    """What asks for the page after `row`."""
    return f"{'c' if row['status'] == 'critical' else 'w'}{row['last']}"


async def let_go(request: web.Request) -> web.Response:
    """`POST /api/v1/failing/<series>/let-go`: what it looked at is no longer looked at. It is shown again when it fails
    again."""
    asker = require(request, SCOPE)
    try:
        series = UUID(request.match_info["series"])
    except ValueError:
        raise NotFound("There is no such series.") from None
    told = await parsed(request, Past)
    await past(request, series, told.last, asker.name)
    return success(request, {"series": str(series), "let_go": told.last})


async def past(request: web.Request, series: UUID, last: int, who: str) -> None:
    """Let a series go as far as its check `last`, said in the audit; NotFound where it failed again or is well."""
    db = request.app[SERVICES].db
    found = await failing.let_go(db, series, last)
    if found is None:
        raise NotFound("It does not fail any more, or failed again since you looked.")
    await audit.add(db, who=who, act="check.let_go", object=f"series:{series}", detail=dict(found))


def _shape(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "series": str(row["series"]),
        "agent": row["agent"],
        "type": row["type"],
        "target": row["target"],
        "status": row["status"],
        "check": str(row["id"]),
        "last": row["last"],
        "observed": rfc3339(row["observed"]),
        "since": rfc3339(row["since"]),
        "times": row["times"],
    }
