"""Checks: found by a form, followed live, and each shown whole with its proof as a picture."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from aiohttp import web

from pumpkin import eraser
from pumpkin.errors import InvalidRequest, NotFound, PayloadTooLarge, PumpkinError
from pumpkin.evidence import merkle
from pumpkin.model.checks import STATUSES, UNREAD, Check
from pumpkin.model.comparison import compare
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.prover import not_before, stamped_by
from pumpkin.store import alerts, checks, erasure, overview, proofs, renewals, searches, series, signing
from pumpkin.web.api.analysis.shapes import base
from pumpkin.web.guard import identity
from pumpkin.web.pages import pictures, plots
from pumpkin.web.pages.payloads import Shown, payload, text_of
from pumpkin.web.pages.render import act, asked, page, read
from pumpkin.web.pages.text import rfc3339
from pumpkin.web.services import SERVICES

if TYPE_CHECKING:
    from pumpkin.store.database import Database

ROWS = 50
TRENDS = 6
QUERY_LIMIT = 16_000
_FILTERS = ("q", "type", "agent", "target", "status", "since", "until", "label")
_SHOWN_DETAIL = ("run", "result", "labels", "source", "target", "site", "status", UNREAD)


def setup(app: web.Application) -> None:
    """Register `/checks` and one check."""
    app.router.add_get("/checks", index)
    app.router.add_post("/checks/searches", keep_search)
    app.router.add_get("/checks/{id}", show)
    app.router.add_get("/checks/{id}/difference", difference)
    app.router.add_post("/checks/{id}/erase", erase)


@read("checks:read", shared=True)
async def index(request: web.Request) -> web.Response:
    """Checks, newest first; the first page follows what comes in."""
    db, query = request.app[SERVICES].db, request.query
    filters = {name: asked(request, name) for name in _FILTERS}
    faults: dict[str, str] = {}
    if filters["status"] not in ("", *STATUSES):
        faults["status"], filters["status"] = "not one of these", ""
    label, equals, value = filters["label"].partition("=")
    if filters["label"] and not (equals and label.strip()):
        faults["label"] = "a label is written name=value"
    since, until = _time(filters, "since", faults), _time(filters, "until", faults)
    try:
        found, following = await checks.page(
            db,
            type=filters["type"] or None,
            agent=filters["agent"] or None,
            target=filters["target"] or None,
            status=filters["status"] or None,
            since=since,
            until=until,
            q=filters["q"] or None,
            labels={label.strip(): value.strip()} if equals and label.strip() else {},
            limit=ROWS,
            cursor=asked(request, "cursor") or None,
        )
    except InvalidRequest as error:
        found, following, faults = [], None, {**faults, "form": error.message}
    named = {name: text for name, text in filters.items() if text}
    times = {name: rfc3339(at) for name, at in (("since", since), ("until", until)) if at is not None}
    values = {
        "here": "checks",
        "twin": "/api/v1/checks?" + _twin_query({**named, **times}, faults, asked(request, "cursor")),
        "filters": filters,
        "named": named,
        "faults": faults,
        "statuses": STATUSES,
        "checks": found,
        "heads": await overview.heads(db),
        "next": following,
        "first": not query.get("cursor"),
        "searches": await searches.of(db, identity(request).name, "checks") if identity(request).session else [],
    }
    return page(request, "checks.html", values)


async def keep_search(request: web.Request) -> web.Response:
    """Keep the search in the address under a name, or forget it; a person's own, so no scope but reading is needed."""
    fields = await act(request, "checks:read")
    asker, db = identity(request), request.app[SERVICES].db
    name, given = fields.get("name", "").strip()[:100], fields.get("query", "")
    if len(given) > QUERY_LIMIT:
        raise PayloadTooLarge(f"A search that is kept has at most {QUERY_LIMIT} characters.")
    kept = urlencode([(key, text) for key, text in parse_qsl(given) if key in _FILTERS])
    if name and asker.session and fields.get("act") == "forget":
        await searches.forget(db, asker.name, "checks", name)
    elif name and asker.session and kept:
        await searches.keep(db, asker.name, "checks", name, kept)
    raise web.HTTPSeeOther(f"/checks?{kept}" if kept else "/checks")


def _twin_query(named: Mapping[str, str], faults: Mapping[str, str], cursor: str) -> str:
    """What the page shows as the API is asked for it: the same filters, but those that are none, at the same place."""
    given = {name: text for name, text in named.items() if name != "label" and name not in faults}
    label, _, value = named.get("label", "").partition("=")
    if label and "label" not in faults:
        given[f"label.{label.strip()}"] = value.strip()
    return urlencode({**given, "cursor": cursor} if cursor and "form" not in faults else given)


