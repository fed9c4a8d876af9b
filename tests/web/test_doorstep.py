"""What is no HTTP gets an answer of ours, or the connection's end, and never aiohttp's own page or name."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from aiohttp import web

from pumpkin.web.doorstep import DoorRunner
from pumpkin.web.edge import COUNTS
from scripts.fuzzing.api import RAW


@pytest.mark.parametrize("request_bytes", RAW, ids=range(len(RAW)))
async def test_a_malformed_request_is_answered_in_our_envelope(request_bytes: bytes) -> None:
    runner = DoorRunner(web.Application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(request_bytes)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"aiohttp" not in head or b" 404 " in head.splitlines()[0], "an unknown route is the application's"
            if head.startswith(b"HTTP/1.1 400"):
                said = json.loads(await reader.read())
                assert (said["success"], said["code"]) == (False, "invalid_request")
                assert b"X-Request-ID" in head
                assert b"Server: pumpkin" in head
        writer.close()
    finally:
        await runner.cleanup()


async def test_what_is_refused_at_the_door_is_counted() -> None:
    application = web.Application()
    counts = application[COUNTS] = Counter()
    runner = DoorRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        for text in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*runner.addresses[0])
            writer.write(text)
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()
    finally:
        await runner.cleanup()
    assert counts == {("none", 400): 1, ("none", 417): 1}


async def test_an_expectation_nobody_knows_is_refused_in_our_envelope_too() -> None:
    runner = DoorRunner(web.Application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\n\r\n")
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            said = json.loads(await reader.read())
        assert head.startswith(b"HTTP/1.1 417")
        assert b"Server: pumpkin" in head
        assert said["code"] == "invalid_request"
        writer.close()
    finally:
        await runner.cleanup()
