"""Tokens of a check's own: over the payload alone, for those that asked, also after outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from actors.aggregator import Aggregator
from actors.exchange import Series
from actors.notary import PAGE, Notary
from actors.supervision import Child, System
from pumpkin.bus import Bus
from pumpkin.evidence import tsp
from pumpkin.store import proofs
from pumpkin.store.database import Database
from tests.actors.conftest import Tsa, observation

Start = Callable[[Tsa], Awaitable[tuple[Child[Aggregator], Child[Notary]]]]


@pytest.fixture
async def start(database: Database) -> AsyncIterator[Start]:
    system = System()

    async def begin(tsa: Tsa) -> tuple[Child[Aggregator], Child[Notary]]:
        series = Series("local", "local", [tsa.authority.root_pem], backoff_s=0.01, backoff_max_s=0.02)
        notary = await system.start("notary", lambda: Notary.start(database, series, ask=tsa.ask))
        aggregator = await system.start(
            "aggregator", lambda: Aggregator.start(database, Bus(), wants_token=lambda: notary.actor.wake())
        )
        return aggregator, notary

    yield begin
    await system.stop(1.0)


async def until_issued(notary: Child[Notary], count: int) -> None:
    async with asyncio.timeout(20):
        while notary.actor.issued < count:
            await asyncio.sleep(0.005)


async def test_who_asks_gets_a_token_over_the_payload_alone(start: Start, database: Database) -> None:
    tsa = Tsa()
    aggregator, notary = await start(tsa)
    asked, other = observation(b"prove me", direct=True), observation(b"me not")
    await aggregator.actor.receive_many([asked, other])
    await until_issued(notary, 1)
    token = await proofs.token(database, asked.id)
    assert token is not None
    verdict = tsp.verify(token.token, roots=[tsa.authority.root_pem], data=b"prove me")
    assert (verdict.ok, verdict.gen_time) == (True, token.gen_time)
    assert await proofs.token(database, other.id) is None


async def test_what_waited_for_the_authority_gets_its_tokens_when_it_is_back(start: Start, database: Database) -> None:
    tsa = Tsa(mode="down")
    aggregator, notary = await start(tsa)
    sent = [observation(b"%d" % number, direct=True) for number in range(PAGE + 5)]
    await aggregator.actor.receive_many(sent)
    await tsa.called.wait()
    while notary.actor.status()["state"] == "ok":
        await asyncio.sleep(0.005)
    assert notary.actor.status()["last_error"] == "http"
    tsa.mode = "ok"
    await until_issued(notary, len(sent))
    assert len(await proofs.tokens(database, 0, 100)) == len(sent)
