"""The log and those who vouch for its times: checkpoints, stamps, authorities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from pumpkin.errors import NotFound
from pumpkin.store import audit, cosignatures, faults, overview, renewals
from pumpkin.web.guard import identity
from pumpkin.web.pages.overview import authorities, only_local
from pumpkin.web.pages.plots import waits
from pumpkin.web.pages.render import act, page, read
from pumpkin.web.pages.text import bare, duration, rfc3339
from pumpkin.web.services import SERVICES

ROWS = 25


def setup(app: web.Application) -> None:
    """Register `/proofs`."""
    app.router.add_get("/proofs", show)
    app.router.add_post("/proofs/faults/{n:[0-9]{1,17}}/settle", settle)


@read("checks:read", shared=True)
async def show(request: web.Request) -> web.Response:
    """The log now, each authority's place in it, and both histories by keyset."""
    services, query = request.app[SERVICES], request.query
    db = services.db
    heads = await overview.heads(db)
    checkpoints = await overview.newest_checkpoints(db, ROWS + 1, _number(query.get("checkpoints_before")))
    stamps = await overview.newest_stamps(db, ROWS + 1, _number(query.get("stamps_before")))
    waited = await overview.stamp_waits(db, 120)
    asked = {
        name: query[name] for name in ("checkpoints_before", "stamps_before") if _number(query.get(name)) is not None
    }
    values = {
        "waits": _waits(waited),
        "median_wait_s": _median([row["waited"] / 1e6 for row in waited]),
        "renewals": await renewals.newest(db, 10),
        "audit": services.audited().get("audited"),
        "here": "proofs",
        "twin": "/api/v1/log" + (f"?{urlencode(asked)}" if asked else ""),
        "heads": heads,
        "faults": await faults.unsettled(db, 50),
        "witnesses": await cosignatures.newest(db),
        "authorities": authorities(services, heads),
        "only_local": only_local(services, heads),
        "stamping": services.stamping(),
        "checkpoints": checkpoints[:ROWS],
        "older_checkpoints": checkpoints[ROWS - 1]["size"] if len(checkpoints) > ROWS else None,
        "stamps": stamps[:ROWS],
        "older_stamps": stamps[ROWS - 1]["id"] if len(stamps) > ROWS else None,
        "first": not query,
        "log_key": services.log_key_text,
        "local": bool(services.tsa_root_pem),
    }
    return page(request, "proofs.html", values)


def _waits(rows: Sequence[Mapping[str, Any]]) -> Markup | None:
    """How long the first record of each stamp waited, as dots over powers of ten."""
    if not rows:
        return None
    told = [
        (
            max(0.0, row["waited"] / 1e6),
            _said(row),
        )
        for row in rows
    ]
    worst = duration(max(value for value, _ in told))
    title = f"Time to proof of the last {len(told)} stamps: at most {worst} from receipt to the authority's time."
    return waits(told, title=title)


def _said(row: Mapping[str, Any]) -> str:
    told = f"{rfc3339(row['gen_time'])[:19]} UTC, {bare(row['authority'], 40)}: {duration(row['waited'] / 1e6)}"
    return f"{told} for {row['records']:,} records"


def _median(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


async def settle(request: web.Request) -> web.Response:
    """Say that a fault of the log was looked into."""
    await act(request, "admin")
    db, number = request.app[SERVICES].db, request.match_info["n"]
    if not any(str(one.n) == number for one in await faults.after(db, int(number) - 1, 1)):
        raise NotFound("There is no fault of this number.")
    if await faults.settle(db, int(number)):
        await audit.add(db, who=identity(request).name, act="log.settled", object=f"fault:{number}")
    raise web.HTTPSeeOther("/proofs")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None
