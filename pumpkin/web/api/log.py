"""The append-only log: `/log/*` as C2SP tlog-tiles for monitors and witnesses, and its proofs in JSON.

Only what a checkpoint covers is served; a full tile never changes, so it may be kept for ever.
"""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from pumpkin.errors import InvalidRequest, NotFound, NotSealed
from pumpkin.evidence import tiles, witness
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import audit, checks, cosignatures, faults, proofs
from pumpkin.store.database import Database
from pumpkin.tree import Tree
from pumpkin.web.api.checks import whole
from pumpkin.web.envelope import success
from pumpkin.web.guard import require, require_csrf
from pumpkin.web.scandale import uuid_of
from pumpkin.web.services import SERVICES

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
FOR_NOW = {"Cache-Control": "no-cache"}
SIZE_MOST = 2**53


async def checkpoint(request: web.Request) -> web.Response:
    """`GET /log/checkpoint`: the newest signed note, with the witnesses' signatures that there are."""
    return await _note(request, await _latest(request), FOR_NOW)


async def cosigned(request: web.Request) -> web.Response:
    """`GET /log/cosigned`: the newest note that a witness has signed too."""
    signed = [one.size for one in await cosignatures.newest(request.app[SERVICES].db) if one.size is not None]
    found = await proofs.checkpoint(request.app[SERVICES].db, max(signed)) if signed else None
    if found is None:
        raise NotFound("No witness has signed a checkpoint yet.")
    return await _note(request, found, FOR_NOW)


async def witnesses(request: web.Request) -> web.Response:
    """`GET /api/v1/log/witnesses`: who cosigns, by which key, and the newest checkpoint each has signed."""
    require(request, "checks:read")
    found = await cosignatures.newest(request.app[SERVICES].db)
    return success(request, {"items": [asdict(one) for one in found]})


async def log_faults(request: web.Request) -> web.Response:
    """`GET /api/v1/log/faults`: what audits, probes and witnesses found wrong and nobody has settled."""
    require(request, "checks:read")
    return success(request, {"items": [one.as_json() for one in await faults.unsettled(request.app[SERVICES].db)]})


async def settle(request: web.Request) -> web.Response:
    """`POST /api/v1/log/faults/{n}/settle`: say that a fault has been looked into; the act is logged."""
    asker = require(request, "admin")
    require_csrf(request, None)
    text = request.match_info["n"]
    db = request.app[SERVICES].db
    done = await faults.settle(db, int(text)) if text.isascii() and text.isdigit() and len(text) < 18 else 0
    if not done:
        raise NotFound("There is no such fault, or it is settled.")
    await audit.add(db, who=asker.name, act="log.settled", object=f"fault:{text}")
    return success(request, {"settled": done})


async def checkpoint_of(request: web.Request) -> web.Response:
    """`GET /log/checkpoints/<size>`: the signed note of that size; there is one for every batch ever sealed."""
    text = request.match_info["size"]
    found = None
    if text.isascii() and text.isdigit() and len(text) < 16:
        found = await proofs.checkpoint(request.app[SERVICES].db, int(text))
    if found is None:
        raise NotFound("There is no checkpoint of this size.")
    return await _note(request, found, FOR_NOW)  # signatures may be added to it


async def _note(request: web.Request, found: Checkpoint, headers: dict[str, str]) -> web.Response:
    lines = [one.line for one in await cosignatures.of(request.app[SERVICES].db, [found.size]) if one.line]
    text = witness.with_lines(found.note, lines)
    return web.Response(text=text, content_type="text/plain", charset="utf-8", headers=headers)


async def tile(request: web.Request) -> web.Response:
    """`GET /log/tile/<L>/<N>[.p/<W>]`: hashes of 32 bytes; `/log/tile/entries/<N>[.p/<W>]`: the records."""
    level_text = request.match_info["level"]
    try:
        n, width = tiles.parse_tile(request.match_info["n"])
        level = 0 if level_text == "entries" else _level(level_text)
    except ValueError:
        raise NotFound("There is no such tile.") from None
    db = request.app[SERVICES].db
    sealed = (await _latest(request)).size >> 8 * level
    start = n * tiles.WIDTH
    if start + width > sealed:
        raise NotFound("The log does not reach so far yet.")
    if level_text == "entries":
        content = tiles.entry_bundle(await checks.records(db, start, start + width))
    else:
        content = (await _read(db, level, n, start + width))[: width * 32]
    return web.Response(body=content, content_type="application/octet-stream", headers=FOR_EVER)


def _level(text: str) -> int:
    if len(text) > 1 or not text.isascii() or not text.isdigit() or int(text) > tiles.MAX_LEVEL:
        raise ValueError("not a level")
    return int(text)


async def _read(db: Database, level: int, n: int, stop: int) -> bytes:
    """The hashes of a tile; on level 0 those of the leaves up to `stop`."""
    if level == 0:
        start = n * tiles.WIDTH
        found = await checks.leaves(db, start, min(start + tiles.WIDTH, stop))
        return b"".join(leaf for leaf, _ in found)
    return await proofs.tile(db, level, n) or b""


async def key(request: web.Request) -> web.Response:
    """`GET /api/v1/log/key`: the verifier key of the log."""
    text = request.app[SERVICES].log_key_text
    return success(request, {"key": text, "origin": text.partition("+")[0]})


async def inclusion(request: web.Request) -> web.Response:
    """`GET /api/v1/log/inclusion?id=&size=`: the path from a check's leaf to the root of a checkpoint's tree."""
    require(request, "checks:read")
    db = request.app[SERVICES].db
    check = await checks.get(db, uuid_of(request.query.get("id", ""), "query.id"))
    if check is None:
        raise NotFound("There is no check with this id.")
    latest = await _latest(request)
    size = whole(request.query, "size", latest.size, least=1, most=SIZE_MOST)
    if check.seq >= size or size > latest.size:
        raise NotSealed("The tree of this size does not hold this check.")
    nodes = await Tree(db).inclusion(check.seq, size)
    return success(
        request,
        {
            "id": str(check.id),
            "index": check.seq,
            "size": size,
            "leaf_hash": check.leaf_hash.hex(),
            "path": [node.hex() for node in nodes],
        },
    )


async def consistency(request: web.Request) -> web.Response:
    """`GET /api/v1/log/consistency?from=&to=`: the proof that the smaller tree is the beginning of the larger."""
    latest = await _latest(request)
    new = whole(request.query, "to", latest.size, least=0, most=SIZE_MOST)
    old = whole(request.query, "from", 0, least=0, most=SIZE_MOST)
    if new > latest.size:
        raise NotFound("The log does not reach so far yet.")
    if old > new:
        raise InvalidRequest("from is greater than to.", fields={"query.from": "greater than to"})
    path = await Tree(request.app[SERVICES].db).consistency(old, new)
    return success(request, {"from": old, "to": new, "path": [node.hex() for node in path]})


async def _latest(request: web.Request) -> Checkpoint:
    found = await proofs.latest_checkpoint(request.app[SERVICES].db)
    if found is None:
        raise NotSealed("The log has no checkpoint yet.")
    return found