def _time(filters: Mapping[str, str], name: str, faults: dict[str, str]) -> int | None:
    """A moment as people write it: a date, a date and time (UTC unless it says otherwise)."""
    text = filters[name]
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        faults[name] = "a time is written 2026-11-21 or 2026-11-21 14:30"
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(at.timestamp() * 1_000_000)


@read("checks:read", shared=True)
async def show(request: web.Request) -> web.Response:
    """One check: what was seen, what is proven, and all that is needed to prove it elsewhere."""
    services = request.app[SERVICES]
    db = services.db
    check = await _found(request)
    stamps = list(await proofs.stamps_for(db, check.seq))
    past = await series.before(db, check)
    checkpoint = await proofs.checkpoint_covering(db, check.seq)
    evidence = await evidence_of(request, check, checkpoint)
    story = await told(db, check, stamps, evidence, checkpoint)
    quorum = services.stamping().get("quorum", 1)
    latest = stamped_by(stamps, quorum)
    state = "stamped" if latest is not None else "sealed" if checkpoint is not None else "stored"
    values = {
        "here": "checks",
        "twin": f"/api/v1/checks/{check.id}",
        "check": check,
        "shown": _shown(check),
        "detail": {name: check.detail[name] for name in _SHOWN_DETAIL if check.detail.get(name)},
        "table": _table(check.detail.get("result")),
        "pairs": _pairs(check.detail.get("result")),
        "erased": await erasure.of(db, check.id) if check.payload is None else None,
        "record": check.record.decode("utf-8", "replace"),
        "state": state,
        "stamps": stamps,
        "self_asserted": bool(stamps) and all(stamp.self_asserted for stamp in stamps),
        "not_after": latest,
        "quorum": quorum,
        "renewals": await renewals.brief(db, [stamp.id for stamp in stamps]),
        "signing_key": await signing.get(db, check.agent, check.key_id) if check.signature and check.key_id else None,
        "not_before": story.after,
        "checkpoint": checkpoint,
        "path": story.path,
        "broken": "broken" in evidence,
        "picture": pictures.proof(story),
        "neighbours": await _neighbours(request, check),
        "previous": past[1] if len(past) > 1 else None,
        **_trends(past, asked(request, "trend", 200)),
        "alerts": await alerts.of_check(db, check.seq),
        "share": f"{base(request)}/proof/{check.id}" if services.public.proofs else "",
        "page_url": f"{base(request)}/checks/{check.id}",
    }
    return page(request, "check.html", values)


def _trends(past: list[series.Point], chosen: str) -> dict[str, Any]:
    """`trends`: name, what it is now, between what it moved, and picture of the number that was chosen, else of the
    first few that several results of the series hold; `fields` names all there are."""
    fields = [name for name in (past[0].numbers if past else ()) if sum(name in one.numbers for one in past) > 1]
    drawn = []
    for name in [chosen] if chosen in fields else fields[:TRENDS]:
        points = [(one.observed, one.numbers[name], one.status) for one in reversed(past) if name in one.numbers]
        low, high = min(value for _, value, _ in points), max(value for _, value, _ in points)
        steady = f"the same in all {len(points)}"
        drawn.append(
            {
                "name": name,
                "now": plots.number(points[-1][1]),
                "reach": f"{plots.number(low)} to {plots.number(high)} in {len(points)}" if high > low else steady,
                "plot": plots.trend(points, name=name),
            }
        )
    return {"trends": drawn, "fields": fields, "chosen": chosen if chosen in fields else ""}


@read("checks:read")
async def difference(request: web.Request) -> web.Response:
    """What this check's payload has and the one before of the same probe and target has not, and the other way."""
    db, check = request.app[SERVICES].db, await _found(request)
    past = await series.before(db, check, 2)
    old = await checks.get(db, past[1].id) if len(past) > 1 else None
    lines = []
    if old is not None and old.payload is not None and check.payload is not None:
        lines = await asyncio.to_thread(compare, _readable(old), _readable(check))
    shown = _shown(check)
    values = {
        "here": "checks",
        "twin": f"/api/v1/checks/{check.id}/difference",
        "check": check,
        "old": old,
        "lines": lines,
        "equal": bool(lines) and all(one.kind in ("same", "skipped") for one in lines),
        "further": old is not None and old.payload != check.payload and not (shown and shown.form == "json"),
        "pictures": [one for one in (old, check) if one is not None and _drawn(one)],
    }
    return page(request, "check_difference.html", values)


