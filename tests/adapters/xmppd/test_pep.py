"""Device lists and bundles as OMEMO clients publish, read and follow them; sent by slixmpp."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
import slixmpp
from slixmpp.exceptions import IqError

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.raw import RawClient

Slix = Callable[..., Awaitable[slixmpp.ClientXMPP]]
DEVICES = "eu.siacs.conversations.axolotl.devicelist"
BUNDLE = "eu.siacs.conversations.axolotl.bundles:7"
PLUGINS = ("xep_0004", "xep_0030", "xep_0060", "xep_0115", "xep_0163")


def devices(*ids: int) -> Element:
    made = Element("{eu.siacs.conversations.axolotl}list")
    for one in ids:
        SubElement(made, "{eu.siacs.conversations.axolotl}device", id=str(one))
    return made


def options(client: slixmpp.ClientXMPP, **wanted: str) -> Any:
    form = client.plugin["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in wanted.items():
        form.add_field(var=f"pubsub#{name}", value=value)
    return form


async def read(client: slixmpp.ClientXMPP, owner: str, node: str) -> list[tuple[str, list[str]]]:
    answer = await client.plugin["xep_0060"].get_items(slixmpp.JID(owner), node)
    return [(i["id"], [d.get("id") for d in i["payload"]]) for i in answer["pubsub"]["items"]]


async def test_an_open_node_is_read_by_anybody_while_its_owner_is_away(server: XmppServer, slix: Slix) -> None:
    alice = await slix("alice", plugins=PLUGINS)
    await alice.plugin["xep_0060"].publish(
        alice.boundjid.bare, DEVICES, id="current", payload=devices(1, 2), options=options(alice, access_model="open")
    )
    await alice.disconnect()
    bob = await slix("bob", plugins=PLUGINS)
    assert await read(bob, "alice@localhost", DEVICES) == [("current", ["1", "2"])]


async def test_a_node_for_presence_is_read_by_subscribers_only(server: XmppServer, slix: Slix) -> None:
    alice, bob = await slix("alice", plugins=PLUGINS), await slix("bob", plugins=PLUGINS)
    await alice.plugin["xep_0060"].publish(alice.boundjid.bare, DEVICES, id="current", payload=devices(1))
    with pytest.raises(IqError, match="not-authorized"):
        await read(bob, "alice@localhost", DEVICES)


async def test_only_the_owner_writes(server: XmppServer, slix: Slix) -> None:
    bob = await slix("bob", plugins=PLUGINS)
    with pytest.raises(IqError, match="forbidden"):
        await bob.plugin["xep_0060"].publish("alice@localhost", DEVICES, id="current", payload=devices(9))
    with pytest.raises(IqError, match="item-not-found"):
        await read(bob, "alice@localhost", DEVICES)


async def test_the_newest_item_replaces_and_is_told_to_who_asked(server: XmppServer, slix: Slix) -> None:
    alice = await slix("alice", plugins=PLUGINS)
    bob = await slix("bob", plugins=())
    for plugin in PLUGINS:
        bob.register_plugin(plugin)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    bob.add_event_handler("pubsub_publish", heard.put_nowait)
    bob.plugin["xep_0163"].add_interest(DEVICES)
    await bob.plugin["xep_0115"].update_caps()
    alice.auto_authorize = True
    for client in (alice, bob):
        client.send_presence()
        await client.get_roster()
    bob.send_presence_subscription("alice@localhost")
    access = options(alice, access_model="open")
    await alice.plugin["xep_0060"].publish(
        alice.boundjid.bare, DEVICES, id="current", payload=devices(1), options=access
    )
    await alice.plugin["xep_0060"].publish(alice.boundjid.bare, DEVICES, id="current", payload=devices(1, 2))
    async with asyncio.timeout(10):
        while True:
            event = await heard.get()
            items = event["pubsub_event"]["items"]
            if [len(i["payload"]) for i in items] == [2]:
                break
    assert items["node"] == DEVICES
    assert await read(bob, "alice@localhost", DEVICES) == [("current", ["1", "2"])]


async def test_other_options_are_a_conflict_until_the_node_is_configured(server: XmppServer, slix: Slix) -> None:
    alice = await slix("alice", plugins=PLUGINS)
    pubsub = alice.plugin["xep_0060"]
    own = alice.boundjid.bare
    await pubsub.publish(own, BUNDLE, id="current", payload=devices(1))
    with pytest.raises(IqError) as refused:
        await pubsub.publish(own, BUNDLE, id="current", payload=devices(2), options=options(alice, access_model="open"))
    assert refused.value.iq["error"]["condition"] == "conflict"
    assert "precondition-not-met" in str(refused.value.iq)
    form = (await pubsub.get_node_config(own, BUNDLE))["pubsub_owner"]["configure"]["form"]
    form.reply()
    form.set_values({"pubsub#access_model": "open"})
    await pubsub.set_node_config(own, BUNDLE, form)
    await pubsub.publish(own, BUNDLE, id="current", payload=devices(2), options=options(alice, access_model="open"))
    assert await read(alice, own, BUNDLE) == [("current", ["2"])]


async def test_items_are_retracted_and_nodes_deleted(server: XmppServer, slix: Slix) -> None:
    alice = await slix("alice", plugins=PLUGINS)
    pubsub, own = alice.plugin["xep_0060"], alice.boundjid.bare
    many = options(alice, max_items="max")
    for name in ("a", "b", "c"):
        await pubsub.publish(own, BUNDLE, id=name, payload=devices(1), options=many)
    await pubsub.retract(own, BUNDLE, "b")
    assert [name for name, _ in await read(alice, own, BUNDLE)] == ["a", "c"]
    await pubsub.delete_node(own, BUNDLE)
    with pytest.raises(IqError, match="item-not-found"):
        await read(alice, own, BUNDLE)


async def test_a_session_that_did_not_ask_hears_nothing(
    server: XmppServer, login: Callable[..., Awaitable[RawClient]]
) -> None:
    quiet, owner = await login("alice", "quiet"), await login("alice", "owner")
    quiet.send("<presence/>")
    await quiet.ping()
    owner.send(
        "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>"
        "<item id='i'><x xmlns='urn:x'/></item></publish></pubsub></iq>"
    )
    await owner.until("</iq>")
    quiet.text = ""
    await quiet.ping()
    assert "event" not in quiet.text


async def test_an_approved_contact_learns_what_was_published_before(server: XmppServer, slix: Slix) -> None:
    alice, bob = await slix("alice", plugins=PLUGINS), await slix("bob", plugins=PLUGINS)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    bob.add_event_handler("pubsub_publish", heard.put_nowait)
    bob.plugin["xep_0163"].add_interest(DEVICES)
    await bob.plugin["xep_0115"].update_caps()
    await alice.plugin["xep_0060"].publish(alice.boundjid.bare, DEVICES, id="current", payload=devices(1, 2, 3))
    for client in (alice, bob):
        client.send_presence()
        await client.get_roster()
    bob.send_presence_subscription("alice@localhost")
    event = await asyncio.wait_for(heard.get(), 10)
    assert event["from"] == "alice@localhost"
    assert [len(i["payload"]) for i in event["pubsub_event"]["items"]] == [3]
