"""What is no HTTP gets an answer of ours, or the connection's end, and never aiohttp's own page or name."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from pumpkin.web.doorstep import DoorRunner
from pumpkin.web.edge import COUNTS
from scripts.fuzzing.api import RAW

UNKNOWN = b"GET / HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\n\r\n"


@asynccontextmanager
async def asked(request_bytes: bytes, application: web.Application) -> AsyncIterator[asyncio.StreamReader]:
    """The answer of a door behind which this application is."""
    runner = DoorRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(request_bytes)
        async with asyncio.timeout(5):
            yield reader
        writer.close()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("request_bytes", RAW, ids=range(len(RAW)))
async def test_a_malformed_request_is_answered_in_our_envelope(request_bytes: bytes) -> None:
    async with asked(request_bytes, web.Application()) as reader:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"aiohttp" not in head or b" 404 " in head.splitlines()[0], "an unknown route is the application's"
        if head.startswith(b"HTTP/1.1 400"):
            said = json.loads(await reader.read())
            assert (said["success"], said["code"]) == (False, "invalid_request")
            assert b"X-Request-ID" in head
            assert b"Server: pumpkin" in head


@pytest.mark.parametrize(("request_bytes", "status"), [(b"nonsense\r\n\r\n", 400), (UNKNOWN, 417)])
async def test_what_is_refused_at_the_door_is_counted(request_bytes: bytes, status: int) -> None:
    application = web.Application()
    counts = application[COUNTS] = Counter()
    async with asked(request_bytes, application) as reader:
        await reader.read()
    assert counts == {("none", status): 1}


async def test_an_expectation_nobody_knows_is_refused_in_our_envelope_too() -> None:
    async with asked(UNKNOWN, web.Application()) as reader:
        head = await reader.readuntil(b"\r\n\r\n")
        said = json.loads(await reader.read())
    assert head.startswith(b"HTTP/1.1 417")
    assert b"Server: pumpkin" in head
    assert said["code"] == "invalid_request"
