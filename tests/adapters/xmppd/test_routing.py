"""Where messages and IQs go, what waits for whom, and what an acknowledgement settles."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable

import pytest

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.conftest import PASSWORD, Listener
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import RawClient

Login = Callable[..., Awaitable[RawClient]]
C = "{jabber:client}"
SM = "urn:xmpp:sm:3"


def chat(to: str, body: str, kind: str = "chat") -> str:
    return f"<message to='{to}' type='{kind}' id='m-{body}'><body>{body}</body></message>"


async def available(client: RawClient, priority: int | None = None) -> None:
    """Send presence and swallow its echo."""
    client.send(f"<presence><priority>{priority}</priority></presence>" if priority is not None else "<presence/>")
    while (await client.stanza()).tag != f"{C}presence":
        pass


async def bodies(client: RawClient, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        stanza = await client.stanza()
        if stanza.tag == f"{C}message":
            found.append(stanza.findtext(f"{C}body") or "")
        elif stanza.find("{urn:xmpp:ping}ping") is not None:
            client.send(f"<iq type='result' id='{stanza.get('id')}' to='localhost'/>")
    return found


async def test_a_bare_jid_reaches_all_available_resources(login: Login) -> None:
    one, two, hidden, sender = [await login("bob", r) for r in ("1", "2", "3")] + [await login("alice")]
    for client, priority in ((one, 0), (two, 5), (hidden, -1)):
        await available(client, priority)
    sender.send(chat("BOB@localhost", "x"))
    assert await bodies(one, 1) == await bodies(two, 1) == ["x"]
    await hidden.ping()
    assert "m-x" not in hidden.text


async def test_a_full_jid_reaches_one_and_falls_back_to_the_others(login: Login) -> None:
    one, two, sender = await login("bob", "1"), await login("bob", "2"), await login("alice")
    await available(one)
    sender.send(chat("bob@localhost/2", "exact") + chat("bob@localhost/gone", "fallback"))
    assert await bodies(two, 1) == ["exact"]
    assert await bodies(one, 1) == ["fallback"]


@pytest.mark.parametrize(
    ("stanza", "condition"),
    [
        (chat("nobody@localhost", "x"), "service-unavailable"),
        (chat("bob@elsewhere.example", "x"), "remote-server-not-found"),
        (chat("a@b@localhost", "x"), "jid-malformed"),
        (chat("@localhost", "x"), "jid-malformed"),
        (chat("bob@localhost", "x", "groupchat"), "service-unavailable"),
        ("<iq type='get' id='1'><query xmlns='urn:unknown'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='localhost'><query xmlns='urn:unknown'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='bob@localhost'><query xmlns='urn:unknown'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1' to='bob@localhost/no'><query xmlns='urn:unknown'/></iq>", "service-unavailable"),
        ("<iq type='get' id='1'/>", "bad-request"),
        ("<iq type='wrong' id='1'><a xmlns='b'/></iq>", "bad-request"),
        ("<iq type='get'><a xmlns='b'/></iq>", "bad-request"),
    ],
)
async def test_what_cannot_be_served_is_answered(login: Login, stanza: str, condition: str) -> None:
    client = await login()
    client.send(stanza)
    answer = await client.stanza()
    assert answer.get("type") == "error"
    assert answer.find(f"{C}error/{{urn:ietf:params:xml:ns:xmpp-stanzas}}{condition}") is not None


async def test_errors_and_results_are_never_answered(login: Login) -> None:
    client = await login()
    client.send(chat("nobody@localhost", "x", "error") + "<iq type='result' id='1' to='nobody@localhost/x'/>")
    await client.ping()
    assert client.text.count("<iq") == 1


async def test_iqs_go_between_clients_both_ways(login: Login) -> None:
    asker, asked = await login("alice"), await login("bob", "agent")
    asker.send("<iq type='set' id='cmd' to='bob@localhost/agent'><command xmlns='urn:c' node='run'/></iq>")
    heard = await asked.stanza()
    assert heard.get("from") == "alice@localhost/test"
    asked.send(f"<iq type='result' id='cmd' to='{heard.get('from')}'><done xmlns='urn:c'/></iq>")
    answer = await asker.stanza()
    assert (answer.get("from"), answer.get("id")) == ("bob@localhost/agent", "cmd")


async def test_an_iq_to_an_attached_agents_bare_jid_is_its_own(server: XmppServer, login: Login) -> None:
    def serve(stanza: ET.Element) -> None:
        if stanza.tag == f"{C}iq":
            agent.send(
                f"<iq type='result' id='{stanza.get('id')}' to='{stanza.get('from')}' from='{stanza.get('to')}'/>"
            )

    agent = server.attach("aggregator", serve, aliases=("aggregation-engine",))
    client = await login()
    client.send("<iq type='set' id='c' to='aggregation-engine@localhost'><check xmlns='urn:pumpkin:check:0'/></iq>")
    answer = await client.stanza()
    assert (answer.get("type"), answer.get("from")) == ("result", "aggregation-engine@localhost")


async def test_messages_wait_in_order_until_they_are_proven_read(
    server: XmppServer, login: Login, store: MemoryStore
) -> None:
    sender = await login("alice")
    for n in range(450):
        sender.send(chat("bob@localhost", str(n)))
    await sender.ping()
    assert len(store.kept) == 450
    first = await login("bob")
    first.send("<presence/>")
    await first.until("m-449")
    first.abort()
    await settled(server, "bob@localhost")
    assert len(store.kept) == 450
    second = await login("bob")
    second.send("<presence/>")
    assert await bodies(second, 450) == [str(n) for n in range(450)]
    stanza = await second.stanza()
    second.send(f"<iq type='error' id='{stanza.get('id')}' to='localhost'/>")
    await second.ping()
    assert store.kept == {}


async def settled(server: XmppServer, bare: str) -> None:
    async with asyncio.timeout(10):
        while list(server.router.sessions(bare)):
            await asyncio.sleep(0.01)


async def test_a_kept_message_says_when_it_was_sent(login: Login) -> None:
    sender = await login("alice")
    sender.send(chat("bob@localhost", "late"))
    await sender.ping()
    client = await login("bob")
    client.send("<presence/>")
    delay = None
    while delay is None:
        delay = (await client.stanza()).find("{urn:xmpp:delay}delay")
    assert delay.get("from") == "localhost"
    assert delay.get("stamp", "").endswith("Z")


async def test_new_messages_queue_behind_kept_ones(login: Login) -> None:
    sender = await login("alice")
    for n in range(300):
        sender.send(chat("bob@localhost", str(n)))
    await sender.ping()
    client = await login("bob")
    client.send("<presence/>")
    for n in range(300, 400):
        sender.send(chat("bob@localhost", str(n)))
    assert await bodies(client, 400) == [str(n) for n in range(400)]


async def test_what_is_not_worth_keeping_is_not_kept(login: Login, store: MemoryStore) -> None:
    sender = await login("alice")
    sender.send(
        "<message to='bob@localhost' type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )
    sender.send(chat("bob@localhost", "x", "headline"))
    sender.send("<message to='bob@localhost'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>")
    await sender.ping()
    assert store.kept == {}


async def test_a_full_store_refuses_instead_of_losing(
    make_server: Callable[..., Awaitable[XmppServer]], login: Login
) -> None:
    server = await make_server({"offline": 3})
    sender = await login("alice", to=server)
    for n in range(4):
        sender.send(chat("bob@localhost", str(n)))
    answer = await sender.stanza()
    assert (answer.get("id"), answer.get("type")) == ("m-3", "error")


async def test_one_burst_sessions_are_processed_to_the_end(
    server: XmppServer, login: Login, listener: Listener
) -> None:
    server.attach("aggregator", listener).send("<presence/>")
    for n in range(50):
        client = await login("alice", f"burst{n}")
        client.send(
            "<presence/><presence type='subscribe' to='aggregator@localhost'/>"
            + chat("aggregator@localhost", str(n))
            + "<presence type='unavailable'/></stream:stream>"
        )
        client.writer.transport.close()
    heard = await listener.wait("message", 50)
    assert [m.findtext(f"{C}body") for m in heard] == [str(n) for n in range(50)]
    await listener.wait("presence", type="subscribe")


async def test_acknowledgements_count_what_was_handled(login: Login) -> None:
    client = await login()
    client.send(f"<enable xmlns='{SM}' resume='true'/>")
    assert "resume" not in await client.until("/>")
    client.send(chat("bob@localhost", "1") + chat("bob@localhost", "2") + f"<r xmlns='{SM}'/>")
    assert 'h="2"' in await client.until("/>")


async def test_what_was_not_acknowledged_waits_for_the_next_session(
    server: XmppServer, login: Login, store: MemoryStore
) -> None:
    client, sender = await login("bob"), await login("alice")
    client.send(f"<enable xmlns='{SM}'/><presence/>")
    await client.until("<r ")
    for n in range(4):
        sender.send(chat("bob@localhost", str(n)))
    await client.until("m-3")
    client.send(f"<a xmlns='{SM}' h='3'/>")
    await client.ping()
    client.abort()
    await settled(server, "bob@localhost")
    await sender.ping()
    assert [text.split("<body>")[1][0] for _, text in store.kept.values()] == ["2", "3"]


async def test_kept_messages_are_dropped_when_acknowledged(login: Login, store: MemoryStore) -> None:
    sender = await login("alice")
    sender.send(chat("bob@localhost", "1") + chat("bob@localhost", "2"))
    await sender.ping()
    client = await login("bob")
    client.send(f"<enable xmlns='{SM}'/><presence/>")
    await client.until("m-2")
    assert len(store.kept) == 2
    client.send(f"<a xmlns='{SM}' h='2'/>")
    await client.ping()
    assert [text.split("<body>")[1][0] for _, text in store.kept.values()] == ["2"]
    client.send(f"<a xmlns='{SM}' h='3'/>")
    client.text = ""
    await client.ping()
    assert store.kept == {}


@pytest.mark.parametrize("h", ["77", "-1", "x", ""])
async def test_a_wrong_count_ends_the_stream(login: Login, h: str) -> None:
    client = await login()
    client.send(f"<enable xmlns='{SM}'/><a xmlns='{SM}' h='{h}'/>")
    assert "<stream:error>" in await client.rest()


async def test_resumption_is_refused_politely(login: Login) -> None:
    client = await login()
    client.send(f"<resume xmlns='{SM}' previd='x' h='0'/>")
    assert "<item-not-found" in await client.until("</failed>")


async def test_the_server_says_what_it_can(login: Login) -> None:
    client = await login()
    client.send("<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    answer = await client.until("</iq>")
    assert "urn:xmpp:ping" in answer
    client.send("<iq type='get' id='2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    assert "publish-options" in await client.until("</iq>")
    client.send("<iq type='get' id='3' to='localhost'><query xmlns='jabber:iq:version'/></iq>")
    assert "Pumpkin" in await client.until("</iq>")


async def test_a_removed_account_is_gone_everywhere(server: XmppServer, login: Login, store: MemoryStore) -> None:
    client, watcher = await login("bob"), await login("alice")
    await available(client)
    watcher.send("<presence to='bob@localhost' type='subscribe'/>")
    await client.until("subscribe")
    await server.remove_account("bob")
    assert "not-authorized" in await client.rest()
    assert "bob" not in store.accounts
    again = await RawClient.secure(server)
    again.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGJvYgB4</auth>")
    assert "not-authorized" in await again.until("</failure>")


async def test_stopping_tells_every_client(server: XmppServer, login: Login) -> None:
    client = await login()
    await server.stop()
    assert "system-shutdown" in await client.rest()


async def test_an_attached_agent_gets_what_waited_and_holds_back_senders(
    server: XmppServer, login: Login, listener: Listener, store: MemoryStore
) -> None:
    await server.add_account("aggregator", PASSWORD)
    sender = await login("alice")
    sender.send(chat("aggregator@localhost", "early"))
    await sender.ping()
    agent = server.attach("aggregator", listener)
    agent.send("<presence/>")
    await listener.wait("message", id="m-early")
    agent.hold()
    sender.send(chat("aggregator@localhost", "1") + chat("aggregator@localhost", "2"))
    await listener.wait("message", id="m-1")
    await asyncio.sleep(0.05)
    assert not [s for s in listener.heard if s.get("id") == "m-2"]
    agent.release()
    await listener.wait("message", id="m-2")
    await agent.close()
    assert store.kept == {}
