"""`POST /api/v1/analyze/`: a package handed in, decided in one statement: cached, already under way, or new."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from pumpkin.errors import InvalidRequest, KeyReused, PumpkinError, RateLimited, WebhookRefused
from pumpkin.model import manifests, wire
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Decided, Decision, Submission
from pumpkin.store import tasks
from pumpkin.store.rates import allowance
from pumpkin.web.api.analysis import wishes
from pumpkin.web.api.analysis.metering import meter, tell
from pumpkin.web.api.analysis.shapes import report_metadata, urls
from pumpkin.web.api.analysis.wishes import Manner, Wish
from pumpkin.web.envelope import REQUEST_ID, plain, success
from pumpkin.web.guard import Identity, require
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES, Packages

BATCH_LIMIT = 1_000
BATCH_BODY = 8 * 1024 * 1024
AT_ONCE = 16
WAITING_RETRY_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the data, and whether its keys stand at the top level too (both dialects read a cache hit so)."""

    status: int
    data: dict[str, Any]
    bare: bool = False


async def create(request: web.Request) -> web.Response:
    """`POST /api/v1/analyze/`: a package by its purl. An equal one is never analysed twice at once."""
    asker = require(request, "packages:write")
    key, digest = None, b""
    try:
        given = wire.parse_json(await body(request, SMALL_BODY), limit=SMALL_BODY)
        key = wishes.idempotency_key(request.headers)
        digest = wishes.body_digest(given) if key else b""
        wanted = wishes.wish(given.get("purl"), Manner.of(given))
        await _welcome(request, wanted.webhook)
    except PumpkinError:
        await meter(request, asker)
        await _earlier(request, asker, key, digest)  # a key that is known comes first, whatever this body is
        raise
    return answered(request, await decide(request, asker, wanted, key, digest or None))


async def decide(
    request: web.Request, asker: Identity, wanted: Wish, key: str | None = None, digest: bytes | None = None
) -> Answer:
    """Count the request, resolve the version where none is given, and decide. Typed errors of limits and registries."""
    services = request.app[SERVICES].packages
    counted = wanted.purl.version is None
    if counted:
        await meter(request, asker)
        if purl := await _earlier(request, asker, key, digest):
            wanted = replace(wanted, purl=purl)
    submission = await _submission(services, asker, wanted, None if counted else asker.rate, key, digest)
    decided = await services.submit(submission)
    if not counted:
        _tell(request, decided, asker)
    return shape(request, services, decided)


async def _welcome(request: web.Request, url: str | None) -> None:
    """WebhookRefused for an address that would never be told."""
    if url and not await request.app[SERVICES].packages.welcome(url):
        raise WebhookRefused(fields={"body.webhook_url": "neither public HTTPS nor configured"})


async def _earlier(request: web.Request, asker: Identity, key: str | None, digest: bytes | None) -> Purl | None:
    """What the first request with this key came to, so that its replay asks no registry; None for a key that is free.
    KeyReused where that request had another body."""
    known = await tasks.keyed(request.app[SERVICES].db, asker.owner, key) if key else None
    if known is None:
        return None
    if known[0] != digest:
        raise KeyReused
    return Purl.parse(known[1]) if known[1] else None


def answered(request: web.Request, answer: Answer) -> web.Response:
    """In the envelope, and where both dialects have none, with the same keys beside it."""
    body = {"success": True, "data": answer.data, "request_id": request[REQUEST_ID]}
    return plain({**answer.data, **body} if answer.bare else body, answer.status)


async def batch(request: web.Request) -> web.Response:
    """`POST /api/v1/analyze/batch/`: many at once: `purls`, or a `manifest` with `name` and `content`
    (requirements.txt, package-lock.json, uv.lock, CycloneDX or SPDX in JSON). Each counts as one request."""
    asker = require(request, "packages:write")
    try:
        given = wire.parse_json(await body(request, BATCH_BODY), limit=BATCH_BODY)
        manner = Manner.of(given)
        await _welcome(request, manner.webhook)
        texts, skipped = _asked(given)
    except PumpkinError:
        await meter(request, asker)
        raise
    services = request.app[SERVICES].packages
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(text: Any) -> dict[str, Any]:
        async with turns:
            try:
                wanted = wishes.wish(text, manner)
                decided = await services.submit(await _submission(services, asker, wanted, asker.rate, None, None))
                _tell(request, decided, asker)
                answer = shape(request, services, decided)
            except PumpkinError as error:
                return {"purl": str(text)[:500], "code": error.code, "message": error.message}
        return {"purl": text, **answer.data}

    items = await asyncio.gather(*map(one, texts))
    refused = sum("code" in item for item in items)
    return success(request, {"items": items, "accepted": len(items) - refused, "refused": refused, "skipped": skipped})


