"""A report: what was decided and why, then what was seen; all its events and all its files on pages of their own."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from pumpkin.errors import ReportNotFound
from pumpkin.store import reports
from pumpkin.store.reports import Kept
from pumpkin.web.guard import identity
from pumpkin.web.pages import observed, plots
from pumpkin.web.pages.render import asked, page, read
from pumpkin.web.services import SERVICES

FINDINGS = 200
OTHERS = 12
SHOWN = 200
KEPT = 32
SEEN: web.AppKey[OrderedDict[bytes, dict[str, Any]]] = web.AppKey("seen")
"""What the sections of the last reports show, by digest: a report never changes, and a large one takes its time."""
_FAR = 200_000
_MARKS = {"clean": "ok", "suspicious": "warning", "malicious": "critical"}
LEVELS = {"critical": "critical", "high": "critical", "medium": "warning", "good": "ok"}
_LANES = {
    "exec": "processes", "file": "files", "dns": "names", "connect": "connections", "send": "connections",
    "udp": "connections", "tls": "connections", "http": "requests", "sent": "requests", "decoy_touched": "decoys",
    "leak": "secrets out",
}  # fmt: skip
_LANE_OTHER = "tampering"
KINDS = ("exec", "file", "dns", "connect", "tls", "http", "sent", "decoy_touched", "leak", "tamper")
DID = {"": "used", "read": "read", "write": "written", "create": "made", "delete": "removed", "tried": "tried"}


def setup(app: web.Application) -> None:
    """Register `/packages/reports/{id}` and the two long lists below it."""
    app[SEEN] = OrderedDict()
    app.router.add_get("/packages/reports/{id}", report)
    app.router.add_get("/packages/reports/{id}/events", events)
    app.router.add_get("/packages/reports/{id}/files", files)


@read("packages:read")
async def report(request: web.Request) -> web.Response:
    """One report, the verdict and its reasons first."""
    kept, results = await _kept(request)
    db, owner = request.app[SERVICES].db, identity(request).owner
    phases = results.get("phases") or []
    others = await reports.listed(
        db, ecosystem=kept.ecosystem, name=kept.name, realms=("", owner) if owner else ("",), limit=OTHERS
    )
    others = [one for one in others if one.id != kept.id]
    attachments = await reports.attachments(db, kept.id)
    known = request.app[SEEN]
    if kept.digest not in known:
        known[kept.digest] = _seen(phases)
        if len(known) > KEPT:
            known.popitem(last=False)
    values = {
        **known[kept.digest],
        "here": "packages",
        "twin": f"/reports/sha256/{kept.digest.hex()}.json",
        "kept": kept,
        "results": results,
        "verdict": results["verdict"],
        "reasons": [_reason(str(one)) for one in results["verdict"].get("why", [])],
        "phases": phases,
        "processes": sum(len(one.get("processes", ())) for one in phases),
        "counts": {name: results.get(name) or {} for name in ("install", "import", "execute")},
        "names_asked": {name: observed.names(results.get(name) or {}) for name in ("install", "import", "execute")},
        "tools": observed.by_tool(results["findings"], results.get("tools", {}), FINDINGS),
        "more_findings": max(0, len(results["findings"]) - FINDINGS) + int(results.get("findings_cut", 0)),
        "attachments": [(digest, _named(name, results), size) for digest, name, size in attachments],
        "kept_digests": {digest: name for digest, name, _ in attachments},
        "others": others,
        "earlier": next((one for one in others if one.id < kept.id and one.version != kept.version), None),
        "marks": _MARKS,
        "levels": LEVELS,
    }
    return page(request, "packages_report.html", values)


def _seen(phases: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What the sections of a run show."""
    base = observed.begin(phases)
    told = list(observed.moments(phases, base))
    notable = [one for one in told if observed.notable(one)]
    lanes: dict[str, list[tuple[float, str, str]]] = {}
    for name in (*dict.fromkeys(_LANES.values()), _LANE_OTHER):
        lanes[name] = []
    for one in notable:
        if one.at is not None:
            lanes[_LANES.get(one.kind, _LANE_OTHER)].append((one.at, one.mark, f"{one.verb} {one.words}"))
    shown = [(name, many) for name, many in lanes.items() if many]
    touched, left = observed.decoys(phases)
    requests = observed.requests(phases, base)
    changes = observed.changes(phases)
    return {
        "trees": [(one, *observed.tree(one, base)) for one in phases if one.get("processes")],
        "picture": plots.lanes(shown, _bands(phases, base)) if shown else None,
        "moments": notable[: observed.LINES],
        "notable": len(notable),
        "told": len(told),
        "requests": requests[: observed.REQUESTS],
        "more_requests": max(0, len(requests) - observed.REQUESTS),
        "changes": changes[: observed.LINES],
        "more_changes": max(0, len(changes) - observed.LINES),
        "touched": touched,
        "left": left,
    }


