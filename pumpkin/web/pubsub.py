"""`/pubsub`: topics for clients of fastapi_websocket_pubsub, read off its protocol (contracts/agents.md section 5).

One hub reads the bus for all sockets and encodes an event once. Publishing only enqueues: a socket that does not read
is closed with 1013 when its queue is full, and never holds anybody up.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from pumpkin.bus import ALL, Bus, Event, Subscription
from pumpkin.errors import PumpkinError, RateLimited
from pumpkin.web.api.events import SCOPES, TOPICS
from pumpkin.web.edge import held
from pumpkin.web.guard import ANONYMOUS, Identity, identity, require_reading, require_same_site
from pumpkin.web.services import SERVICES

ALL_TOPICS = "__EventNotifier_ALL_TOPICS__"
FRAME_LIMIT = 1024 * 1024
REFERENCE_LIMIT = 900_000
QUEUE_FRAMES = 1_000
QUEUE_CHARACTERS = 8 * 1024 * 1024
TOPIC_LIMIT = 200
TOPICS_MOST = 1_000
HEARTBEAT_S = 25.0
CLOSE_S = 2.0
TRY_AGAIN_LATER = 1013

_log = structlog.get_logger("pubsub")


class Channel:
    """One client's socket: its topics and what waits to be sent to it."""

    def __init__(self, socket: web.WebSocketResponse, asker: Identity = ANONYMOUS) -> None:
        self.id = uuid4().hex
        self.socket = socket
        self._asker = asker
        self.subscriptions: dict[str, str] = {}
        self.overrun = False
        self._queue: deque[str] = deque()
        self._characters = 0
        self._wake = asyncio.Event()

    def may_hear(self, topic: str) -> bool:
        """Whether its owner may read what `topic` tells: each topic has its scope, clients' own that of checks; what
        checks are read without a key is heard without one. Whoever wants all topics is told those of their own."""
        scope = TOPICS.get(topic, "checks:read")
        unasked = self._asker.kind == "anonymous" and scope == "checks:read"
        return topic == ALL_TOPICS or unasked or self._asker.may(scope)

    def offer(self, frame: str) -> None:
        """Queue one frame without waiting; past the limits the channel ends as overrun."""
        if self.overrun:
            return
        self._characters += len(frame)
        if len(self._queue) >= QUEUE_FRAMES or self._characters > QUEUE_CHARACTERS:
            self.overrun = True
            self._queue.clear()
        else:
            self._queue.append(frame)
        self._wake.set()

    async def send_queued(self) -> None:
        """Send what is queued, in order, until the channel is overrun or the socket gone."""
        while True:
            while self._queue:
                frame = self._queue.popleft()
                self._characters -= len(frame)
                await self.socket.send_str(frame)
            if self.overrun:
                return
            self._wake.clear()
            await self._wake.wait()

    async def overrun_or_end(self) -> None:
        """Return when the channel was overrun, also while a send is stuck."""
        while not self.overrun:
            await self._wake.wait()
            await asyncio.sleep(0.05)


