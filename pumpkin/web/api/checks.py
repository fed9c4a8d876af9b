"""`/api/v1/checks`: checks in, alone or by the thousand, and out again with their proof.

contracts/checks-api.md. A write answers after the durable commit.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from pumpkin import prover
from pumpkin.errors import InvalidRequest, NotFound, PayloadTooLarge, PumpkinError
from pumpkin.model import wire
from pumpkin.model.checks import STATUSES, UNREAD, Check, Observation, Receipt
from pumpkin.model.comparison import compare
from pumpkin.store import checks, erasure, proofs, renewals, series
from pumpkin.web.envelope import success
from pumpkin.web.guard import Identity, require
from pumpkin.web.limits import BODY_LIMIT, body
from pumpkin.web.services import SERVICES, Services

LINES_LIMIT = 1_000
LIMIT_DEFAULT = 50
LIMIT_MOST = 1_000
SERIES_DEFAULT, SERIES_MOST = 60, 500
_ENDINGS = {
    **{"application/json": "json", "application/xml": "xml", "text/xml": "xml", "text/csv": "csv", "text/plain": "txt"},
    **{"text/html": "txt", "text/tab-separated-values": "tsv", "image/png": "png", "image/jpeg": "jpeg"},
    **{"image/gif": "gif", "image/webp": "webp", "image/svg+xml": "txt"},
}
_LABEL = re.compile(r"label\.[A-Za-z0-9_./-]{1,63}\Z")
_FILTERS = frozenset({"type", "agent", "target", "status", "since", "until", "q", "limit", "cursor"})


def agent_of(asker: Identity) -> str:
    """Under whose name an asker's checks stand: "key:<prefix>", "user:<name>", or an agent's bare JID."""
    return f"user:{asker.name}" if asker.kind in ("basic", "person") and "@" not in asker.name else asker.name


def urls(check_id: UUID) -> tuple[str, str]:
    """The address of a check and of its proof."""
    url = f"/api/v1/checks/{check_id}"
    return url, f"{url}/proof"


async def create(request: web.Request) -> web.Response:
    """`POST /api/v1/checks`: one JSON object, or many as `application/x-ndjson`."""
    asker = require(request, "checks:write")
    data = await body(request, BODY_LIMIT)
    services = request.app[SERVICES]
    if request.content_type in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        return success(request, await _create_many(services, data, agent_of(asker)))
    observation = wire.from_agent(wire.parse_json(data), agent=agent_of(asker))
    receipt = await services.receive(observation)
    return success(request, receipt_json(receipt), 200 if receipt.known else 201)


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the contract says it."""
    url, proof_url = urls(receipt.id)
    return {"id": str(receipt.id), "seq": receipt.seq, "state": "stored", "url": url, "proof_url": proof_url}


async def _create_many(services: Services, data: bytes, agent: str) -> dict[str, Any]:
    """Each line on its own: what fits is stored in one go, what does not is answered by its line (from 1)."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    if len(lines) > LINES_LIMIT:
        raise PayloadTooLarge(f"A batch has at most {LINES_LIMIT} lines.")
    now = time.time_ns() // 1_000
    taken: list[tuple[int, Observation]] = []
    refused: list[tuple[int, PumpkinError]] = []
    for number, line in lines:
        try:
            taken.append((number, wire.from_agent(wire.parse_json(line), agent=agent, now=now)))
        except PumpkinError as error:
            refused.append((number, error))
    answers = await services.receive_many([observation for _, observation in taken]) if taken else ()
    known = accepted = 0
    for (number, _), answer in zip(taken, answers, strict=True):
        if isinstance(answer, PumpkinError):
            refused.append((number, answer))
        elif answer.known:
            known += 1
        else:
            accepted += 1
    if taken and len(refused) == len(lines) and all(error.status == 503 for _, error in refused):
        raise refused[0][1]
    refused.sort(key=lambda item: item[0])
    told = [{"line": number, "code": error.code, "message": error.message} for number, error in refused]
    return {"accepted": accepted, "known": known, "refused": told}


async def index(request: web.Request) -> web.Response:
    """`GET /api/v1/checks`: newest first, filtered, by cursor."""
    require(request, "checks:read")
    services = request.app[SERVICES]
    query = request.query
    unknown = [name for name in query if name not in _FILTERS and not _LABEL.match(name)]
    if unknown:
        raise InvalidRequest("A parameter is not known here.", fields={name[:100]: "not known" for name in unknown})
    labels = {name.removeprefix("label."): value for name, value in query.items() if name.startswith("label.")}
    status = query.get("status") or None
    if status is not None and status not in STATUSES:
        raise InvalidRequest("status is not one of ok, warning, critical, unknown.", fields={"status": "not known"})
    found, following = await checks.page(
        services.db,
        type=text_or_none(query, "type"),
        agent=text_or_none(query, "agent"),
        target=text_or_none(query, "target"),
        status=status,
        since=moment(query, "since"),
        until=moment(query, "until"),
        q=text_or_none(query, "q"),
        labels=labels,
        limit=whole(query, "limit", LIMIT_DEFAULT, least=1, most=LIMIT_MOST),
        cursor=text_or_none(query, "cursor"),
    )
    return success(request, {"items": [summary(check) for check in found], "next": following})


async def show(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>`: the check with its record and how far it is proven."""
    require(request, "checks:read")
    services = request.app[SERVICES]
    check = await found_check(request)
    shown = {**summary(check), **_content(check), **await provenness(services, check)}
    if check.payload is None and (gone := await erasure.of(services.db, check.id)) is not None:
        shown["erased"] = {"at": wire.rfc3339(gone.at), "who": gone.who, "reason": gone.reason}
    return success(request, shown)