def _bands(phases: list[Mapping[str, Any]], base: float | None) -> list[tuple[str, float, float]]:
    """(phase, from, to): where its first and last signs of life are."""
    found = []
    for one in phases:
        first = observed.begin([one])
        if first is not None and base is not None:
            start = first - base
            found.append((str(one.get("name", "")), start, start + float(one.get("duration_s") or 0)))
    return found


def _reason(why: str) -> tuple[str, str]:
    """(level, words) of one reason of a verdict."""
    level, colon, words = why.partition(": ")
    return (level, words) if colon and level in (*LEVELS, "low") else ("", why)


def _named(name: str, results: Mapping[str, Any]) -> str:
    """What people call an attachment."""
    if name.startswith("file-"):
        digest = name.removeprefix("file-")
        return next((str(one["path"]) for one in results.get("dropped", ()) if one.get("sha256") == digest), name)
    if name.endswith(".strace.gz"):
        return f"system calls of {name.removeprefix('trace-').removesuffix('.strace.gz')} (strace, gzip)"
    return "packets as they were sent (pcap)" if name in ("capture.pcap", "pcap") else name


@read("packages:read")
async def events(request: web.Request) -> web.Response:
    """Everything that was told while it ran, by phase and kind."""
    kept, results = await _kept(request)
    phases, kind, text = results.get("phases") or [], asked(request, "kind", 40), asked(request, "q", 200)
    base, phase = observed.begin(phases), asked(request, "phase", 20)
    many = (
        one
        for one in observed.moments([one for one in phases if not phase or one.get("name") == phase], base)
        if (not kind or one.kind == kind) and text.casefold() in one.words.casefold()
    )
    return _long(request, kept, "events", many, {"kind": kind, "phase": phase, "q": text}, kinds=KINDS)


@read("packages:read")
async def files(request: web.Request) -> web.Response:
    """Every path that was used, by phase and what was done."""
    kept, results = await _kept(request)
    phase, did, text = asked(request, "phase", 20), asked(request, "did", 10), asked(request, "q", 200)
    phases = [one for one in results.get("phases") or [] if not phase or one.get("name") == phase]
    many = observed.uses(phases, did if did in DID else "", text)
    return _long(request, kept, "files", many, {"did": did, "phase": phase, "q": text}, did=DID)


def _long(
    request: web.Request, kept: Kept, name: str, many: Iterator[Any], filters: Mapping[str, str], **more: Any
) -> web.Response:
    """One page of a long list."""
    start = asked(request, "skip", 6)
    skip = min(int(start), _FAR) if re.fullmatch(r"\d{1,6}", start, re.ASCII) else 0
    shown = list(islice(many, skip, skip + SHOWN + 1))
    values = {
        "here": "packages",
        "twin": f"/reports/sha256/{kept.digest.hex()}.json",
        "kept": kept,
        "which": name,
        "rows": shown[:SHOWN],
        "filters": filters,
        "skip": skip,
        "next": skip + SHOWN if len(shown) > SHOWN else None,
        **more,
    }
    return page(request, "packages_observed.html", values)


async def _kept(request: web.Request) -> tuple[Kept, Mapping[str, Any]]:
    text, db = request.match_info["id"], request.app[SERVICES].db
    kept = await reports.get(db, int(text)) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None
    if kept is None or kept.document is None or (kept.realm and kept.realm != identity(request).owner):
        raise ReportNotFound("There is no report with this number.")
    results: Mapping[str, Any] = json.loads(kept.document)["analysis_results"]
    return kept, results
