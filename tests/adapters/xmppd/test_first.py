"""A foreign client connects, authenticates, subscribes, sends and is answered; an attached agent does the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import slixmpp

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.conftest import Listener

Slix = Callable[..., Awaitable[slixmpp.ClientXMPP]]


async def test_slixmpp_talks_to_an_attached_agent(server: XmppServer, slix: Slix, listener: Listener) -> None:
    agent = server.attach("aggregator", listener)
    agent.send("<presence/>")
    client = await slix("alice")
    heard: asyncio.Queue[str] = asyncio.Queue()
    client.add_event_handler("message", lambda m: heard.put_nowait(m["body"]))
    client.send_presence()
    client.send_message("aggregator@localhost", "five < six & more", mtype="chat")
    [message] = await listener.wait("message")
    assert message.get("from") == "alice@localhost/slix"
    assert message.findtext("{jabber:client}body") == "five < six & more"
    agent.send("<message type='chat' to='alice@localhost/slix'><body>stored</body></message>")
    assert await asyncio.wait_for(heard.get(), 10) == "stored"


async def test_replies_come_from_the_alias_addressed(server: XmppServer, slix: Slix, listener: Listener) -> None:
    agent = server.attach("aggregator", listener, aliases=("correlation-engine",))
    agent.send("<presence/>")
    client = await slix("alice")
    heard: asyncio.Queue[str] = asyncio.Queue()
    client.add_event_handler("message", lambda m: heard.put_nowait(str(m["from"].bare)))
    client.send_message("correlation-engine@localhost", "hello")
    await listener.wait("message", to="correlation-engine@localhost")
    agent.send("<message to='alice@localhost/slix'><body>stored</body></message>")
    assert await asyncio.wait_for(heard.get(), 10) == "correlation-engine@localhost"


async def test_subscription_to_an_alias_shows_its_presence(server: XmppServer, slix: Slix, listener: Listener) -> None:
    agent = server.attach("aggregator", listener, aliases=("correlation-engine",))
    agent.send("<presence><show>chat</show></presence>")
    client = await slix("alice")
    seen: asyncio.Queue[str] = asyncio.Queue()
    client.add_event_handler("presence", lambda p: p["from"].user != "alice" and seen.put_nowait(str(p["from"].bare)))
    client.send_presence()
    await client.get_roster()
    client.send_presence_subscription("correlation-engine@localhost")
    [asked] = await listener.wait("presence", type="subscribe")
    agent.send(f"<presence type='subscribed' to='{asked.get('from')}'/>")
    async with asyncio.timeout(10):
        assert await seen.get() == "correlation-engine@localhost"
        assert client.client_roster["correlation-engine@localhost"]["subscription"] == "to"
