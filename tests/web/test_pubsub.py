"""`/pubsub` with the real client of fastapi_websocket_pubsub, and frame by frame where it matters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from fastapi_websocket_pubsub import PubSubClient

from pumpkin.web import pubsub
from pumpkin.web.services import Access
from tests.web.conftest import StartWeb, Web, item

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@asynccontextmanager
async def listening(
    web: Web, topics: list[str], **kwargs: Any
) -> AsyncIterator[tuple[PubSubClient, asyncio.Queue[Any]]]:
    """The real client, ready, and what it hears."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def on_event(data: Any, topic: str) -> None:
        await heard.put((topic, data))

    client = PubSubClient(topics, callback=on_event, **kwargs)
    client.start_client(str(web.client.make_url("/pubsub")).replace("http", "ws", 1))
    async with asyncio.timeout(10):
        await client.wait_until_ready()
    try:
        yield client, heard
    finally:
        await client.disconnect()


async def test_the_real_client_hears_scan_and_tst(web: Web) -> None:
    async with listening(web, ["scan", "tst"]) as (_, heard):
        body = await web.stored()
        got = {}
        async with asyncio.timeout(10):
            while set(got) != {"scan", "tst"}:
                topic, data = await heard.get()
                got[topic] = data
    assert got["scan"] == body
    assert json.loads(got["tst"])["scan_uuid"] == body["meta"]["uuid"]


async def test_a_real_client_publishes_to_another_with_a_key_that_may(web: Web) -> None:
    headers = {"additional_headers": web.writer}
    async with listening(web, ["news"]) as (_, heard), listening(web, ["news"], **headers) as (sender, own):
        async with asyncio.timeout(10):
            assert (await sender.publish(["news"], data={"a": 1})).result is True
            assert await heard.get() == ("news", {"a": 1})
            assert (await sender.publish(["news"], data={"a": 2}, notifier_id="other")).result is True
            assert await heard.get() == ("news", {"a": 2})
            assert await own.get() == ("news", {"a": 2})


@asynccontextmanager
async def socket(web: Web, **headers: str) -> AsyncIterator[ClientWebSocketResponse]:
    async with web.client.ws_connect("/pubsub", headers=headers) as opened:
        yield opened


async def call(opened: ClientWebSocketResponse, method: str, arguments: Any) -> dict[str, Any]:
    call_id = uuid4().hex
    request = {"method": method, "arguments": arguments, "call_id": call_id}
    await opened.send_json({"request": request, "response": None})
    while True:
        frame = await opened.receive_json(timeout=10)
        if frame["response"] is not None:
            assert frame["response"]["call_id"] == call_id
            return dict(frame["response"])


async def test_each_method_answers_with_its_result_type(web: Web) -> None:
    async with socket(web) as opened:
        assert (await call(opened, "_ping_", {}))["result_type"] == "str"
        assert (await call(opened, "ping", None))["result"] == "pong"
        channel = await call(opened, "_get_channel_id_", None)
        assert len(channel["result"]) == 32
        subscribed = await call(opened, "subscribe", {"topics": "scan"})
        assert (subscribed["result"], subscribed["result_type"]) == (True, "bool")
        assert (await call(opened, "unsubscribe", {"topics": ["scan"]}))["result"] is True
        assert (await call(opened, "no_such", {}))["result"] is None


async def test_all_topics_carry_the_actual_topic_and_forgotten_topics_are_not_read(web: Web) -> None:
    async with socket(web, **await web.key("checks:read", "agents:read")) as opened:
        await call(opened, "subscribe", {"topics": [pubsub.ALL_TOPICS]})
        web.line.bus.publish("presence.changed", {"jid": "a@b.example"})
        frame = await opened.receive_json(timeout=10)
        assert frame["request"]["method"] == "notify"
        assert frame["request"]["arguments"]["subscription"]["topic"] == "presence.changed"
        await call(opened, "unsubscribe", {"topics": [pubsub.ALL_TOPICS]})
        assert web.line.bus.read_by_anyone("scan") is False


async def test_order_is_kept_while_topics_come_and_go(web: Web) -> None:
    async with socket(web) as opened:
        await call(opened, "subscribe", {"topics": ["a"]})
        for number in range(200):
            web.line.bus.publish("a", number)
            if number % 20 == 0:
                topics = {"topics": [f"t{number}"]}
                request = {"method": "subscribe", "arguments": topics, "call_id": "x"}
                await opened.send_json({"request": request, "response": None})
                await asyncio.sleep(0)
        heard: list[int] = []
        while len(heard) < 200:
            frame = await opened.receive_json(timeout=10)
            if frame["request"] is not None:
                heard.append(frame["request"]["arguments"]["data"])
    assert heard == list(range(200))


async def test_nobody_may_publish_and_nobody_forges_our_topics(web: Web) -> None:
    async with socket(web) as stranger, socket(web, **web.writer) as writer:
        assert (await call(stranger, "publish", {"topics": ["news"], "data": 1}))["result"] is False
        for topic in ("scan", "check.stored", pubsub.ALL_TOPICS):
            assert (await call(writer, "publish", {"topics": [topic], "data": 1}))["result"] is False