def _shown(check: Check) -> Shown | None:
    if check.payload is None:
        return None
    return payload(check.payload, media=check.media, format=check.format, wrapped=check.wire is not None)


def _drawn(check: Check) -> bool:
    shown = _shown(check)
    return shown is not None and shown.picture is not None and shown.picture.fits


def _readable(check: Check) -> str:
    shown = _shown(check)
    if shown is not None and shown.form in ("hex", "picture"):
        return shown.text.striptags()
    return text_of(check.payload or b"", check.wire is not None)


async def erase(request: web.Request) -> web.Response:
    """Forget this check's payload for ever."""
    fields = await act(request, "admin")
    check, services = await _found(request), request.app[SERVICES]
    who = f"user:{identity(request).name}"
    await eraser.erase(services.db, check.id, who=who, reason=fields.get("reason", ""), receive=services.receive)
    raise web.HTTPSeeOther(f"/checks/{check.id}")


async def _found(request: web.Request) -> Check:
    try:
        number = UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no check with this id.") from None
    check = await checks.get(request.app[SERVICES].db, number)
    if check is None:
        raise NotFound("There is no check with this id.")
    return check


async def evidence_of(request: web.Request, check: Check, head: Checkpoint | None) -> Mapping[str, Any]:
    """Size, path and note of the checkpoint `head` over the check; empty while there is none; {"broken": True} where
    the log does not yield a path from this leaf to the root that was signed."""
    if head is None:
        return {}
    try:
        path = await request.app[SERVICES].path(check.seq, head.size)
    except (PumpkinError, ValueError, LookupError):
        return {"broken": True}
    if not merkle.verify_inclusion(check.leaf_hash, check.seq, head.size, path, head.root):
        return {"broken": True}  # the log on disk does not hold together: the page says so
    return {"size": head.size, "path": path, "checkpoint": head.note}


async def told(
    db: Database, check: Check, stamps: list[Stamp], evidence: Mapping[str, Any], head: Checkpoint | None
) -> pictures.Story:
    """What the picture of a check's proof tells: from what bounds it below to the authorities above."""
    size = evidence.get("size")
    path = merkle.directed(check.seq, size, evidence["path"]) if size is not None else []
    return pictures.Story(
        seq=check.seq,
        leaf=check.leaf_hash.hex(),
        path=[(side, other.hex()) for side, other in path],
        root=_root(evidence),
        size=size,
        after=await not_before(db, check.after),
        signed=check.signature is not None,
        observed=check.observed,
        received=check.received,
        sealed=None if head is None else head.sealed,
        stamps=[
            pictures.Witnessed(one.authority, one.gen_time, one.accuracy, one.self_asserted, one.size) for one in stamps
        ],
    )


def _root(evidence: Mapping[str, Any]) -> str | None:
    """The root as hex, read off the checkpoint's third line (C2SP tlog-checkpoint: base64)."""
    note = evidence.get("checkpoint")
    lines = note.split("\n") if isinstance(note, str) else []
    try:
        return base64.b64decode(lines[2], validate=True).hex()
    except (IndexError, binascii.Error):
        return None


def _pairs(result: Any) -> list[tuple[str, Any]]:
    """A parsed result as names and values when it is one flat object; at most 100 of them."""
    data = result.get("data") if isinstance(result, Mapping) else None
    if not isinstance(data, Mapping) or any(isinstance(value, Mapping | list) for value in data.values()):
        return []
    return [(str(name), value) for name, value in list(data.items())[:100]]


def _table(result: Any) -> tuple[list[str], list[list[Any]]] | None:
    """A parsed result as a table when it is a flat list of objects; at most 12 columns and 200 rows."""
    data = result.get("data") if isinstance(result, Mapping) else None
    if not isinstance(data, list) or not data or not all(isinstance(row, Mapping) for row in data):
        return None
    columns: list[str] = []
    for row in data[:200]:
        columns += [str(name) for name in row if str(name) not in columns]
    columns = columns[:12]
    return columns, [[row.get(name, "") for name in columns] for row in data[:200]]


async def _neighbours(request: web.Request, check: Check) -> dict[str, UUID | None]:
    """The checks before and after this one in the log."""
    db = request.app[SERVICES].db
    before = await checks.by_seq(db, check.seq - 1) if check.seq else None
    after = await checks.by_seq(db, check.seq + 1)
    return {"before": before.id if before else None, "after": after.id if after else None}
