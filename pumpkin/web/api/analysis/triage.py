"""People's word on a report's findings, with a reason and an end, and reports judged anew by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pumpkin.analysis import triage as words
from pumpkin.errors import InvalidJson, InvalidRequest, NotFound, ReportNotFound
from pumpkin.model import sentences
from pumpkin.model.findings import Finding
from pumpkin.store import triage
from pumpkin.store.reports import Kept
from pumpkin.web.api.analysis.reports import kept_report, summary
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES


class Word(BaseModel):
    """What is said of a finding; `days` None means for ever."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    state: words.State
    reason: str = Field(min_length=1, max_length=2_000)
    days: int | None = Field(default=None, ge=1, le=3_650)


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<id>/triage`: the report's findings with their ids, and what was said of them."""
    require(request, "packages:read")
    kept = await kept_report(request, "id")
    return success(request, {"package": package_of(kept), "findings": await marked(request, kept)})


async def put(request: web.Request) -> web.Response:
    """`PUT /api/v1/reports/<id>/triage/<finding>`: mark it; the newest report of the version is judged anew."""
    who = require(request, "packages:write")
    kept, finding = await kept_report(request, "id"), _finding(request)
    made = await mark(request, kept, finding, word(await body(request, SMALL_BODY)), who.owner)
    return success(request, {"package": package_of(kept), "finding": str(finding), "report": made})


async def drop(request: web.Request) -> web.Response:
    """`DELETE /api/v1/reports/<id>/triage/<finding>`: take the word back; the version is judged anew."""
    who = require(request, "packages:write")
    kept, finding = await kept_report(request, "id"), _finding(request)
    made = await unmark(request, kept, finding, who.owner)
    return success(request, {"package": package_of(kept), "finding": str(finding), "report": made})


async def rescore(request: web.Request) -> web.Response:
    """`POST /api/v1/reports/<id>/rescore`: the newest report of that version by the rules and marks of now."""
    require(request, "packages:write")
    return success(request, {"report": await _anew(request, await kept_report(request, "id"))})


def word(given: bytes | Mapping[str, Any]) -> Word:
    """What was said, from JSON or the fields of a form; InvalidRequest names what is wrong."""
    try:
        return Word.model_validate_json(given) if isinstance(given, bytes) else Word.model_validate(given)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise InvalidJson from None
        fields = sentences.faults(error)
        raise InvalidRequest("A mark has `state`, `reason` and, if it ends, `days`.", fields=fields) from None


async def mark(request: web.Request, kept: Kept, finding: UUID, said: Word, by: str) -> Mapping[str, Any]:
    """Keep the word, and judge anew; NotFound when the report has no such finding. Gives the new report's summary."""
    if finding not in {words.mark_of(one) for one in findings_of(kept)}:
        raise NotFound("The report has no such finding.")
    until = datetime.now(UTC) + timedelta(days=said.days) if said.days else None
    await triage.put(
        request.app[SERVICES].db, package=package_of(kept), finding=finding, state=said.state.value,
        reason=said.reason, by=by, until=until,
    )  # fmt: skip
    return await _anew(request, kept)


async def unmark(request: web.Request, kept: Kept, finding: UUID, by: str) -> Mapping[str, Any]:
    """Take the word back, and judge anew; NotFound when there was none."""
    if not await triage.drop(request.app[SERVICES].db, package=package_of(kept), finding=finding, by=by):
        raise NotFound("There is no mark on this finding.")
    return await _anew(request, kept)


async def marked(request: web.Request, kept: Kept) -> list[dict[str, Any]]:
    """Each finding as it stands in the report, with its id and the word on it (`mark` None where there is none)."""
    said = {one.finding: one for one in await triage.marks(request.app[SERVICES].db, package_of(kept))}
    now = datetime.now(UTC)
    rows = []
    for finding in findings_of(kept):
        known = said.get(words.mark_of(finding))
        shown = {**words.as_json(known), "holds": known.holds(now)} if known is not None else None
        rows.append({"id": str(words.mark_of(finding)), **finding.as_json(), "mark": shown})
    return rows


def findings_of(kept: Kept) -> list[Finding]:
    """The findings of a kept report; ReportNotFound when its document is not at hand."""
    if kept.document is None:
        raise ReportNotFound("There is no report with this number.")
    return [Finding.of(one) for one in json.loads(kept.document)["analysis_results"]["findings"]]


def package_of(kept: Kept) -> str:
    """What marks are kept by: `pypi/six`."""
    return f"{kept.ecosystem}/{kept.name}"


async def _anew(request: web.Request, kept: Kept) -> Mapping[str, Any]:
    made: Kept | None = await request.app[SERVICES].packages.rescore(kept.id)
    if made is None:
        raise ReportNotFound("There is no report with this number.")
    return {**summary(request, made), "before": kept.outcome}


def _finding(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["finding"])
    except ValueError:
        raise NotFound("There is no finding with this id.") from None
