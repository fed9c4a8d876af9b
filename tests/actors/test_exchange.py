"""One authority's door, against strangers: what is not a good answer is named, and nothing of it is believed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from actors.exchange import Exchange, NoToken, Series
from pumpkin.adapters.revocation import RevocationClient
from pumpkin.errors import TsaError, TsaTooLarge
from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority, Clock
from tests.adapters.test_revocation import Issuer
from tests.evidence.forge import Forge, party

AUTHORITY = Authority.create("tsa.example", now=time.time_ns() // 1_000 - 86_400_000_000)
HOUR_US = 3_600_000_000
Answer = Callable[[bytes], Awaitable[bytes]]


def now() -> int:
    return time.time_ns() // 1_000


def door(ask: Answer, *, roots: list[bytes] | None = None, clock: Callable[[], int] = now, **series: float) -> Exchange:
    return Exchange(Series("tsa", "http://tsa.example", roots or [AUTHORITY.root_pem], **series), ask, clock)  # type: ignore[arg-type]


def answering(change: Callable[[bytes], bytes], clock: Clock = now) -> Answer:
    async def ask(query: bytes) -> bytes:
        return AUTHORITY.respond(change(query), clock=clock)

    return ask


async def raising(query: bytes) -> bytes:
    raise TsaTooLarge("268435456 bytes announced")


async def redirecting(query: bytes) -> bytes:
    raise TsaError("HTTP status 302", retry_after=7)


async def html(query: bytes) -> bytes:
    return b"<!doctype html><title>Welcome to this hotel</title>"


async def stale(query: bytes) -> bytes:
    return AUTHORITY.respond(tsp.make_query(tsp.parse_query(query).digest))


async def foreign(query: bytes) -> bytes:
    return Authority.create("tsa.example").respond(query)


async def truncated(query: bytes) -> bytes:
    return AUTHORITY.respond(query)[:-1]


@pytest.mark.parametrize(
    ("ask", "state", "code"),
    [
        (raising, "failing", "too_large"),
        (redirecting, "failing", "http"),
        (html, "refusing", "malformed"),
        (truncated, "refusing", "malformed"),
        (stale, "refusing", "nonce"),
        (answering(lambda query: tsp.make_query(bytes(32))), "refusing", "imprint"),
        (answering(lambda query: b"\x30\x00"), "refusing", "rejected"),
        (answering(lambda query: query, clock=lambda: None), "refusing", "rejected"),
        (answering(lambda query: query, clock=lambda: now() + 60_000_000), "refusing", "time"),
        (answering(lambda query: query, clock=lambda: now() - 3 * HOUR_US), "refusing", "time"),
        (foreign, "refusing", "chain"),
    ],
)
async def test_what_is_no_good_answer_is_named_and_left_alone_for_a_while(ask: Answer, state: str, code: str) -> None:
    exchange = door(ask)
    with pytest.raises(NoToken):
        await exchange.token(b"data")
    assert (exchange.state, exchange.error, exchange.failures) == (state, code, 1)
    assert not exchange.open
    assert exchange.detail
    wait_s = exchange.next_s - asyncio.get_running_loop().time()
    assert wait_s > 6 if ask is redirecting else 0.3 < wait_s < 1


async def test_our_own_clock_wrong_by_hours_is_seen_in_how_far_every_authority_is_from_it() -> None:
    exchange = door(answering(lambda query: query), clock=lambda: now() - 5 * HOUR_US)
    with pytest.raises(NoToken, match="time"):
        await exchange.token(b"data")
    assert exchange.clock is not None
    assert abs(exchange.clock.offset - 5 * HOUR_US) < 10_000_000


async def test_a_certificate_replaced_under_the_same_root_is_taken() -> None:
    root = party("Root", ca=True, n=1)
    signers = [party("TSA", root, n=2), party("TSA", root, n=3)]

    async def ask(query: bytes) -> bytes:
        asked, signer = tsp.parse_query(query), signers[0]
        return Forge(signer, [signer.der], imprint_digest=asked.digest, nonce=asked.nonce, gen_time=now()).response()

    exchange = door(ask, roots=[root.pem])
    for _ in range(2):
        answer = await exchange.token(b"data")
        assert answer.verdict.chain[0] == signers[0].der
        signers.pop(0)
        signers.append(party("TSA", root, n=3))


async def test_a_certificate_revoked_by_its_issuer_stamps_no_more() -> None:
    issuer = Issuer()
    await issuer.start("ocsp")

    async def ask(query: bytes) -> bytes:
        asked = tsp.parse_query(query)
        token = Forge(issuer.leaf, [issuer.leaf.der], imprint_digest=asked.digest, nonce=asked.nonce, gen_time=now())
        return token.response()

    try:
        async with RevocationClient() as client:
            series = Series("tsa", "http://tsa.example", [issuer.root.pem])
            good = await Exchange(series, ask, now, client.capture).token(b"data")
            assert [name.partition("-")[0] for name in good.revocation] == ["ocsp"]
        issuer.revoked = True
        async with RevocationClient() as client:
            exchange = Exchange(series, ask, now, client.capture)
            with pytest.raises(NoToken, match="revoked"):
                await exchange.token(b"data")
            assert (exchange.state, exchange.error) == ("refusing", "revoked")
    finally:
        await issuer.server.close()


async def test_failures_wait_longer_and_longer_up_to_the_most_and_success_ends_it() -> None:
    answers = iter([html] * 6 + [answering(lambda query: query)] * 2)

    async def ask(query: bytes) -> bytes:
        return await next(answers)(query)

    exchange = door(ask, backoff_s=0.1, backoff_max_s=0.8)
    waits = []
    for _ in range(6):
        with pytest.raises(NoToken):
            await exchange.token(b"data")
        waits.append(exchange.next_s - asyncio.get_running_loop().time())
    assert waits[0] < 0.13
    assert max(waits) <= 1.0
    assert sorted(waits[:3]) == waits[:3]
    await exchange.token(b"data")
    assert exchange.state == "ok"
    assert exchange.failures == 0
    assert exchange.open
