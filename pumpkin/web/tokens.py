"""SCANDALE's `/TimeStampTokens/`: tokens in (verified before they are kept) and out, as JSON and as real DER.

A check has a token of its own (over its payload) or shares its batch's; both are answered for, and a shared one says
where the whole evidence lies.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import binascii
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import web

from pumpkin.errors import Conflict, InvalidRequest, NotFound, PumpkinError, Unavailable
from pumpkin.evidence import checkpoint, groups, merkle, record, tsp
from pumpkin.model import wire
from pumpkin.model.checks import Check
from pumpkin.model.proofs import Verdict
from pumpkin.store import checks, proofs
from pumpkin.web.envelope import plain
from pumpkin.web.guard import require, require_reading
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.scandale import ItemNotFound, page_of, uuid_of
from pumpkin.web.services import SERVICES, Services

_TST = rb"""['"]tst['"]\s*:\s*(?P<tst>b'(?:[^'\\\n]|\\[ -~])*'|b"(?:[^"\\\n]|\\[ -~])*")"""
_UUID = rb"""['"]scan_uuid['"]\s*:\s*['"](?P<uuid>[0-9A-Fa-f-]{32,36})['"]"""
_PYTHON_TEXTS = tuple(
    re.compile(rb"\s*\{\s*" + first + rb"\s*,\s*" + second + rb"\s*,?\s*\}\s*\Z")
    for first, second in ((_TST, _UUID), (_UUID, _TST))
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - SCANDALE's clients get a naive time in UTC


class TokenNotFound(NotFound):
    """TimeStampToken not found"""


class TokenExists(Conflict):
    """This check has a TimeStampToken already"""


class TokenRefused(PumpkinError):
    """The TimeStampToken does not prove this check"""

    status = 422
    code = "token_refused"


@dataclass(frozen=True, slots=True)
class Held:
    """A check's token as it is held: `response` whole or bare, `shared` when it is its batch's (over the anchor)."""

    response: bytes
    gen_time: int
    accuracy: int
    tsa: str
    shared: bool


async def create(request: web.Request) -> web.Response:
    """`POST /TimeStampTokens/`: SCANDALE's Python text, JSON with base64, or a raw reply with `?scan_uuid=`."""
    require(request, "checks:write")
    token, scan_uuid = parse(await body(request, SMALL_BODY), request.query.get("scan_uuid"))
    services = request.app[SERVICES]
    check = await checks.get(services.db, scan_uuid)
    if check is None:
        raise ItemNotFound
    if await proofs.token(services.db, check.id) is not None:
        raise TokenExists
    verdict = await _judge(services, token, check)
    if not verdict.ok:
        raise TokenRefused(f"The TimeStampToken does not prove this check: {verdict.code}.")
    row = proofs.Token(
        check_id=check.id,
        token=token,
        gen_time=verdict.gen_time or 0,
        accuracy=verdict.accuracy or 0,
        tsa=verdict.tsa or "",
        stored=time.time_ns() // 1_000,
    )
    if not await proofs.add_token(services.db, row):
        raise TokenExists
    return plain(_shape(token, check.id))


def parse(data: bytes, query_uuid: str | None) -> tuple[bytes, UUID]:
    """Token bytes and the check's uuid out of a body in one of the three forms; InvalidRequest for anything else.

    Python's text is matched against the one shape SCANDALE sends and only its byte string is read as a literal, so
    nothing nests and nothing else is evaluated.
    """
    if query_uuid is not None:
        return _token(data), uuid_of(query_uuid, "query.scan_uuid")
    match = next(filter(None, (text.match(data) for text in _PYTHON_TEXTS)), None)
    if match is not None:
        try:
            literal = ast.literal_eval(match["tst"].decode("ascii"))
        except (SyntaxError, ValueError):
            raise InvalidRequest("tst is no byte string.", fields={"body.tst": "not a byte string"}) from None
        return _token(literal), uuid_of(match["uuid"].decode("ascii"), "body.scan_uuid")
    fields = wire.parse_json(data, limit=SMALL_BODY)
    if set(fields) != {"tst", "scan_uuid"} or not all(isinstance(value, str) for value in fields.values()):
        raise InvalidRequest("The body has exactly tst and scan_uuid, both text.")
    try:
        token = base64.b64decode(fields["tst"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("tst is not base64.", fields={"body.tst": "not base64"}) from None
    return _token(token), uuid_of(fields["scan_uuid"], "body.scan_uuid")


def _token(data: bytes) -> bytes:
    try:
        tsp.token_of(data)
    except ValueError:
        raise InvalidRequest("tst is no RFC 3161 token.", fields={"body.tst": "not a token"}) from None
    return data


async def index(request: web.Request) -> web.Response:
    """`GET /TimeStampTokens/`: tokens of checks' own, in the order they were stored."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    found = await proofs.tokens(services.db, *page_of(request))
    return plain([_shape(one.token, one.check_id) for one in found])


async def show(request: web.Request) -> web.Response:
    """`GET /TimeStampTokens/<uuid>`: the token that proves a check, in JSON."""
    check, held = await _asked(request)
    return plain(_shape(held.response, check.id))


async def token(request: web.Request) -> web.Response:
    """`GET /TimeStampTokens/token/<uuid>`: the token in DER; `?form=reply` the whole response."""
    check, held = await _asked(request)
    reply = request.query.get("form") == "reply"
    headers = {"Content-Disposition": f'attachment; filename="{check.id}.{"tsr" if reply else "tst"}"'}
    if held.shared:
        headers["Link"] = f'</api/v1/checks/{check.id}/bundle>; rel="evidence"'
    if reply:
        content, kind = _reply(held.response), "application/timestamp-reply"
    else:
        content, kind = tsp.token_of(held.response), "application/vnd.etsi.timestamp-token"
    return web.Response(body=content, content_type=kind, headers=headers)


def _reply(response: bytes) -> bytes:
    """The response as it came, or a granted one made around a bare token (RFC 3161 section 2.4.2)."""
    inner = tsp.token_of(response)
    if inner != response:
        return response
    content = bytes.fromhex("3003020100") + inner
    size = len(content)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    )
    return b"\x30" + length + content


async def check(request: web.Request) -> web.Response:
    """`GET /TimeStampTokens/check/<uuid>`: verified anew, now."""
    found, held = await _asked(request)
    services = request.app[SERVICES]
    judged = await (_judge_shared(services, found) if held.shared else _judge(services, held.response, found))
    more = {"proof": "batch" if held.shared else "direct", "tsa": judged.tsa, "warnings": list(judged.warnings)}
    return plain({"validity": judged.ok, "code": judged.code, **more})


async def get_timestamp(request: web.Request) -> web.Response:
    """`GET /TimeStampTokens/get_timestamp/<uuid>`: when it was stamped, as SCANDALE says it and unmistakably."""
    found, held = await _asked(request)
    shown: dict[str, Any] = {
        "timestamp": (_EPOCH + timedelta(microseconds=held.gen_time)).isoformat(),
        "timestamp_utc": wire.rfc3339(held.gen_time),
        "accuracy": held.accuracy / 1e6,
        "tsa": held.tsa,
        "not_before": None,
    }
    if held.shared:
        shown["not_before"] = (await request.app[SERVICES].proof(found.id)).get("not_before")
    return plain(shown)


async def _asked(request: web.Request) -> tuple[Check, Held]:
    """The check the address names, and its token. 422 for what is no uuid, 404 where there is none."""
    services = request.app[SERVICES]
    require_reading(request, services.access)
    found = await checks.get(services.db, uuid_of(request.match_info["uuid"], "path.scan_uuid"))
    if found is None:
        raise TokenNotFound
    own = await proofs.token(services.db, found.id)
    if own is not None:
        return found, Held(own.token, own.gen_time, own.accuracy, own.tsa, shared=False)
    stamps = await proofs.stamps_for(services.db, found.seq)
    if not stamps:
        raise TokenNotFound
    first = stamps[0]
    return found, Held(first.response, first.gen_time, first.accuracy, first.authority, shared=True)


async def _judge(services: Services, token: bytes, check: Check) -> Verdict:
    """Verify a token over a check's payload, off the loop."""
    if check.payload is None:
        raise NotFound("The payload was erased; there is nothing left to hold its token against.")
    return await _verify(services, token, check.payload)


async def _judge_shared(services: Services, check: Check) -> Verdict:
    """Verify a batch's token as far as this check hangs on it: payload, record, place in the tree, anchor, token."""
    proof = (await services.proof(check.id))["stamps"][0]
    note, anchor = proof["checkpoint"], bytes.fromhex(proof["anchor"])
    head = checkpoint.parse_note(note)
    path = [bytes.fromhex(sibling) for sibling in proof["path"]]
    leaf = merkle.leaf_hash(check.record)
    if not merkle.verify_inclusion(leaf, check.seq, head.size, path, head.root):
        return Verdict(False, "imprint", detail="the record is not in the stamped checkpoint")
    if groups.body_hash(note) not in (anchor[:32], anchor[32:]):
        return Verdict(False, "imprint", detail="the token is not over this checkpoint")
    if check.payload is not None and check.payload_salt is not None:
        commit = record.commitment(check.payload_salt, check.payload).hex()
        if record.parse(check.record)["payload"]["commit"] != commit:
            return Verdict(False, "imprint", detail="the payload is not the one committed to")
    return await _verify(services, bytes.fromhex(proof["token"]), anchor)


async def _verify(services: Services, token: bytes, data: bytes) -> Verdict:
    if services.verify_token is None:
        raise Unavailable("There is nothing here to verify this token with.")
    return await asyncio.to_thread(services.verify_token, token, data)


def _shape(token: bytes, check_id: UUID) -> dict[str, str]:
    return {"tst": base64.b64encode(token).decode(), "scan_uuid": str(check_id)}
