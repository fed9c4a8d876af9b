"""The bus: many readers, a publisher that never waits, the slow told what they missed."""

from __future__ import annotations

import asyncio
import json

from pumpkin.bus import Bus, Event


async def read(subscription: object, count: int) -> list[Event]:
    events: list[Event] = []
    async for event in subscription:  # type: ignore[attr-defined]
        events.append(event)
        if len(events) == count:
            break
    return events


async def test_every_reader_of_a_topic_gets_every_event_in_order() -> None:
    bus = Bus()
    readers = [bus.subscribe(["a"]), bus.subscribe(["a", "b"]), bus.subscribe()]
    bus.publish("a", 1)
    bus.publish("a", 2)
    for reader in readers:
        assert [event.data for event in await read(reader, 2)] == [1, 2]


async def test_a_reader_gets_only_its_topics() -> None:
    bus = Bus()
    reader = bus.subscribe(["b"])
    bus.publish("a", 1)
    bus.publish("b", 2)
    assert [event.topic for event in await read(reader, 1)] == ["b"]


async def test_a_slow_reader_is_closed_and_told_while_the_others_read_on() -> None:
    bus = Bus()
    slow, quick = bus.subscribe(["a"], limit=2), bus.subscribe(["a"])
    for number in range(3):
        bus.publish("a", number)
    assert slow.overrun is True
    assert [event async for event in slow] == []
    assert len(await read(quick, 3)) == 3
    assert quick.overrun is False


async def test_a_reader_who_comes_back_misses_nothing_within_the_history() -> None:
    bus = Bus(history=3)
    for number in range(5):
        bus.publish("a", number)
    assert [event.data for event in await read(bus.subscribe(["a"], since=3), 2)] == [3, 4]
    assert [event.data for event in await read(bus.subscribe(["a"], since=0), 3)] == [2, 3, 4]


async def test_closing_ends_the_reading_and_forgets_the_topic() -> None:
    bus = Bus()
    reader = bus.subscribe(["a"])
    bus.publish("a", 1)
    reader.close()
    assert [event.data async for event in reader] == [1]
    assert bus.read_by_anyone("a") is False


async def test_read_by_anyone_counts_readers_of_all_topics() -> None:
    bus = Bus()
    assert bus.read_by_anyone("tst") is False
    reader = bus.subscribe()
    assert bus.read_by_anyone("tst") is True
    reader.close()
    assert bus.read_by_anyone("tst") is False


async def test_listening_calls_for_each_event_until_stopped() -> None:
    bus = Bus()
    heard: list[int] = []
    second = asyncio.Event()

    def hear(event: Event) -> None:
        heard.append(event.data)
        if len(heard) == 2:
            second.set()

    stop = bus.listen(["a"], hear)
    bus.publish("a", 1)
    bus.publish("a", 2)
    await asyncio.wait_for(second.wait(), 5)
    stop()
    bus.publish("a", 3)
    await asyncio.sleep(0)
    assert heard == [1, 2]


async def test_an_event_has_the_wire_shape_of_the_contract() -> None:
    bus = Bus()
    reader = bus.subscribe(["a"])
    bus.publish("a", {"x": 1})
    event = (await read(reader, 1))[0].as_json()
    assert list(event) == ["topic", "id", "time", "data"]
    assert event["time"].endswith("Z")


async def test_a_batch_is_all_that_waits_and_readers_are_counted() -> None:
    bus = Bus()
    reading = bus.subscribe(["a"])
    batches = reading.batches()
    for number in range(3):
        bus.publish("a", number)
    assert [event.data for event in await anext(batches)] == [0, 1, 2]
    bus.publish("a", "é")
    (event,) = await anext(batches)
    assert json.loads(event.text) == event.as_json()
    assert event.text is event.text
    assert bus.readers == 1
    reading.close()
    reading.close()
    assert bus.readers == 0


async def test_one_who_comes_back_to_more_than_he_can_hold_is_ended_and_forgotten() -> None:
    bus = Bus()
    for number in range(5):
        bus.publish("a", number)
    back = bus.subscribe(["a"], limit=2, since=0)
    assert back.overrun
    assert (bus.readers, bus.read_by_anyone("a")) == (0, False)
