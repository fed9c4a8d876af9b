"""Input made to hurt: bombs, entities, spoofing, floods, peers that do not read. Others stay unharmed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.conftest import Listener
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import HEADER, RawClient

Make = Callable[..., Awaitable[XmppServer]]
Login = Callable[..., Awaitable[RawClient]]


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<?php x?>", "restricted-xml"),
        ("<!-- c -->", "restricted-xml"),
        ("<message><body>&lol;</body></message>", "not-well-formed"),
        ("<message><body></message>", "not-well-formed"),
        ("<message><x:body/></message>", "not-well-formed"),
        ("<message>" + "<a>" * 100, "policy-violation"),
        ("<message " + " ".join(f"a{n}='1'" for n in range(200)) + "/>", "policy-violation"),
        ("<message><b " + " ".join(f"a{n}='1'" for n in range(200)) + "/></message>", "policy-violation"),
        ("<message>" + "<a/>" * 60_000 + "</message>", "policy-violation"),
        ("<message to='bob@localhost' xmlns='urn:other'/>", "unsupported-stanza-type"),
        ("<unknown/>", "unsupported-stanza-type"),
        (b"<message><body>\xff\xfe</body></message>", "not-well-formed"),
        ("<message><body>\x00</body></message>", "not-well-formed"),
    ],
)
async def test_xml_that_is_no_stanza_ends_the_stream(login: Login, said: str | bytes, condition: str) -> None:
    client = await login()
    client.send(said)
    assert f"<{condition}" in await client.rest()


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_document_type_is_refused_before_it_is_read(server: XmppServer, where: str) -> None:
    client = await RawClient.connect(server)
    bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
    client.send(bomb + HEADER if where == "before" else HEADER + bomb)
    answer = await client.rest()
    assert "restricted-xml" in answer or "not-well-formed" in answer


@pytest.mark.parametrize("hidden", ["<iq/>", "no tag at all " * 8])
async def test_a_stanza_past_the_limit_is_a_policy_violation(make_server: Make, login: Login, hidden: str) -> None:
    server = await make_server({"stanza_size": 200_000})
    client = await login(to=server)
    client.send(f"<message to='bob@localhost'><body>{'x' * 150_000}</body></message>")
    await client.ping()
    client.send("<message to='bob@localhost'><body>" + hidden * (400_000 // len(hidden)))
    assert "policy-violation" in await client.rest()


async def test_ten_mebibytes_arrive_whole(server: XmppServer, login: Login, listener: Listener) -> None:
    server.attach("aggregator", listener).send("<presence/>")
    client = await login()
    body = "0123456789abcdef" * (10 * 65536 - 100)
    client.send(f"<message to='aggregator@localhost'><body>{body}</body></message>")
    [message] = await listener.wait("message")
    assert message.findtext("{jabber:client}body") == body


async def test_before_login_little_is_taken(server: XmppServer) -> None:
    client = await RawClient.secure(server)
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + "A" * 100_000)
    assert "policy-violation" in await client.rest()


@pytest.mark.parametrize("forged", ["bob@localhost", "bob@localhost/x", "localhost", "alice@localhost/other"])
async def test_from_is_always_the_bound_jid(server: XmppServer, login: Login, listener: Listener, forged: str) -> None:
    server.attach("aggregator", listener).send("<presence/>")
    client = await login("alice", "probe")
    for stanza in (
        "<message to='aggregator@localhost' from='{}'><body>x</body></message>",
        "<iq type='set' id='q' to='aggregator@localhost' from='{}'><x xmlns='y'/></iq>",
        "<presence to='aggregator@localhost' from='{}'/>",
    ):
        client.send(stanza.format(forged))
    await client.ping()
    mine = [s for s in listener.heard if s.get("from", "").partition("@")[0] != "aggregator"]
    assert [s.get("from") for s in mine] == ["alice@localhost/probe"] * 3


async def test_prefixes_of_one_stream_do_not_break_another(server: XmppServer, login: Login) -> None:
    bob = await login("bob")
    bob.send("<presence/>")
    await bob.ping()
    odd = await RawClient.secure(server)
    await odd.authenticate("alice", "an0ther secret")
    odd.send("</stream:stream>")
    odd = await RawClient.secure(server)
    from base64 import b64encode

    secret = b64encode(b"\0alice\0an0ther secret").decode()
    odd.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
    await odd.until("</success>")
    odd.send(HEADER.replace(" to=", " xmlns:odd='urn:odd' xmlns:unused='urn:unused' to="))
    await odd.until("</stream:features>")
    odd.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    await odd.until("</iq>")
    odd.send("<message to='bob@localhost'><odd:thing odd:a='1'/><body>5 &gt; 4</body></message>")
    odd.send("<c:message xmlns:c='jabber:client' to='bob@localhost'><c:body>prefixed</c:body></c:message>")
    first, second = (await message(bob), await message(bob))
    assert first.find("{urn:odd}thing").attrib == {"{urn:odd}a": "1"}
    assert second.findtext("{jabber:client}body") == "prefixed"


async def message(client: RawClient):
    while True:
        stanza = await client.stanza()
        if stanza.tag == "{jabber:client}message":
            return stanza


@pytest.mark.parametrize(
    "stanza",
    [
        "<message to='bob@localhost' type='chat' id='a>b'><body/></message>",
        "<message to='bob@localhost' id='a/>'>/></message>",
        '<message to="bob@localhost" id=\'q"&apos;&lt;&amp;\'><body>]]&gt;</body></message>',
        "<message\n to='bob@localhost'\t><body><![CDATA[<raw>]]></body></message\n>",
        "<message to='bob@localhost'/>",
    ],
)
async def test_any_well_formed_stanza_arrives_as_it_was(login: Login, stanza: str) -> None:
    import xml.etree.ElementTree as ET

    bob, alice = await login("bob"), await login("alice")
    bob.send("<presence/>")
    await bob.ping()
    alice.send(stanza + "<message to='bob@localhost' id='next'/>")
    sent = ET.fromstring(stanza.replace("<message", "<message xmlns='jabber:client'", 1))
    came = await message(bob)
    assert came.get("id") == sent.get("id")
    assert [(e.tag, e.text) for e in came.iter()] == [(e.tag, e.text) for e in sent.iter()]
    assert (await message(bob)).get("id") == "next"


async def test_stanzas_cut_at_every_byte_arrive(server: XmppServer, login: Login, listener: Listener) -> None:
    server.attach("aggregator", listener).send("<presence/>")
    client = await login()
    text = "<message to='aggregator@localhost' id='x'><body a='1>2'>ä€ &amp; <b/></body></message>".encode()
    for n in range(len(text)):
        client.send(text[n : n + 1])
        await client.writer.drain()
        await asyncio.sleep(0)
    [message] = await listener.wait("message")
    assert message.findtext("{jabber:client}body") == "ä€ & "


async def test_a_reader_that_stalls_is_cut_off_and_others_go_on(
    make_server: Make, login: Login, listener: Listener, store: MemoryStore
) -> None:
    server = await make_server({"slow_s": 0.5, "high_water": 65536})
    server.attach("aggregator", listener).send("<presence/>")
    stalled, sender, other = (
        await login("bob", to=server),
        await login("alice", to=server),
        await login("alice", "b", to=server),
    )
    stalled.send("<presence/>")
    await stalled.ping()
    stalled.writer.transport.pause_reading()
    body = "x" * 100_000
    for n in range(200):
        sender.send(f"<message to='bob@localhost' type='chat' id='n{n}n'><body>{body}</body></message>")
    other.send("<message to='aggregator@localhost'><body>still here</body></message>")
    await listener.wait("message")
    await sender.ping()
    assert not list(server.router.sessions("bob@localhost"))
    stalled.writer.transport.resume_reading()
    found = set(re.findall(r'id="n(\d+)n"', await stalled.rest() + "".join(text for _, text in store.kept.values())))
    assert found == {str(n) for n in range(200)}


async def test_a_stalled_probe_does_not_stop_an_attached_agent(
    make_server: Make, login: Login, listener: Listener
) -> None:
    server = await make_server({"slow_s": 60, "high_water": 65536})
    agent = server.attach("aggregator", listener)
    stalled, other = await login("bob", to=server), await login("alice", to=server)
    stalled.writer.transport.pause_reading()
    for _ in range(100):
        agent.send(f"<message to='bob@localhost/test'><body>{'x' * 100_000}</body></message>")
    agent.send("<message to='alice@localhost/test'><body>in time</body></message>")
    assert "in time" in await other.until("</message>")


async def test_what_a_peer_may_hold_has_a_ceiling(make_server: Make, login: Login, listener: Listener) -> None:
    server = await make_server({"slow_s": 60, "ceiling": 2_000_000, "stanza_size": 500_000})
    agent = server.attach("aggregator", listener)
    stalled = await login("bob", to=server)
    stalled.writer.transport.pause_reading()
    for _ in range(200):
        agent.send(f"<message to='bob@localhost/test'><body>{'x' * 100_000}</body></message>")
    async with asyncio.timeout(10):
        while server.connections:
            await asyncio.sleep(0.01)
    assert not list(server.router.sessions("bob@localhost"))


async def test_a_peer_that_acknowledges_nothing_is_ended(make_server: Make, login: Login, listener: Listener) -> None:
    server = await make_server({"unacknowledged": 50})
    agent = server.attach("aggregator", listener)
    silent = await login("bob", to=server)
    silent.send("<enable xmlns='urn:xmpp:sm:3'/>")
    await silent.until("<enabled")
    for n in range(200):
        agent.send(f"<message to='bob@localhost/test'><body>{n}</body></message>")
    await silent.rest()
    assert server.connections == 0


async def test_a_flood_is_slowed_and_loses_nothing(make_server: Make, login: Login, listener: Listener) -> None:
    server = await make_server({"stanza_rate": 2_000.0, "stanza_burst": 100})
    server.attach("aggregator", listener).send("<presence/>")
    client = await login(to=server)
    began = asyncio.get_running_loop().time()
    for n in range(2_000):
        client.send(f"<message to='aggregator@localhost' id='{n}'><body>x</body></message>")
    heard = await listener.wait("message", 2_000)
    assert [s.get("id") for s in heard] == [str(n) for n in range(2_000)]
    await client.ping()
    assert asyncio.get_running_loop().time() - began > 0.5


async def test_a_dead_peer_is_noticed(make_server: Make, login: Login) -> None:
    server = await make_server({"quiet_s": 0.2})
    client = await login(to=server)
    assert "urn:xmpp:ping" in await client.until("</iq>")
    assert await client.rest() == ""
    assert server.connections == 0


async def test_a_peer_that_answers_pings_stays(make_server: Make, login: Login) -> None:
    server = await make_server({"quiet_s": 0.2})
    client = await login(to=server)
    for _ in range(4):
        ping = await client.stanza()
        client.send(f"<iq type='result' id='{ping.get('id')}' to='localhost'/>")
    assert server.connections == 1


async def test_an_unread_large_presence_is_refused(login: Login) -> None:
    client = await login()
    client.send(f"<presence><status>{'x' * 70_000}</status></presence>")
    assert "policy-violation" in await client.until("</presence>")


async def test_many_names_do_not_grow_the_parser(server: XmppServer, login: Login) -> None:
    client = await login()
    for start in range(0, 20_000, 1_000):
        names = "".join(f"<n{start + n} xmlns='urn:{start + n}' a{start + n}='1'/>" for n in range(1_000))
        client.send(f"<message to='localhost' type='error'><x>{names}{'x' * 500_000}</x></message>")
    await client.ping()
    assert "sync-ping" in client.text
