"""The server on the real store: what must last lasts in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pumpkin.adapters.xmppd import AccountStore, XmppServer
from pumpkin.store.accounts import Accounts
from pumpkin.store.database import Database
from tests.adapters.xmppd.conftest import PASSWORD
from tests.adapters.xmppd.raw import RawClient

Start = Callable[[], Awaitable[XmppServer]]


@pytest.fixture
async def start(database: Database, certificates: Path) -> AsyncIterator[Start]:
    """Start a server on the same database; the one before is stopped."""
    running: list[XmppServer] = []

    async def make() -> XmppServer:
        while running:
            await running.pop().stop()
        store: AccountStore = Accounts(database)
        server = XmppServer(store, "localhost", "127.0.0.1", 0, certificates)
        await server.start()
        running.append(server)
        return server

    yield make
    while running:
        await running.pop().stop()


async def test_accounts_rosters_messages_and_items_outlive_the_server(start: Start) -> None:
    server = await start()
    for name in ("alice", "bob"):
        await server.add_account(name, PASSWORD)
    alice = await RawClient.login(server, "alice", PASSWORD, "r")
    alice.send("<presence to='bob@localhost' type='subscribe'/>")
    for n in range(250):
        alice.send(f"<message to='bob@localhost' id='n{n}n'><body>ä &amp; {n}</body></message>")
    alice.send(
        "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='list'>"
        "<item id='current'><x xmlns='urn:x' a='1'/></item></publish></pubsub></iq>"
    )
    await alice.ping()
    server = await start()
    bob = await RawClient.login(server, "bob", PASSWORD, "r")
    bob.send("<presence/>")
    text = await bob.until("n249n")
    assert [text.index(f"n{n}n") for n in range(250)] == sorted(text.index(f"n{n}n") for n in range(250))
    assert 'type="subscribe"' in text
    alice = await RawClient.login(server, "alice", PASSWORD, "r")
    alice.send(
        "<iq type='get' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='list'/></pubsub></iq>"
    )
    assert '<x xmlns="urn:x" a="1"/>' in await alice.until("</iq>")
    alice.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    assert 'ask="subscribe"' in await alice.until("</iq>")


async def test_a_proven_message_leaves_the_store(start: Start, database: Database) -> None:
    server = await start()
    for name in ("alice", "bob"):
        await server.add_account(name, PASSWORD)
    alice = await RawClient.login(server, "alice", PASSWORD, "r")
    alice.send("<message to='bob@localhost' id='one'><body>x</body></message>")
    await alice.ping()
    bob = await RawClient.login(server, "bob", PASSWORD, "r")
    bob.send("<presence/>")
    await bob.until("one")
    ping = await bob.until("</iq>")
    assert await Accounts(database).offline_count("bob@localhost") == 1
    bob.send(f"<iq type='result' to='localhost' id='{ping.split('id=')[-1].split(chr(34))[1]}'/>")
    bob.text = ""
    await bob.ping()
    assert await Accounts(database).offline_count("bob@localhost") == 0
