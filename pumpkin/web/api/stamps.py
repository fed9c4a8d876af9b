"""The log as its page shows it, and single stamps with what their tokens say: `/api/v1/log`, `/api/v1/stamps/<id>`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from aiohttp import web

from pumpkin.errors import NotFound
from pumpkin.evidence import certificates, tsp
from pumpkin.model.proofs import Stamp, Verdict
from pumpkin.model.wire import rfc3339
from pumpkin.store import cosignatures, faults, overview, proofs, renewals
from pumpkin.web.api.checks import only, whole
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.services import SERVICES

ROWS = 25
NUMBER_MOST = 2**62
PARTS: Mapping[str, tuple[str, str]] = {
    "response": ("application/timestamp-reply", "tsr"),
    "query": ("application/timestamp-query", "tsq"),
    "token": ("application/vnd.etsi.timestamp-token", "der"),
    "chain": ("application/pem-certificate-chain", "pem"),
}
"""What of a stamp can be had: its media type, and how its file's name ends."""


async def log(request: web.Request) -> web.Response:
    """`GET /api/v1/log`: how far log and authorities are, the newest checkpoints and stamps, renewals, witnesses,
    faults; older ones by `checkpoints_before` (a size) and `stamps_before` (an id)."""
    require(request, "checks:read")
    services, query = request.app[SERVICES], request.query
    db = services.db
    only(query, "checkpoints_before", "stamps_before")
    sizes = whole(query, "checkpoints_before", NUMBER_MOST, least=0, most=NUMBER_MOST)
    ids = whole(query, "stamps_before", NUMBER_MOST, least=0, most=NUMBER_MOST)
    heads = await overview.heads(db)
    points = await overview.newest_checkpoints(db, ROWS + 1, sizes)
    stamps = await overview.newest_stamps(db, ROWS + 1, ids)
    shown = {
        "stored": heads.stored,
        "sealed": heads.sealed,
        "sealed_at": None if heads.sealed_at is None else rfc3339(heads.sealed_at),
        "checkpoints": [_point(one) for one in points[:ROWS]],
        "older_checkpoints": points[ROWS - 1]["size"] if len(points) > ROWS else None,
        "stamps": [_line(one) for one in stamps[:ROWS]],
        "older_stamps": stamps[ROWS - 1]["id"] if len(stamps) > ROWS else None,
        "waits": [_wait(one) for one in await overview.stamp_waits(db, 120)],
        "renewals": [_timed(one) for one in await renewals.newest(db, 10)],
        "audit": services.audited().get("audited"),
        "witnesses": [
            {"witness": one.witness, "kind": one.kind, "size": one.size, "at": one.at}
            for one in await cosignatures.newest(db)
        ],
        "faults": [one.as_json() for one in await faults.unsettled(db, 50)],
        "authorities": services.authorities(),
        "stamping": services.stamping(),
    }
    return success(request, shown)


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/stamps/<id>`: one stamp, what its token says, and how it is judged against its own chain's top."""
    require(request, "checks:read")
    stamp = await found(request)
    told = await asyncio.to_thread(judged, stamp)
    newer = await renewals.brief(request.app[SERVICES].db, [stamp.id])
    return success(request, {**shape(stamp, told), "renewals": [_timed(one) for one in newer]})


async def part(request: web.Request) -> web.Response:
    """`GET /api/v1/stamps/<id>/<part>`: `response`, `query` and `token` in DER, its `chain` of certificates in PEM."""
    require(request, "checks:read")
    name = request.match_info["part"]
    if name not in PARTS:
        raise NotFound(f"A stamp has {', '.join(PARTS)}.")
    stamp = await found(request)
    media, ending = PARTS[name]
    content = {
        "response": lambda: stamp.response,
        "query": lambda: stamp.query,
        "token": lambda: tsp.token_of(stamp.response),
        "chain": lambda: b"".join(_pem(der) for der in stamp.chain),
    }[name]()
    headers = {"Content-Disposition": f'attachment; filename="stamp-{stamp.id}.{ending}"'}
    return web.Response(body=content, content_type=media, headers=headers)


async def found(request: web.Request) -> Stamp:
    """The stamp the address names; NotFound."""
    text = request.match_info["id"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    stamp = await proofs.stamp(request.app[SERVICES].db, number)
    if stamp is None:
        raise NotFound("There is no stamp of this number.")
    return stamp


def judged(stamp: Stamp) -> Verdict:
    """The verdict over its token by the root it was taken in with; whether to trust that is another question."""
    return tsp.verify(
        stamp.response, roots=stamp.chain[-1:], data=stamp.anchor, query=stamp.query, untrusted=stamp.chain
    )


def shape(stamp: Stamp, told: Verdict) -> dict[str, Any]:
    """A stamp with what its token says."""
    return {
        "id": stamp.id,
        "authority": stamp.authority,
        "start": stamp.start,
        "size": stamp.size,
        "gen_time": rfc3339(stamp.gen_time),
        "accuracy_s": stamp.accuracy / 1e6,
        "self_asserted": stamp.self_asserted,
        "anchor": stamp.anchor.hex(),
        "verdict": {"ok": told.ok, "code": told.code, "detail": told.detail, "warnings": list(told.warnings)},
        "serial": None if told.serial is None else f"{told.serial:x}",
        "policy": told.policy,
        "tsa": told.tsa,
        "chain": [
            {
                "subject": one.name(),
                "not_before": rfc3339(one.not_before),
                "not_after": rfc3339(one.not_after),
                "sha256": sha256(one.der).hexdigest(),
            }
            for one in certificates.read_all(stamp.chain)
        ],
    }


def _pem(der: bytes) -> bytes:
    lines = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"-----END CERTIFICATE-----\n"


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "size": row["size"],
        "start": row["start"],
        "root": bytes(row["root"]).hex(),
        "sealed": rfc3339(row["sealed"]),
        "authorities": list(row["authorities"]),
    }


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "authority": row["authority"],
        "start": row["start"],
        "size": row["size"],
        "gen_time": rfc3339(row["gen_time"]),
        "sealed": rfc3339(row["sealed"]),
        "accuracy_s": row["accuracy"] / 1e6,
        "self_asserted": row["self_asserted"],
    }


def _wait(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "authority": row["authority"],
        "gen_time": rfc3339(row["gen_time"]),
        "records": row["records"],
        "waited_s": row["waited"] / 1e6,
    }


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: rfc3339(row[name]) for name in ("gen_time", "good_until") if row.get(name) is not None}
    return {**row, **times}
