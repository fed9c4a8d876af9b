"""Reports: the latest of a package version, one by its digest, histories, differences, what they let one download."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pumpkin.analysis import documents, outputs
from pumpkin.errors import InvalidPagination, InvalidRequest, PumpkinError, ReportNotFound
from pumpkin.model.purl import SPELLINGS, of_name
from pumpkin.model.versions import EQUAL, same
from pumpkin.store import reports
from pumpkin.store.reports import Kept
from pumpkin.web.api.analysis.shapes import base, report_path, when
from pumpkin.web.api.analysis.tasks import asked_ecosystem
from pumpkin.web.api.analysis.tasks import found as found_task
from pumpkin.web.api.checks import text_or_none, whole
from pumpkin.web.envelope import plain, success
from pumpkin.web.guard import identity, require
from pumpkin.web.services import SERVICES

VERSIONS_MOST = 1_000
FORMATS = ("json", "ossf", "sarif")
_AS = {"": ".json", "json": ".json", "ossf": ".ossf.json", "sarif": ".sarif"}
_ENDINGS = frozenset({"json", "sarif", "pcap", "gz", "log", "txt"})
_IMMUTABLE = "public, max-age=31536000, immutable"


async def latest(request: web.Request) -> web.Response:
    """`GET /media/reports/<ecosystem>/<name>/<version>.json`: the latest report; `format=ossf` or `sarif`."""
    ecosystem = SPELLINGS.get(request.match_info["ecosystem"].casefold())
    name, slash, file = request.match_info["path"].removesuffix("/").rpartition("/")
    version, dot, kind = file.rpartition(".")
    if ecosystem is None or not slash or not dot or kind != "json" or not name or not version:
        raise ReportNotFound
    kept = await _latest(request, ecosystem, _storable(name), _storable(version))
    if kept is None:
        raise ReportNotFound
    return _document(request, kept, "no-cache")


async def _latest(request: web.Request, ecosystem: str, name: str, version: str) -> Kept | None:
    """The newest report of a package version, its name in any spelling (`Six`, `six`) and its version in any that is
    equal to a reported one (`1.16`, `1.16.0`)."""
    db, realms = request.app[SERVICES].db, _realms(request)
    if (kept := await reports.latest(db, ecosystem, name, version, realms)) is not None:
        return kept
    with contextlib.suppress(PumpkinError):
        name = of_name(ecosystem, name).full_name
    if (kept := await reports.latest(db, ecosystem, name, version, realms)) is not None or ecosystem not in EQUAL:
        return kept
    listed = await reports.listed(db, ecosystem=ecosystem, name=name, realms=realms, limit=VERSIONS_MOST)
    equal = same(ecosystem, version, (one.version for one in listed))
    return await reports.latest(db, ecosystem, name, equal, realms) if equal is not None else None


async def of_task(request: web.Request) -> web.Response:
    """`GET /api/v1/task/<id>/report/`: the report of one analysis."""
    task = await found_task(request)
    kept = await reports.get(request.app[SERVICES].db, task.report or 0)
    if kept is None:
        raise ReportNotFound("This analysis has no report (yet).")
    return _document(request, kept, "no-cache")


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<id>/`: one report by its number, whole."""
    return _document(request, await kept_report(request, "id"), "no-cache")