class Hub:
    """All channels of this process, and one reader of the bus for the topics any of them wants."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._wanted: dict[str, dict[Channel, str]] = {}
        self._reader: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, channel: Channel, topics: list[str]) -> None:
        """Send `channel` the events of `topics`; a topic it has already keeps its subscription id."""
        for topic in topics:
            if topic not in channel.subscriptions:
                channel.subscriptions[topic] = uuid4().hex
                self._wanted.setdefault(topic, {})[channel] = channel.subscriptions[topic]
        self._follow()

    def unsubscribe(self, channel: Channel, topics: list[str]) -> None:
        """No more of `topics`; one that nobody wants is forgotten."""
        for topic in topics:
            if channel.subscriptions.pop(topic, None) is not None:
                readers = self._wanted[topic]
                del readers[channel]
                if not readers:
                    del self._wanted[topic]
        self._follow()

    def publish(self, topics: list[str], data: Any, notifier: str | None, sender: Channel) -> None:
        """Hand a client's data on; the sender's own subscription is skipped unless `notifier` is not its id."""
        skipped = sender if notifier is None or notifier == sender.id else None
        for topic in topics:
            self._spread(topic, data, skipped, notifier)

    async def close(self) -> None:
        """Stop reading the bus and end every channel as going away."""
        if self._reader is not None:
            self._reader.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        channels = {channel for readers in self._wanted.values() for channel in readers}
        closing = (channel.socket.close(code=WSCloseCode.GOING_AWAY) for channel in channels)
        await asyncio.wait_for(asyncio.gather(*closing, return_exceptions=True), CLOSE_S * 2)

    def _follow(self) -> None:
        """Read from the bus exactly what is wanted now; nothing published in between is lost or turned round."""
        topics = {ALL if topic == ALL_TOPICS else topic for topic in self._wanted}
        old = self._reader
        if old is not None and old.topics == topics and not old.overrun:
            return
        self._reader = self._bus.subscribe(topics, limit=100_000) if topics else None
        if old is not None:
            old.close()
        if self._task is None and self._reader is not None:
            self._task = asyncio.get_running_loop().create_task(self._read(self._reader))

    async def _read(self, reader: Subscription | None) -> None:
        while reader is not None:
            async for event in reader:
                self._heard(event)
            if reader is self._reader:
                _log.error("the bus ran past the pubsub hub; its subscribers missed events")
                self._follow()
            reader = self._reader
        self._task = None

    def _heard(self, event: Event) -> None:
        self._spread(event.topic, event.data, None, None)

    def _spread(self, topic: str, data: Any, skipped: Channel | None, notifier: str | None) -> None:
        targets = [
            (wanted, channel, subscription)
            for wanted in (topic, ALL_TOPICS)
            for channel, subscription in self._wanted.get(wanted, {}).items()
            if channel is not skipped and (wanted == topic or channel.may_hear(topic))
        ]
        if not targets:
            return
        encoded = _bounded(data)
        subject = json.dumps(topic)
        teller = json.dumps(notifier)
        for _, channel, subscription in targets:
            channel.offer(
                '{"request": {"method": "notify", "arguments": {"subscription": {"id": "'
                + subscription
                + '", "subscriber_id": "'
                + channel.id
                + '", "topic": '
                + subject
                + ', "callback": null, "notifier_id": '
                + teller
                + '}, "data": '
                + encoded
                + '}, "call_id": "'
                + uuid4().hex
                + '"}, "response": null}'
            )


HUB = web.AppKey("pubsub_hub", Hub)


def _bounded(data: Any) -> str:
    """`data` in JSON; past what the real client receives, a reference in its place."""
    encoded = json.dumps(data)
    if len(encoded) <= REFERENCE_LIMIT:
        return encoded
    shown: dict[str, Any] = {"reference": None, "size": len(encoded)}
    if isinstance(data, dict) and isinstance(data.get("meta"), dict) and "uuid" in data["meta"]:
        reference = f"/items/{data['meta']['uuid']}"
        meta = {key: data["meta"].get(key) for key in ("uuid", "ts", "type")}
        shown = {"version": data.get("version"), "format": data.get("format"), "meta": meta}
        shown["payload"] = {"raw": "", "reference": reference, "size": len(encoded)}
    return json.dumps(shown)


async def endpoint(request: web.Request) -> web.WebSocketResponse:
    """`GET /pubsub`: topics for clients of fastapi_websocket_pubsub.

    A stranger is taken and closed with 1008: the real client hot-loops on 401 and 403.
    """
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=FRAME_LIMIT)
    await socket.prepare(request)
    try:
        holds = any(map(identity(request).may, SCOPES))
        asker = identity(request) if holds else require_reading(request, request.app[SERVICES].access)
        if asker.kind != "key":
            require_same_site(request)
    except PumpkinError as error:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=error.message.encode()[:120])
        return socket
    try:
        with held(request):
            await _talk(request, socket, asker)
    except RateLimited as error:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=error.message.encode()[:120])
    return socket


async def _talk(request: web.Request, socket: web.WebSocketResponse, asker: Identity) -> None:
    channel = Channel(socket, asker)
    hub = request.app[HUB]
    writer = asyncio.create_task(channel.send_queued())
    guard = asyncio.create_task(channel.overrun_or_end())
    reader = asyncio.create_task(_serve(hub, channel, asker))
    try:
        await asyncio.wait((reader, writer, guard), return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.unsubscribe(channel, list(channel.subscriptions))
        for task in (reader, writer, guard):
            task.cancel()
        await asyncio.gather(reader, writer, guard, return_exceptions=True)
    if channel.overrun:
        _log.warning("subscriber too slow", channel=channel.id, agent=asker.name)
        await _drop(request, socket)


async def _drop(request: web.Request, socket: web.WebSocketResponse) -> None:
    """Say 1013 to a socket that does not read, and wait for it no longer than `CLOSE_S`."""
    try:
        await asyncio.wait_for(socket.close(code=TRY_AGAIN_LATER, message=b"too slow"), CLOSE_S)
    except (TimeoutError, ConnectionError):
        pass
    if request.transport is not None:
        request.transport.abort()


async def _serve(hub: Hub, channel: Channel, asker: Identity) -> None:
    async for message in channel.socket:
        if message.type is not WSMsgType.TEXT:
            await channel.socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
            return
        try:
            frame = json.loads(message.data)
            request = frame.get("request") if isinstance(frame, dict) else None
        except (ValueError, RecursionError):
            await channel.socket.close(code=WSCloseCode.INVALID_TEXT, message=b"not JSON")
            return
        if isinstance(request, dict):
            _answer(hub, channel, asker, request)


def _answer(hub: Hub, channel: Channel, asker: Identity, request: dict[str, Any]) -> None:
    arguments = request.get("arguments")
    result = _call(hub, channel, asker, str(request.get("method")), arguments if isinstance(arguments, dict) else {})
    call_id = request.get("call_id")
    if call_id is not None:
        response = {"result": result, "result_type": type(result).__name__, "call_id": call_id}
        channel.offer(json.dumps({"request": None, "response": response}))


def _call(hub: Hub, channel: Channel, asker: Identity, method: str, arguments: dict[str, Any]) -> Any:
    if method in ("_ping_", "ping"):
        return "pong"
    if method == "_get_channel_id_":
        return channel.id
    if method not in ("subscribe", "unsubscribe", "publish"):
        return None
    topics = _topics(arguments.get("topics"))
    if topics is None:
        return False
    if method == "unsubscribe":
        hub.unsubscribe(channel, list(channel.subscriptions) if ALL_TOPICS in topics else topics)
        return True
    if method == "subscribe":
        if len(channel.subscriptions) + len(topics) > TOPICS_MOST or not all(map(channel.may_hear, topics)):
            return False
        hub.subscribe(channel, topics)
        return True
    if not asker.may("checks:write") or any(topic in TOPICS or topic == ALL_TOPICS for topic in topics):
        return False
    notifier = arguments.get("notifier_id")
    hub.publish(topics, arguments.get("data"), notifier if isinstance(notifier, str) else None, channel)
    return True


def _topics(given: Any) -> list[str] | None:
    """The topics named: a list, or one as a string; None for anything else or past the limits."""
    topics = [given] if isinstance(given, str) else given
    if not isinstance(topics, list) or len(topics) > TOPICS_MOST:
        return None
    if any(not isinstance(topic, str) or not 0 < len(topic) <= TOPIC_LIMIT for topic in topics):
        return None
    return topics
