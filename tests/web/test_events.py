"""`/api/v1/events` by websocket and as an event stream: what happens, what was missed, who may read what."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from pumpkin.web.api.events import TOPICS, WAITING
from tests.web.conftest import Web


async def frames(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    """The next events of a stream, each with its `id:` line."""
    found: list[dict[str, Any]] = []
    number: str | None = None
    async with asyncio.timeout(10):
        while len(found) < count:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line.startswith("id: "):
                number = line[4:]
            elif line.startswith("data: "):
                found.append({**json.loads(line[6:]), "line_id": number})
                number = None
    return found


async def test_a_stored_check_is_told_by_websocket(web: Web) -> None:
    async with web.client.ws_connect("/api/v1/events?topics=check.stored", headers=web.writer) as socket:
        body = await web.stored()
        event = await socket.receive_json(timeout=10)
    assert set(event) == {"topic", "id", "time", "data"}
    assert (event["topic"], event["data"]["uuid"]) == ("check.stored", body["meta"]["uuid"])


async def test_a_stream_tells_and_resumes_after_the_last_event_seen(web: Web) -> None:
    async with web.client.get("/api/v1/events?topics=check.stored", headers=web.writer) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        bodies = [await web.stored() for _ in range(3)]
        told = await frames(answer, 3)
    assert [one["data"]["uuid"] for one in told] == [body["meta"]["uuid"] for body in bodies]
    assert all(one["line_id"] == str(one["id"]) for one in told)
    for resumed in (
        web.client.get(
            "/api/v1/events?topics=check.stored", headers={**web.writer, "Last-Event-ID": str(told[0]["id"])}
        ),
        web.client.get(f"/api/v1/events?topics=check.stored&since={told[0]['id']}", headers=web.writer),
    ):
        async with resumed as answer:
            again = await frames(answer, 2)
        assert [one["id"] for one in again] == [one["id"] for one in told[1:]]


async def test_who_missed_what_is_forgotten_is_told_so(web: Web) -> None:
    await web.stored()
    async with web.client.get("/api/v1/events?since=999999999", headers=web.writer) as answer:
        assert [one["topic"] for one in await frames(answer, 1)] == ["events.lost"]
    async with web.client.ws_connect("/api/v1/events?since=999999999", headers=web.writer) as socket:
        assert (await socket.receive_json(timeout=10))["topic"] == "events.lost"


@pytest.mark.parametrize("query", ["since=x", "since=-1", "topics=no.such", "since=99999999999999999999"])
async def test_bad_parameters_are_400(web: Web, query: str) -> None:
    async with web.client.get(f"/api/v1/events?{query}", headers=web.writer) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "invalid_request")


async def test_topics_need_their_scope(web: Web) -> None:
    reader = await web.key("checks:read")
    async with web.client.get("/api/v1/events?topics=message.received", headers=reader) as answer:
        assert answer.status == 403
    async with web.client.get("/api/v1/events") as answer:
        assert answer.status == 401
    async with web.client.ws_connect("/api/v1/events", headers=reader) as socket:
        web.line.bus.publish("message.received", {"body": "secret"})
        web.line.bus.publish("alert.raised", {"id": 1})
        assert (await socket.receive_json(timeout=10))["topic"] == "alert.raised"


async def test_who_may_read_agents_alone_hears_of_them_and_of_nothing_else(web: Web) -> None:
    reader = await web.key("agents:read")
    async with web.client.ws_connect("/api/v1/events", headers=reader) as socket:
        web.line.bus.publish("check.stored", {"uuid": "secret"})
        web.line.bus.publish("presence.changed", {"jid": "a@x", "show": "dnd", "status": ""})
        assert (await socket.receive_json(timeout=10))["topic"] == "presence.changed"
    async with web.client.get("/api/v1/events?topics=presence.changed,check.stored", headers=reader) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")
    async with web.client.get("/api/v1/events", headers=await web.key("checks:write")) as answer:
        assert answer.status == 403


async def test_listening_to_all_does_not_make_the_costly_topics(web: Web) -> None:
    async with web.client.ws_connect("/api/v1/events", headers=web.writer):
        assert web.line.bus.read_by_anyone("check.stored")
        assert not web.line.bus.read_by_anyone("tst")
    assert {"scan", "tst"} < set(TOPICS)


async def test_a_reader_that_goes_away_is_forgotten(web: Web) -> None:
    async with web.client.ws_connect("/api/v1/events?topics=alert.raised", headers=web.writer):
        assert web.line.bus.read_by_anyone("alert.raised")
    async with asyncio.timeout(10):
        while web.line.bus.read_by_anyone("alert.raised"):
            await asyncio.sleep(0.01)


async def test_events_of_any_length_come_whole_and_in_order(web: Web) -> None:
    said = ["short", "é" * 100, "x" * 200, "y" * 70_000, "last"]
    async with web.client.ws_connect("/api/v1/events?topics=alert.raised", headers=web.writer) as socket:
        for text in said:
            web.line.bus.publish("alert.raised", {"text": text})
        assert [(await socket.receive_json(timeout=10))["data"]["text"] for _ in said] == said


async def test_one_who_falls_too_far_behind_is_ended_so_that_he_comes_back(web: Web) -> None:
    async with web.client.ws_connect("/api/v1/events?topics=alert.raised", headers=web.writer) as socket:
        for number in range(WAITING + 1):
            web.line.bus.publish("alert.raised", {"number": number})
        async with asyncio.timeout(10):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
    assert socket.close_code == 1013


async def test_a_crowd_of_readers_hears_everything(web: Web) -> None:
    sockets = [await web.client.ws_connect("/api/v1/events?topics=alert.raised", headers=web.writer) for _ in range(40)]
    for number in range(200):
        web.line.bus.publish("alert.raised", {"number": number})
        await asyncio.sleep(0)
    for socket in sockets:
        told = [(await socket.receive_json(timeout=10))["data"]["number"] for _ in range(200)]
        assert told == list(range(200))
        await socket.close()