async def payload(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>/payload`: the very bytes, never as a type or under an ending that is run."""
    require(request, "checks:read")
    check = await found_check(request)
    if check.payload is None:
        raise NotFound("The payload was erased; its record and proof stand.")
    ending = _ENDINGS.get(check.media.partition(";")[0].strip().casefold(), "bin") if check.wire is None else "bin"
    headers = {"Content-Disposition": f'attachment; filename="{check.id}.{ending}"'}
    return web.Response(body=check.payload, content_type="application/octet-stream", headers=headers)


async def proof(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>/proof`: inclusion path, stamps and verdict."""
    require(request, "checks:read")
    return success(request, await request.app[SERVICES].proof(check_id(request)))


async def difference(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>/difference`: this payload against the one before of the same probe, type and target."""
    require(request, "checks:read")
    db, check = request.app[SERVICES].db, await found_check(request)
    past = await series.before(db, check, 2)
    old = await checks.get(db, past[1].id) if len(past) > 1 else None
    if old is None:
        raise NotFound("There is no earlier result of this probe about this target.")
    texts = [(one.payload or b"").decode("utf-8", "replace") for one in (old, check)]
    lines = await asyncio.to_thread(compare, *texts)
    shown = [{"kind": one.kind, "text": one.text} for one in lines]
    return success(request, {"from": summary(old), "to": summary(check), "lines": shown})


async def series_of(request: web.Request) -> web.Response:
    """`GET /api/v1/checks/<id>/series`: the numbers of this result and those before of the same probe, type and target,
    newest first; `field` for one of them, `limit`."""
    require(request, "checks:read")
    only(request.query, "field", "limit")
    db, check = request.app[SERVICES].db, await found_check(request)
    limit = whole(request.query, "limit", SERIES_DEFAULT, least=1, most=SERIES_MOST)
    past, field = await series.before(db, check, limit), text_or_none(request.query, "field")
    points = [
        {
            "check": str(one.id),
            "seq": one.seq,
            "observed": wire.rfc3339(one.observed),
            "status": one.status,
            "numbers": {name: value for name, value in one.numbers.items() if field in (None, name)},
        }
        for one in past
    ]
    return success(request, {"fields": list(past[0].numbers) if past else [], "points": points})


async def found_check(request: web.Request) -> Check:
    """The check the address names; NotFound for an unknown one and for what is no UUID."""
    check = await checks.get(request.app[SERVICES].db, check_id(request))
    if check is None:
        raise NotFound("There is no check with this id.")
    return check


def check_id(request: web.Request) -> UUID:
    """The UUID in the address; NotFound for anything else."""
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("There is no check with this id.") from None


def summary(check: Check) -> dict[str, Any]:
    """A check as lists show it."""
    return {
        "id": str(check.id),
        "seq": check.seq,
        "kind": check.kind,
        "type": check.type,
        "format": check.format,
        "agent": check.agent,
        "target": check.target,
        "status": check.status,
        "observed": wire.rfc3339(check.observed),
        "received": wire.rfc3339(check.received),
        "labels": check.detail.get("labels", {}),
        "size": check.size,
        "encrypted": check.encrypted,
        "signed": check.signature is not None,
    }


def _content(check: Check) -> dict[str, Any]:
    shown: dict[str, Any] = {"media": check.media, "size": check.size, "erased": check.payload is None}
    if check.payload is not None:
        try:
            shown["text"] = check.payload.decode()
        except UnicodeDecodeError:
            shown["base64"] = base64.b64encode(check.payload).decode()
    detail = {key: value for key, value in check.detail.items() if key in ("source", "site", "run", "result", UNREAD)}
    return {"payload": shown, "record": check.record.decode(), **detail}


async def provenness(services: Services, check: Check) -> dict[str, Any]:
    """How far a check is proven: its state, its stamps, and the bounds they give its existence."""
    stamps = await proofs.stamps_for(services.db, check.seq)
    sealed = stamps or await proofs.checkpoint_covering(services.db, check.seq)
    shown = [
        {
            "authority": stamp.authority,
            "gen_time": wire.rfc3339(stamp.gen_time),
            "accuracy_s": stamp.accuracy / 1e6,
            "self_asserted": stamp.self_asserted,
        }
        for stamp in stamps
    ]
    newer = await renewals.brief(services.db, [stamp.id for stamp in stamps])
    quorum = services.stamping().get("quorum", 1)
    latest = prover.stamped_by(stamps, quorum)
    done = "renewed" if newer else "stamped"
    lower = await prover.not_before(services.db, check.after)
    return {
        "state": "sealed" if latest is None and sealed else "stored" if latest is None else done,
        "stamps": shown,
        "renewals": [
            {
                "kind": one["kind"],
                "digest": one["digest"],
                "authority": one["authority"],
                "gen_time": wire.rfc3339(one["gen_time"]),
                "self_asserted": one["self_asserted"],
            }
            for one in newer
        ],
        "quorum": quorum,
        "not_before": None if lower is None else wire.rfc3339(lower),
        "not_after": None if latest is None else wire.rfc3339(latest),
    }


def text_or_none(query: Mapping[str, str], name: str, limit: int = 2_000) -> str | None:
    """A parameter's text; None where it is absent or empty; InvalidRequest for what no stored text can be."""
    value = query.get(name)
    if not value:
        return None
    if len(value) > limit or "\x00" in value or (not value.isascii() and not _encodable(value)):
        raise InvalidRequest(f"{name} is too long or no text.", fields={f"query.{name}": "too long or no text"})
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def choice(query: Mapping[str, str], name: str, among: Iterable[str]) -> str | None:
    """A parameter that is one of a few words; None where it is absent or empty, InvalidRequest naming the words."""
    value, words = query.get(name) or None, tuple(among)
    if value is not None and value not in words:
        raise InvalidRequest(f"{name} is not one of {', '.join(words)}.", fields={f"query.{name}": "not known"})
    return value


def only(query: Mapping[str, str], *names: str) -> None:
    """InvalidRequest for a parameter this address does not know: a misspelt filter would answer with everything."""
    unknown = [name for name in query if name not in names]
    if unknown:
        raise InvalidRequest("A parameter is not known here.", fields={name[:100]: "not known" for name in unknown})


def whole(query: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """An integer parameter within bounds; InvalidRequest otherwise."""
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII):
        raise InvalidRequest(f"{name} is not an integer.", fields={f"query.{name}": "not an integer"})
    value = int(text)
    if not least <= value <= most:
        raise InvalidRequest(f"{name} is not from {least} to {most}.", fields={f"query.{name}": f"{least} to {most}"})
    return value


def moment(query: Mapping[str, str], name: str) -> int | None:
    """A time parameter (seconds or RFC 3339) in microseconds; None where it is absent."""
    text = query.get(name)
    if not text:
        return None
    try:
        return wire.microseconds(json.loads(text) if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text) else text)
    except ValueError as error:
        raise InvalidRequest(f"{name}: {error}", fields={f"query.{name}": str(error)}) from None
