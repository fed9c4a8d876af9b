"""Rosters, subscriptions and presence as RFC 6121 has them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.conftest import Listener
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import RawClient

Login = Callable[..., Awaitable[RawClient]]
C = "{jabber:client}"
R = "{jabber:iq:roster}"


class Person:
    """A raw client that is available, with its roster read."""

    def __init__(self, client: RawClient) -> None:
        self.client = client

    @classmethod
    async def arrive(cls, client: RawClient) -> Person:
        client.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        person = cls(client)
        await person.all()
        return person

    def send(self, kind: str, to: str) -> None:
        self.client.send(f"<presence type='{kind}' to='{to}'/>")

    async def all(self) -> list[tuple[str, ...]]:
        """What came up to now: ("presence", from, type) and ("push", jid, subscription, ask)."""
        self.client.send("<iq type='get' id='sync' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        found: list[tuple[str, ...]] = []
        while True:
            stanza = await self.client.stanza()
            if stanza.get("id") == "sync":
                return found
            if stanza.tag == f"{C}presence":
                found.append(("presence", stanza.get("from", ""), stanza.get("type", "")))
            elif stanza.get("type") == "set":
                item = stanza.find(f"{R}query/{R}item")
                assert item is not None
                found.append(("push", item.get("jid", ""), item.get("subscription", ""), item.get("ask", "")))

    async def roster(self) -> dict[str, ET.Element]:
        self.client.send("<iq type='get' id='again'><query xmlns='jabber:iq:roster'/></iq>")
        while (stanza := await self.client.stanza()).get("id") != "again":
            pass
        return {i.get("jid", ""): i for i in stanza.iter(f"{R}item")}


async def befriend(alice: Person, bob: Person) -> None:
    """Each hears the other."""
    alice.send("subscribe", "bob@localhost")
    await alice.all()
    bob.send("subscribed", "alice@localhost")
    bob.send("subscribe", "alice@localhost")
    await bob.all()
    alice.send("subscribed", "bob@localhost")
    await alice.all()
    await bob.all()


async def test_a_subscription_is_asked_approved_and_shows_presence(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    alice.send("subscribe", "Bob@localhost/ignored")
    assert await alice.all() == [("push", "bob@localhost", "none", "subscribe")]
    assert await bob.all() == [("presence", "alice@localhost", "subscribe")]
    assert await bob.roster() == {}
    bob.send("subscribed", "alice@localhost")
    assert await bob.all() == [("push", "alice@localhost", "from", "")]
    assert await alice.all() == [
        ("presence", "bob@localhost", "subscribed"),
        ("push", "bob@localhost", "to", ""),
        ("presence", "bob@localhost/test", ""),
    ]


async def test_no_presence_is_shown_before_approval(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    alice.send("subscribe", "bob@localhost")
    alice.send("probe", "bob@localhost")
    bob.client.send("<presence><show>dnd</show></presence>")
    await bob.all()
    bob.client.send("<presence type='unavailable'/>")
    await bob.all()
    assert [seen for seen in await alice.all() if seen[0] == "presence"] == []


async def test_a_refused_request_is_told_and_forgotten(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    alice.send("subscribe", "bob@localhost")
    await alice.all()
    bob.send("unsubscribed", "alice@localhost")
    await bob.all()
    assert await alice.all() == [
        ("presence", "bob@localhost", "unsubscribed"),
        ("push", "bob@localhost", "none", ""),
    ]


async def test_a_request_waits_for_an_absent_contact_and_is_told_until_answered(login: Login) -> None:
    alice = await Person.arrive(await login("alice"))
    alice.send("subscribe", "bob@localhost")
    await alice.all()
    for resource in ("1", "2"):
        client = await login("bob", resource)
        client.send("<presence/>")
        assert ("presence", "alice@localhost", "subscribe") in await Person(client).all()
    Person(client).send("subscribed", "alice@localhost")
    await Person(client).all()
    third = await login("bob", "3")
    third.send("<presence/>")
    assert ("presence", "alice@localhost", "subscribe") not in await Person(third).all()


async def test_unsubscribing_ends_presence_both_ways_of_saying_it(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    await befriend(alice, bob)
    alice.send("unsubscribe", "bob@localhost")
    assert await alice.all() == [
        ("push", "bob@localhost", "from", ""),
        ("presence", "bob@localhost/test", "unavailable"),
    ]
    assert await bob.all() == [("presence", "alice@localhost", "unsubscribe"), ("push", "alice@localhost", "to", "")]
    alice.send("unsubscribed", "bob@localhost")
    await alice.all()
    assert await bob.all() == [
        ("presence", "alice@localhost/test", "unavailable"),
        ("presence", "alice@localhost", "unsubscribed"),
        ("push", "alice@localhost", "none", ""),
    ]
    bob.client.send("<presence><show>away</show></presence>")
    await bob.all()
    assert await alice.all() == []


async def test_a_subscribed_contact_that_asks_again_is_answered_at_once(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    await befriend(alice, bob)
    alice.send("subscribe", "bob@localhost")
    assert [s for s in await bob.all() if s[0] == "presence"] == []
    assert await alice.all() == [("presence", "bob@localhost/test", "")]


async def test_presence_goes_to_those_who_may_know_and_to_own_resources(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    await befriend(alice, bob)
    second = await Person.arrive(await login("bob", "second"))
    assert ("presence", "bob@localhost/second", "") in await alice.all()
    assert ("presence", "bob@localhost/second", "") in await bob.all()
    second.client.abort()
    while ("presence", "bob@localhost/second", "unavailable") not in await alice.all():
        pass
    assert ("presence", "bob@localhost/second", "unavailable") in await bob.all()


async def test_who_arrives_sees_who_is_there(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    await befriend(alice, bob)
    later = await login("alice", "later")
    later.send("<presence/>")
    seen = await Person(later).all()
    assert ("presence", "bob@localhost/test", "") in seen
    assert ("presence", "alice@localhost/test", "") in seen


async def test_directed_presence_ends_with_the_session(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    alice.client.send("<presence to='bob@localhost'/>")
    await alice.all()
    assert await bob.all() == [("presence", "alice@localhost/test", "")]
    alice.client.send("</stream:stream>")
    await alice.client.rest()
    assert await bob.all() == [("presence", "alice@localhost/test", "unavailable")]


async def test_unknown_presence_types_are_ignored(login: Login) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    for kind in ("invisible", "online", "available"):
        alice.send(kind, "bob@localhost")
        alice.client.send(f"<presence type='{kind}'/>")
    assert await alice.all() == await bob.all() == []


async def test_nobody_and_strangers_are_answered(login: Login) -> None:
    alice = await Person.arrive(await login("alice"))
    alice.send("subscribe", "nobody@localhost")
    assert await alice.all() == [
        ("push", "nobody@localhost", "none", "subscribe"),
        ("presence", "nobody@localhost", "unsubscribed"),
        ("push", "nobody@localhost", "none", ""),
    ]
    alice.send("subscribe", "x@elsewhere.example")
    assert await alice.all() == [("presence", "x@elsewhere.example", "error")]


async def test_a_forged_approval_changes_nothing(login: Login, store: MemoryStore) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    alice.send("subscribed", "bob@localhost")
    bob.send("unsubscribed", "alice@localhost")
    bob.send("unsubscribe", "alice@localhost")
    assert await alice.all() == await bob.all() == []
    assert not any(store.rosters.values())


async def test_roster_items_are_named_pushed_and_removed(login: Login, store: MemoryStore) -> None:
    alice, bob = await Person.arrive(await login("alice")), await Person.arrive(await login("bob"))
    await befriend(alice, bob)
    alice.client.send(
        "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='B &amp; &lt;b>'>"
        "<group>a&lt;b</group><group>c</group></item></query></iq>"
    )
    assert await alice.all() == [("push", "bob@localhost", "both", "")]
    item = (await alice.roster())["bob@localhost"]
    assert item.get("name") == "B & <b>"
    assert [g.text for g in item] == ["a<b", "c"]
    alice.client.send(
        "<iq type='set' id='d'><query xmlns='jabber:iq:roster'>"
        "<item jid='bob@localhost' subscription='remove'/></query></iq>"
    )
    assert ("push", "bob@localhost", "remove", "") in await alice.all()
    seen = await bob.all()
    assert ("presence", "alice@localhost", "unsubscribe") in seen
    assert ("presence", "alice@localhost", "unsubscribed") in seen
    assert seen[-1] == ("push", "alice@localhost", "none", "")
    assert store.rosters["alice@localhost"] == {}


async def test_roster_sets_of_the_wrong_form_are_refused(login: Login) -> None:
    alice = await login("alice")
    for item in ("", "<item jid=''/>", "<item jid='a@b'/><item jid='c@d'/>", "<item jid='x@y' subscription='remove'/>"):
        alice.send(f"<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
        assert (await alice.stanza()).get("type") == "error"


async def test_rosters_outlive_a_restart(make_server: Callable[..., Awaitable[XmppServer]], login: Login) -> None:
    first, second = await make_server(), await make_server()
    alice = await Person.arrive(await login("alice", to=first))
    bob = await Person.arrive(await login("bob", to=first))
    await befriend(alice, bob)
    again = await Person.arrive(await login("alice", to=second))
    assert (await again.roster())["bob@localhost"].get("subscription") == "both"


async def test_an_attached_agent_approves_and_watches(server: XmppServer, login: Login, listener: Listener) -> None:
    agent = server.attach("aggregator", listener)
    agent.send("<presence/>")
    alice = await Person.arrive(await login("alice"))
    alice.send("subscribe", "aggregator@localhost")
    [asked] = await listener.wait("presence", type="subscribe")
    for kind in ("subscribed", "subscribe"):
        agent.send(f"<presence type='{kind}' to='{asked.get('from')}'/>")
    while ("presence", "aggregator@localhost", "subscribe") not in await alice.all():
        pass
    alice.send("subscribed", "aggregator@localhost")
    await listener.wait("presence", from_="alice@localhost/test")
    alice.client.send("<presence><show>dnd</show><status>busy</status></presence>")
    await alice.all()
    assert listener.heard[-1].findtext(f"{C}show") == "dnd"
    alice.client.abort()
    await listener.wait("presence", from_="alice@localhost/test", type="unavailable")
