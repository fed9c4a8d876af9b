"""`/api/v1/events`: what happens, as it happens, by websocket or server-sent events, with what was missed.

rulings.md 29 names the topics. A reader resumes with `Last-Event-ID` or `?since=`; one that is too slow is ended and
comes back so. What is older than the bus remembers, or of another process life, is answered first by the event
`events.lost`: read the lists again.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, web

from pumpkin.bus import Bus, Event, Subscription
from pumpkin.errors import Forbidden, InvalidRequest
from pumpkin.web.edge import held
from pumpkin.web.guard import Identity, identity, require, require_same_site
from pumpkin.web.pulse import PULSE
from pumpkin.web.services import SERVICES

TOPICS: dict[str, str] = {
    "check.stored": "checks:read",
    "check.sealed": "checks:read",
    "proof.stamped": "checks:read",
    "log.fault": "checks:read",
    "proof.renewed": "checks:read",
    "presence.changed": "agents:read",
    "message.received": "agents:read",
    "job.changed": "agents:read",
    "task.moved": "packages:read",
    "report.ready": "packages:read",
    "alert.raised": "checks:read",
    "alert.acknowledged": "checks:read",
    "alert.escalated": "checks:read",
    "alert.resolved": "checks:read",
    "alert.changed": "checks:read",
    "module.changed": "checks:read",
    "scan": "checks:read",
    "tst": "checks:read",
}
SCOPES = frozenset(TOPICS.values())
COSTLY = frozenset({"scan", "tst"})
HEARTBEAT_S = 20.0
TRY_AGAIN_LATER = 1013
FRAME_LIMIT = 4_096
WAITING = 10_000
"""Events that may wait for one reader; they are the same for all."""
PAUSE_EACH_S, PAUSE_MOST_S = 0.0005, 0.5
WRITE_AHEAD, LOOK_S = 256 * 1024, 0.05

Wanted = Callable[[Event], bool]


async def events(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/events?topics=a,b&since=`: a websocket where one is asked for, else an event stream.

    With `pace=page` a websocket tells at most once a second which topics moved, as pages need it (`web.pulse`).
    """
    asker = hearing(request)
    topics = _topics(request)
    if request.query.get("pace") == "page" and request.headers.get("Upgrade", "").casefold() == "websocket":
        if asker.kind != "key":
            require_same_site(request)
        with held(request):
            return await request.app[PULSE].serve(request, topics, _since(request))
    subscription, lost = _resume(request, request.app[SERVICES].bus, topics)
    return await serve(request, subscription, lost, same_site=asker.kind != "key")


async def serve(
    request: web.Request, subscription: Subscription, lost: bool, *, same_site: bool, wanted: Wanted = lambda _: True
) -> web.StreamResponse:
    """What `subscription` brings and `wanted` lets through, by websocket where one is asked for, else as a stream."""
    try:
        if request.headers.get("Upgrade", "").casefold() == "websocket":
            if same_site:
                require_same_site(request)
            with held(request):
                return await _websocket(request, subscription, lost, wanted)
        with held(request):
            return await _stream(request, subscription, lost, wanted)
    finally:
        subscription.close()


def hearing(request: web.Request) -> Identity:
    """Who asks, if there is any topic they may hear: each topic has its own scope. Unauthenticated, Forbidden."""
    asker = identity(request)
    return asker if any(map(asker.may, SCOPES)) else require(request, "checks:read")


def _topics(request: web.Request) -> frozenset[str]:
    """The topics asked for, else all that the asker may read except the costly ones."""
    asker = identity(request)
    given = [name for name in request.query.get("topics", "").split(",") if name and name != "*"]
    unknown = [name[:100] for name in given if name not in TOPICS]
    if unknown:
        raise InvalidRequest(f"There is no topic {unknown[0]}.", fields={"query.topics": "not known"})
    refused = [name for name in given if not asker.may(TOPICS[name])]
    if refused:
        raise Forbidden(f"The topic {refused[0]} needs the scope {TOPICS[refused[0]]}.")
    return frozenset(given) or frozenset(name for name in TOPICS if name not in COSTLY and asker.may(TOPICS[name]))


def _resume(request: web.Request, bus: Bus, topics: frozenset[str]) -> tuple[Subscription, bool]:
    """A subscription from where the reader left off, and whether it missed what is no longer remembered."""
    since = _since(request)
    if since is None:
        return bus.subscribe(topics, limit=WAITING), False
    return bus.subscribe(topics, limit=WAITING, since=since), bus.missed(since)


def _since(request: web.Request) -> int | None:
    """The id of the event the reader saw last, where it names one."""
    given = request.headers.get("Last-Event-ID") or request.query.get("since") or ""
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 16:
        raise InvalidRequest("since is not the id of an event.", fields={"query.since": "not an event id"})
    return int(given)


async def _websocket(
    request: web.Request, subscription: Subscription, lost: bool, wanted: Wanted
) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=FRAME_LIMIT, compress=False)
    await socket.prepare(request)
    reader = asyncio.create_task(_drain(socket))
    writer = asyncio.create_task(_write(request, socket, subscription, lost, wanted))
    try:
        await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reader, writer):
            task.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)
    if subscription.overrun:
        await socket.close(code=TRY_AGAIN_LATER, message=b"too slow")
    else:
        await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


async def _drain(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def _write(
    request: web.Request, socket: web.WebSocketResponse, subscription: Subscription, lost: bool, wanted: Wanted
) -> None:
    """Many readers would cost as many frames made and written for each event, and the taking-in of checks its time. So
    its text is made once, and each reader is written to the more rarely the more of them there are."""
    if lost:
        await socket.send_str(json.dumps(_lost()))
    async for events_ in subscription.batches():
        transport = request.transport
        if transport is None or transport.is_closing():
            return
        transport.write(b"".join(text_frame(one.text) for one in events_ if wanted(one)))
        await asyncio.sleep(min(PAUSE_MOST_S, subscription.bus.readers * PAUSE_EACH_S))
        # that a transport drained, it tells aiohttp alone
        while transport.get_write_buffer_size() > WRITE_AHEAD and not transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)


def text_frame(text: str) -> bytes:
    """One unmasked frame of text, as a server sends it (RFC 6455 section 5.2)."""
    data = text.encode()
    if len(data) < 126:
        return bytes((0x81, len(data))) + data
    if len(data) < 65_536:
        return struct.pack("!BBH", 0x81, 126, len(data)) + data
    return struct.pack("!BBQ", 0x81, 127, len(data)) + data


async def _stream(request: web.Request, subscription: Subscription, lost: bool, wanted: Wanted) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    await response.write(b"retry: 2000\n\n")
    if lost:
        await response.write(_frame(_lost()))
    events_ = subscription.__aiter__()
    upcoming = asyncio.ensure_future(anext(events_))
    try:
        while True:
            done, _ = await asyncio.wait((upcoming,), timeout=HEARTBEAT_S)
            if not done:
                await response.write(b":\n\n")
                continue
            event = upcoming.result()
            if wanted(event):
                await response.write(_frame(event.as_json()))
            upcoming = asyncio.ensure_future(anext(events_))
    except (StopAsyncIteration, ConnectionError):
        pass
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
    return response


def _lost() -> dict[str, Any]:
    return {"topic": "events.lost", "id": None, "time": None, "data": {"reason": "older than what is remembered"}}


def _frame(shape: dict[str, Any]) -> bytes:
    number = f"id: {shape['id']}\n" if shape["id"] is not None else ""
    return f"{number}event: {shape['topic']}\ndata: {json.dumps(shape)}\n\n".encode()