async def bundle(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<id>/bundle`: the offline proof of a report, and of the one it was scored anew from."""
    kept, db = await kept_report(request, "id"), request.app[SERVICES].db
    ids = [kept.check_id]
    if kept.rescored is not None and (older := await reports.get(db, kept.rescored)) is not None:
        ids.append(older.check_id)
    headers = {"Content-Disposition": f'attachment; filename="pumpkin-report-{kept.id}.zip"'}
    content = await request.app[SERVICES].bundle(ids)
    return web.Response(body=content, content_type="application/zip", headers=headers)


async def by_digest(request: web.Request) -> web.Response:
    """`GET /reports/sha256/<hex>.json`: these very bytes, for ever."""
    kept = await reports.by_digest(request.app[SERVICES].db, _digest(request.match_info["digest"]))
    if kept is None or (kept.realm and kept.realm != identity(request).owner):
        raise ReportNotFound("There is no report with this digest.")
    return _document(request, kept, _IMMUTABLE)


def _document(request: web.Request, kept: Kept, caching: str) -> web.Response:
    assert kept.document is not None
    form = request.query.get("format", "")
    if form not in ("", *FORMATS):
        raise InvalidRequest(f"format is one of {', '.join(FORMATS)}.", fields={"query.format": "not known"})
    body = kept.document
    if form == "ossf":
        body = json.dumps(documents.ossf(json.loads(body))).encode()
    elif form == "sarif":
        found = documents.scanned(json.loads(body))
        body = outputs.write({**found, "artifact": found["artifact"] or {"name": kept.purl}}, form).encode()
    etag = f'"{kept.digest.hex()}{f"-{form}" if form in FORMATS[1:] else ""}"'
    headers = {
        "ETag": etag,
        "Cache-Control": caching,
        "Content-Disposition": f'inline; filename="{_named(kept, _AS[form])}"',
        "Link": f'</reports/sha256/{kept.digest.hex()}.json>; rel="canonical"',
    }
    given = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if etag in given or "*" in given:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=outputs.MEDIA.get(form, "application/json"), headers=headers)


async def old_one(request: web.Request) -> web.Response:
    """`GET /get_report/<id>/`: one report as the old interface has it."""
    kept = await kept_report(request, "id")
    assert kept.document is not None
    return plain({**_old(kept), "report_data": json.loads(kept.document)})


async def old_all(request: web.Request) -> web.Response:
    """`GET /get_all_report/`: reports by number as the old interface has them, newest first; `page`, `page_size`."""
    try:
        page = whole(request.query, "page", 1, least=1, most=2**31)
        size = whole(request.query, "page_size", 1_000, least=1, most=1_000)
    except InvalidRequest as error:
        raise InvalidPagination(error.message, fields=error.fields) from None
    found = await reports.listed(request.app[SERVICES].db, realms=_realms(request), skip=(page - 1) * size, limit=size)
    return plain({str(kept.id): {"id": kept.id, **_old(kept)} for kept in found})


def _old(kept: Kept) -> dict[str, Any]:
    return {
        "package_name": kept.name,
        "package_version": kept.version,
        "ecosystem": kept.ecosystem,
        "time": when(kept.created),
    }


async def history(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/history/`: the reports of a package, newest first; `ecosystem`, `name`, `version`."""
    require(request, "packages:read")
    query = request.query
    found = await reports.listed(
        request.app[SERVICES].db,
        ecosystem=asked_ecosystem(query),
        name=text_or_none(query, "name"),
        version=text_or_none(query, "version"),
        realms=_realms(request),
        skip=whole(query, "skip", 0, least=0, most=2**31),
        limit=whole(query, "limit", 100, least=1, most=1_000),
    )
    return success(request, {"items": [summary(request, kept) for kept in found]})


def summary(request: web.Request, kept: Kept) -> dict[str, Any]:
    """A report in a list."""
    root = base(request)
    return {
        "report_id": kept.id,
        "task_id": kept.task,
        "purl": kept.purl,
        "ecosystem": kept.ecosystem,
        "package_name": kept.name,
        "package_version": kept.version,
        "outcome": kept.outcome,
        "score": kept.score,
        "tools": kept.tools.split(","),
        "rules": kept.rules,
        "artifacts": list(kept.artifacts),
        "created_at": when(kept.created),
        "sha256": kept.digest.hex(),
        "rescored_from": kept.rescored,
        "report_url": f"{root}/api/v1/reports/{kept.id}/",
        "latest_url": root + report_path(kept.ecosystem, kept.name, kept.version) if not kept.realm else None,
        "proof_url": f"{root}/api/v1/checks/{kept.check_id}/proof",
    }


async def diff(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<a>/diff/<b>/`: what the later report has and the earlier has not, and the other way."""
    require(request, "packages:read")
    first, second = await kept_report(request, "a"), await kept_report(request, "b")
    assert first.document is not None
    assert second.document is not None
    changed = documents.difference(json.loads(first.document), json.loads(second.document))
    return success(request, {"from": summary(request, first), "to": summary(request, second), **changed})


async def attachments(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<id>/attachments/`: packets, dropped files and buffers of a report."""
    require(request, "packages:read")
    kept = await kept_report(request, "id")
    found = await reports.attachments(request.app[SERVICES].db, kept.id)
    items = [
        {
            "sha256": digest,
            "name": name,
            "size": size,
            "url": f"{base(request)}/api/v1/reports/{kept.id}/buffers/{digest}",
        }
        for digest, name, size in found
    ]
    return success(request, {"items": items})


async def attachment(request: web.Request) -> web.Response:
    """`GET /api/v1/reports/<id>/buffers/<sha256>`: these bytes, never as a type a browser would show."""
    require(request, "packages:read")
    kept = await kept_report(request, "id")
    digest = _digest(request.match_info["digest"])
    found = await reports.attachment(request.app[SERVICES].db, kept.id, digest)
    if found is None:
        raise ReportNotFound("This report has no such attachment.")
    name = found[0] if found[0] != "pcap" else ".pcap"
    headers = {"Content-Disposition": f'attachment; filename="{_named(kept, name)}"', "Cache-Control": "private"}
    return web.Response(body=found[1], content_type="application/octet-stream", headers=headers)


def _named(kept: Kept, what: str) -> str:
    """A file's name for something of a report: whose it is, and an ending that no desktop runs or shows as a page."""
    dash = "" if what.startswith(".") else "-"
    name = re.sub(r"[^A-Za-z0-9._]+", "-", f"{kept.name}-{kept.version}{dash}{what}").lstrip(".-")[-120:]
    return name if name.rpartition(".")[2] in _ENDINGS else f"{name}.bin"


async def kept_report(request: web.Request, name: str) -> Kept:
    """The report whose number stands in the address, if whoever asks may see it."""
    text = request.match_info[name]
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ReportNotFound("There is no report with this number.")
    kept = await reports.get(request.app[SERVICES].db, int(text))
    if kept is None or (kept.realm and kept.realm != identity(request).owner):
        raise ReportNotFound("There is no report with this number.")
    return kept


def _realms(request: web.Request) -> tuple[str, ...]:
    owner = identity(request).owner
    return ("", owner) if owner else ("",)


def _storable(text: str) -> str:
    """ReportNotFound for what PostgreSQL holds no text of."""
    if "\x00" in text or not text.isprintable() or len(text) > 500:
        raise ReportNotFound
    return text


def _digest(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ReportNotFound("There is no report with this digest.")
    return bytes.fromhex(text)


Document = Mapping[str, Any]