async def test_a_stranger_is_taken_and_closed_with_1008_never_401(start_web: StartWeb) -> None:
    web = await start_web(access=Access(open_reading=False))
    async with socket(web) as opened:
        message = await opened.receive(timeout=10)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)
    async with socket(web, **web.writer) as opened:
        assert (await call(opened, "ping", {}))["result"] == "pong"


async def test_a_page_of_another_site_does_not_read(web: Web) -> None:
    async with socket(web, Origin="http://evil.example") as opened:
        assert (await opened.receive(timeout=10)).data == 1008


@pytest.mark.parametrize("frame", ["{", "[" * 50_000])
async def test_what_is_no_json_closes_the_socket(web: Web, frame: str) -> None:
    async with socket(web) as opened:
        await opened.send_str(frame)
        assert (await opened.receive(timeout=10)).data == 1007


@pytest.mark.parametrize("topics", [None, 5, [1], [""], ["x" * 300], {"a": 1}, ["t"] * 1_001])
async def test_topics_that_are_none_are_refused(web: Web, topics: Any) -> None:
    async with socket(web) as opened:
        assert (await call(opened, "subscribe", {"topics": topics}))["result"] is False


async def test_large_data_goes_as_a_reference_the_real_client_can_take(web: Web) -> None:
    async with listening(web, ["scan"]) as (_, heard):
        body = await web.stored(raw="QUJD" * 300_000)
        async with asyncio.timeout(10):
            _, data = await heard.get()
    assert data["payload"]["reference"] == f"/items/{body['meta']['uuid']}"
    whole = await (await web.client.get(data["payload"]["reference"])).json()
    assert whole["scan_data"] == body


async def test_a_subscriber_that_does_not_read_is_dropped_and_holds_nobody_up(web: Web) -> None:
    reader, writer = await asyncio.open_connection(web.client.host, web.client.port)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(
        f"GET /pubsub HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    request = {"method": "subscribe", "arguments": {"topics": ["a"]}, "call_id": "c"}
    text = json.dumps({"request": request}).encode()
    mask = b"\0\0\0\0"
    writer.write(b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2) + mask + text)
    await reader.readexactly(10)
    async with socket(web) as opened:
        await call(opened, "subscribe", {"topics": ["a"]})
        assert web.line.bus.read_by_anyone("a")
        for number in range(300):
            web.line.bus.publish("a", "x" * 100_000)
            frame = await opened.receive_json(timeout=10)
            assert frame["request"]["arguments"]["data"].startswith("x"), number
    async with asyncio.timeout(15):
        while web.line.bus.read_by_anyone("a"):
            await asyncio.sleep(0.05)
    writer.close()


async def test_shutting_down_ends_the_sockets(start_web: StartWeb) -> None:
    web = await start_web()
    async with aiohttp.ClientSession() as session, session.ws_connect(web.client.make_url("/pubsub")) as opened:
        await call(opened, "subscribe", {"topics": ["a"]})
        closing = asyncio.create_task(web.client.server.close())
        assert (await opened.receive(timeout=10)).type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
        await asyncio.wait_for(closing, 10)


def test_an_item_is_what_the_topic_carries() -> None:
    assert json.loads(pubsub._bounded(item()))["format"] == "nmap"


async def test_a_key_for_agents_alone_hears_no_checks(web: Web) -> None:
    async with socket(web, **await web.key("agents:read")) as reader:
        assert (await call(reader, "subscribe", {"topics": ["check.stored"]}))["result"] is False
        assert (await call(reader, "subscribe", {"topics": ["of.clients"]}))["result"] is False
        assert (await call(reader, "subscribe", {"topics": ["presence.changed"]}))["result"] is True
        assert (await call(reader, "subscribe", {"topics": [pubsub.ALL_TOPICS]}))["result"] is True
        web.line.bus.publish("check.stored", {"uuid": "secret"})
        web.line.bus.publish("presence.changed", {"jid": "a@x", "show": "xa", "status": ""})
        async with asyncio.timeout(10):
            told = [await reader.receive_json() for _ in range(2)]
    assert {one["request"]["arguments"]["subscription"]["topic"] for one in told} == {"presence.changed"}


async def test_topics_of_agents_and_packages_are_for_who_holds_their_scope(web: Web) -> None:
    agents = await web.key("checks:read", "agents:read")
    async with socket(web) as stranger, socket(web, **agents) as reader:
        for topic in ("presence.changed", "message.received", "task.moved", "report.ready"):
            assert (await call(stranger, "subscribe", {"topics": ["scan", topic]}))["result"] is False
        assert (await call(reader, "subscribe", {"topics": ["presence.changed"]}))["result"] is True
        assert (await call(reader, "subscribe", {"topics": ["task.moved"]}))["result"] is False
        assert (await call(stranger, "subscribe", {"topics": [pubsub.ALL_TOPICS]}))["result"] is True
        web.line.bus.publish("presence.changed", {"jid": "a@x", "show": "xa", "status": ""})
        web.line.bus.publish("check.stored", {"uuid": "1"})
        async with asyncio.timeout(10):
            heard = await stranger.receive_json()
            told = await reader.receive_json()
    assert heard["request"]["arguments"]["subscription"]["topic"] == "check.stored"
    assert told["request"]["arguments"]["data"]["jid"] == "a@x"