def _asked(given: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """The purls of a batch, and what a manifest names that is no package of a registry."""
    purls, manifest = given.get("purls"), given.get("manifest")
    skipped: list[str] = []
    if isinstance(manifest, dict) and purls is None:
        name, content = manifest.get("name"), manifest.get("content")
        if not isinstance(name, str) or not isinstance(content, str):
            raise InvalidRequest(
                "manifest has name and content, both text.", fields={"body.manifest": "not a manifest"}
            )
        found = manifests.read(name, content)
        purls, skipped = list(found.purls), list(found.skipped)
    if not isinstance(purls, list) or not 0 < len(purls) <= BATCH_LIMIT:
        raise InvalidRequest(f"purls is a list of 1 to {BATCH_LIMIT} purls.", fields={"body.purls": "not such a list"})
    return purls, skipped


async def _submission(
    services: Packages, asker: Identity, wanted: Wish, limit: int | None, key: str | None, digest: bytes | None
) -> Submission:
    """With the version resolved where none was given (typed errors of registries)."""
    purl, flagged = wanted.purl, ""
    if purl.version is None:
        release = await services.resolve(purl)
        purl = release.purl
        flagged = "the version was resolved from what the registry said before; it did not answer" * release.stale
    else:
        purl = await services.spelled(purl)
    purl = purl.selected()
    return Submission(
        owner=asker.owner,
        asked=wanted.asked,
        purl=purl.canonical,
        ecosystem=purl.type,
        name=purl.full_name,
        version=purl.version or "",
        tools=",".join(wanted.tools or services.tools()),
        priority=wanted.priority,
        forced=wanted.forced,
        flagged=flagged,
        webhook=wanted.webhook,
        realm=asker.owner if purl.type in services.private else "",
        timeout_s=services.timeout_s,
        limit=limit,
        cap=services.cap,
        key=key,
        body=digest,
    )


def _tell(request: web.Request, decided: Decided, asker: Identity) -> None:
    passed = decided.decision is not Decision.LIMITED
    tell(request, allowance(passed, asker.rate, decided.remaining or 0, decided.freed or 0, decided.clock or 0))


def shape(request: web.Request, services: Packages, decided: Decided) -> Answer:
    """The answer to what was decided; KeyReused and RateLimited where nothing was taken."""
    if decided.decision is Decision.REUSED:
        raise KeyReused
    if decided.decision is Decision.FULL:
        raise RateLimited(f"{services.cap} of your packages wait already", retry_after=WAITING_RETRY_S)
    if decided.decision is Decision.LIMITED:
        raise RateLimited
    status_url, report_url = urls(request, decided)
    data: dict[str, Any] = {"task_id": decided.id, "status": decided.state}
    if decided.decision in (Decision.NEW, Decision.HANDED):
        place = decided.place or 1  # one that is handed over at once waits for nothing
        data |= {
            "status": "queued",
            "queue_position": place,
            "status_url": status_url,
            "result_url": report_url,
            "message": f"Analysis queued at position {place}",
            "uuid": str(decided.uuid),
        }
        return Answer(202, data)
    data |= {
        "status_url": status_url,
        "result_url": report_url,
        "queue_position": decided.place,
        "uuid": str(decided.uuid),
    }
    replayed = decided.decision is Decision.REPLAYED
    if decided.state == "completed":
        data["download_url"] = report_url
        data["report_metadata"] = report_metadata(decided, report_url)
        data["message"] = "Analysis already exists (cached result)"
        if decided.id is not None and not replayed:
            services.freshen(decided.id)
    else:
        data["message"] = "Analysis already queued"
    if replayed:
        data["message"] = "Idempotent replay"
    return Answer(200, data, bare=decided.state == "completed")


__all__ = ["BATCH_LIMIT", "Answer", "answered", "batch", "create", "decide", "shape"]
