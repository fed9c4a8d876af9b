"""The reports of one package over time, and two of them side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pumpkin.analysis import documents
from pumpkin.errors import ReportNotFound
from pumpkin.model.watches import ecosystem_of
from pumpkin.store import reports
from pumpkin.store.reports import Kept
from pumpkin.web.guard import identity
from pumpkin.web.pages.render import asked, page, read
from pumpkin.web.services import SERVICES

SHOWN = 50
LINES = 200
_MARKS = {"clean": "ok", "suspicious": "warning", "malicious": "critical"}


def setup(app: web.Application) -> None:
    """Register `/packages/history` and `/packages/compare`."""
    app.router.add_get("/packages/history", history)
    app.router.add_get("/packages/compare", compare)


@read("packages:read")
async def history(request: web.Request) -> web.Response:
    """Every report of a package, newest first; two of them are chosen to be compared."""
    owner = identity(request).owner
    wanted = asked(request, "ecosystem", 20) or "pypi"
    ecosystem, name = ecosystem_of(wanted) or wanted, asked(request, "name", 300)
    start = asked(request, "skip", 9)
    skip = int(start) if re.fullmatch(r"\d{1,9}", start, re.ASCII) else 0
    found = []
    if name:
        realms = ("", owner) if owner else ("",)
        found = await reports.listed(
            request.app[SERVICES].db, ecosystem=ecosystem, name=name, realms=realms, skip=skip, limit=SHOWN + 1
        )
    values = {
        "here": "packages",
        "twin": f"/api/v1/reports/history/?ecosystem={ecosystem}&name={name}" if name.isascii() else None,
        "ecosystem": ecosystem,
        "name": name,
        "found": found[:SHOWN],
        "skip": skip,
        "older": skip + SHOWN if len(found) > SHOWN else None,
        "marks": _MARKS,
    }
    return page(request, "packages_history.html", values)


@read("packages:read")
async def compare(request: web.Request) -> web.Response:
    """What the later of two reports has and the earlier has not, and the other way."""
    one, two = sorted([await _kept(request, "a"), await _kept(request, "b")], key=lambda kept: kept.id)
    assert one.document is not None
    assert two.document is not None
    changed = documents.difference(json.loads(one.document), json.loads(two.document))
    values = {
        "here": "packages",
        "twin": f"/api/v1/reports/{one.id}/diff/{two.id}",
        "one": one,
        "two": two,
        "parts": _parts(changed),
        "marks": _MARKS,
    }
    return page(request, "packages_compare.html", values)


def _parts(changed: Mapping[str, Any]) -> list[tuple[str, list[str], list[str], int]]:
    """(heading, new lines, gone lines, how many more there are) of each kind of thing that differs."""
    found = []
    for kind in {**changed["added"], **changed["removed"]}:
        added, removed = changed["added"].get(kind, []), changed["removed"].get(kind, [])
        more = max(0, len(added) - LINES) + max(0, len(removed) - LINES)
        title = kind.replace("_", " ").capitalize()
        found.append((title, added[:LINES], removed[:LINES], more))
    return found


async def _kept(request: web.Request, name: str) -> Kept:
    text = asked(request, name, 20)
    number = int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else 0
    kept = await reports.get(request.app[SERVICES].db, number) if number else None
    if kept is None or kept.document is None or (kept.realm and kept.realm != identity(request).owner):
        raise ReportNotFound("There is no report with this number.")
    return kept
