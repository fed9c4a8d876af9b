"""The aggregator's topics over XMPP (XEP-0060), asked by slixmpp's own plugin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET

from tests.actors.test_gateway import PASSWORD, House, certificates, house, native

__all__ = ["certificates", "house"]

AGGREGATOR = "aggregator@localhost/pumpkin"


@pytest.fixture
async def agents(house: House) -> AsyncIterator[dict[str, slixmpp.ClientXMPP]]:
    found = {}
    for user in ("alice", "bob"):
        client = slixmpp.ClientXMPP(f"{user}@localhost/s", PASSWORD)
        client.enable_direct_tls = False
        client.ssl_context.load_verify_locations(house.server.ca_path)
        for plugin in ("xep_0030", "xep_0060", "xep_0335"):
            client.register_plugin(plugin)
        up = asyncio.Event()
        client.add_event_handler("session_start", lambda _, up=up: up.set())
        client.connect("localhost", house.server.port)
        await asyncio.wait_for(up.wait(), 20)
        client.send_presence()
        found[user] = client
    yield found
    for client in found.values():
        await client.disconnect()


def listen(client: slixmpp.ClientXMPP) -> asyncio.Queue[dict[str, Any]]:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def take(message: Any) -> None:
        for element in message.xml.iter("{urn:xmpp:json:0}json"):
            heard.put_nowait(json.loads(element.text))

    client.add_event_handler("pubsub_publish", take)
    return heard


async def store(house: House) -> str:
    from pumpkin.model import wire

    uuid = str(uuid4())
    await house.aggregator.receive(wire.from_native(native(uuid), agent="alice@localhost"))
    return uuid


async def test_an_approved_agent_subscribes_hears_and_unsubscribes(house: House, agents: Any) -> None:
    await house.gateway.approve("alice@localhost")
    alice, heard = agents["alice"], listen(agents["alice"])
    nodes = await alice.plugin["xep_0030"].get_items(AGGREGATOR, timeout=10)
    assert "check.stored" in [item[1] for item in nodes["disco_items"]["items"]]
    await alice.plugin["xep_0060"].subscribe(AGGREGATOR, "check.stored", bare=False, timeout=10)
    uuid = await store(house)
    event = await asyncio.wait_for(heard.get(), 10)
    assert (event["topic"], event["data"]["uuid"]) == ("check.stored", uuid)
    await alice.plugin["xep_0060"].unsubscribe(AGGREGATOR, "check.stored", bare=False, timeout=10)
    await store(house)
    house.bus.publish("presence.changed", {"jid": "x@localhost", "show": "xa", "status": ""})
    await alice.get_roster(timeout=10)
    assert heard.empty()


async def test_what_was_missed_is_replayed_from_an_event_on(house: House, agents: Any) -> None:
    await house.gateway.approve("alice@localhost")
    alice, heard = agents["alice"], listen(agents["alice"])
    uuids = [await store(house) for _ in range(3)]
    iq = alice.make_iq_set(ito=AGGREGATOR)
    iq.xml.append(
        ET.fromstring(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='check.stored' jid='alice@localhost/s'/>"
            "<options><x xmlns='jabber:x:data' type='submit'><field var='since'><value>0</value></field></x></options>"
            "</pubsub>"
        )
    )
    await iq.send(timeout=10)
    assert [(await asyncio.wait_for(heard.get(), 10))["data"]["uuid"] for _ in range(3)] == uuids


async def test_who_missed_too_much_and_who_is_too_slow_are_told(house: House, agents: Any) -> None:
    await house.gateway.approve("alice@localhost")
    alice, heard = agents["alice"], listen(agents["alice"])
    for _ in range(1_050):
        house.bus.publish("check.sealed", {"n": 1})
    iq = alice.make_iq_set(ito=AGGREGATOR)
    iq.xml.append(
        ET.fromstring(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='check.stored' jid='alice@localhost/s'/>"
            "<options><x xmlns='jabber:x:data' type='submit'><field var='since'><value>1</value></field></x></options>"
            "</pubsub>"
        )
    )
    await iq.send(timeout=10)
    assert (await asyncio.wait_for(heard.get(), 10))["topic"] == "events.lost"
    ended: asyncio.Queue[Any] = asyncio.Queue()
    alice.add_event_handler("pubsub_subscription", lambda said: ended.put_nowait(said["pubsub_event"]["subscription"]))
    for _ in range(1_100):
        house.bus.publish("check.stored", {"uuid": "x"})
    said = await asyncio.wait_for(ended.get(), 10)
    assert (said["node"], said["subscription"]) == ("check.stored", "none")
    assert house.gateway.board is not None


async def test_strangers_other_names_unknown_topics_and_publishers_are_refused(house: House, agents: Any) -> None:
    await house.gateway.approve("alice@localhost")
    pubsub = {user: client.plugin["xep_0060"] for user, client in agents.items()}
    with pytest.raises(IqError) as refused:
        await pubsub["bob"].subscribe(AGGREGATOR, "check.stored", bare=False, timeout=10)
    assert refused.value.condition == "forbidden"
    with pytest.raises(IqError) as refused:
        await pubsub["alice"].subscribe(AGGREGATOR, "nothing", bare=False, timeout=10)
    assert refused.value.condition == "item-not-found"
    with pytest.raises(IqError) as refused:
        await pubsub["alice"].subscribe(AGGREGATOR, "check.stored", subscribee="bob@localhost/s", timeout=10)
    assert refused.value.condition == "forbidden"
    with pytest.raises(IqError) as refused:
        await pubsub["alice"].publish(AGGREGATOR, "check.stored", timeout=10)
    assert refused.value.condition == "forbidden"
    with pytest.raises(IqError):
        await pubsub["alice"].subscribe(AGGREGATOR, "task.moved", bare=False, timeout=10)


async def test_a_message_between_others_is_nobodys_to_hear_and_the_revoked_hear_nothing(
    house: House, agents: Any
) -> None:
    for user in ("alice", "bob"):
        await house.gateway.approve(f"{user}@localhost")
    heard = listen(agents["alice"])
    for topic in ("message.received", "presence.changed"):
        await agents["alice"].plugin["xep_0060"].subscribe(AGGREGATOR, topic, bare=False, timeout=10)
    house.bus.publish("message.received", {"from": "bob@localhost/s", "to": "aggregator@localhost", "id": "1"})
    house.bus.publish("message.received", {"from": "aggregator@localhost", "to": "alice@localhost/s", "id": "2"})
    while (event := await asyncio.wait_for(heard.get(), 10))["topic"] != "message.received":
        pass
    assert event["data"]["id"] == "2"
    await house.gateway.revoke("alice@localhost")
    assert house.gateway._topics.subscribers == 0
