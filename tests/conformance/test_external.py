"""The gateway on a server that is not ours: as a client, under several names, and as a component (XEP-0114)."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from actors.aggregator import Aggregator
from actors.gateway import Gateway
from pumpkin.adapters.component import ComponentSession
from pumpkin.adapters.embedded.prosody import Prosody
from pumpkin.adapters.names import Several
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import message, presence
from pumpkin.adapters.xmpp import XmppSession, tls_context
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.bus import Bus
from pumpkin.store import checks
from pumpkin.store.database import Database
from tests.actors.test_gateway import SPADE, Ear, native, said, scandale

PASSWORD, SECRET, DOMAIN = "an0ther secret", "component secret", "pumpkin.localhost"


@pytest.fixture
async def prosody(certificates: Path) -> AsyncIterator[Prosody]:
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-prosody-"))
    folder.chmod(0o711)
    server = Prosody(
        folder / "p", "localhost", "127.0.0.1", 0, Certificates(certificates, "localhost"), component=(DOMAIN, SECRET)
    )
    await server.start()
    for name in ("aggregator", "correlation-engine", "alice"):
        await server.put_password(name, PASSWORD)
    yield server
    await server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def client(prosody: Prosody, name: str) -> XmppSession:
    context = tls_context(prosody.ca_path)
    return XmppSession(f"{name}@localhost", PASSWORD, host="127.0.0.1", port=prosody.port, context=context)


Open = Callable[[Callable[[set[str]], Session]], Awaitable[Gateway]]


@pytest.fixture
async def gateway(database: Database) -> AsyncIterator[Open]:
    """Starts a gateway with an aggregator behind it, on the session it is given."""
    running: list[Any] = []

    async def start(make: Callable[[set[str]], Session]) -> Gateway:
        bus, approved = Bus(), set[str]()
        aggregator = Aggregator.start(database, bus, known_agent=lambda agent: agent in approved)._actor_weakref()
        one = Gateway.start(
            database, bus, open_session=lambda: make(approved), receive=aggregator.receive, approved=approved
        )._actor_weakref()
        assert one is not None
        running.extend((one, aggregator))
        await one.started()
        async with asyncio.timeout(20):
            while not one.connected:
                await asyncio.sleep(0.02)
        return one

    yield start
    for actor in running:
        await actor.actor_ref.stop(block=False)
        await actor.ended()


async def deliver(session: XmppSession, to: str, database: Database) -> Ear:
    """Subscribe, see the aggregator, deliver by message and by IQ; what the session hears."""
    from pumpkin.adapters import stanzas

    ear = Ear(session)
    session.send(stanzas.iq("get", None, None, stanzas.Element("{jabber:iq:roster}query")))
    session.send(presence())
    session.send(presence("subscribe", to=to))
    await ear.until(lambda one: one.get("type") == "subscribe" and one.get("from", "").startswith(to))
    session.send(presence("subscribed", to=to))
    shown = await ear.until(lambda one: one.get("type") is None and one.get("from", "").startswith(f"{to}/"))
    uuid = str(uuid4())
    session.send(message(to, json.dumps(scandale(uuid)), SPADE))
    answer = await ear.until(lambda one: "performative" in said(one))
    assert (said(answer)["performative"], said(answer)["uuid"]) == ("confirm", uuid)
    assert answer.get("from", "").startswith(to)
    other = str(uuid4())
    stored = await session.request(stanzas.check_iq(native(other), shown.get("from")))
    assert stored[0].get("id") == other
    assert {str(one.id) for one in await checks.items(database, 0, 10)} == {uuid, other}
    return ear


async def until_shown(gateway: Gateway, jid: str, show: str) -> None:
    async with asyncio.timeout(15):
        while (one := gateway.board.agents.get(jid)) is None or one.show != show:
            await asyncio.sleep(0.02)


async def test_a_component_takes_checks_shows_itself_and_sees_its_agents(
    prosody: Prosody, gateway: Open, database: Database
) -> None:
    one = await gateway(
        lambda approved: ComponentSession(
            DOMAIN, SECRET, host="127.0.0.1", port=prosody.component_port, others=lambda: approved
        )
    )
    await one.approve("alice@localhost")
    session = client(prosody, "alice")
    session.start()
    await session.wait_connected()
    await deliver(session, f"aggregator@{DOMAIN}", database)
    await until_shown(one, "alice@localhost", "available")
    session.send(presence(show="dnd"))
    await until_shown(one, "alice@localhost", "dnd")
    await session.stop()
    await until_shown(one, "alice@localhost", "unavailable")


async def test_a_component_with_a_wrong_secret_says_so(prosody: Prosody) -> None:
    session = ComponentSession(DOMAIN, "wrong", host="127.0.0.1", port=prosody.component_port)
    session.start()
    async with asyncio.timeout(15):
        while session.trouble == "not connected yet":
            await asyncio.sleep(0.02)
    assert "not-authorized" in str(session.trouble)
    await session.stop()


async def test_a_client_under_two_names_answers_under_the_one_that_was_asked(
    prosody: Prosody, gateway: Open, database: Database
) -> None:
    one = await gateway(lambda _: Several(client(prosody, "aggregator"), client(prosody, "correlation-engine")))
    await one.approve("alice@localhost")
    session = client(prosody, "alice")
    session.start()
    await session.wait_connected()
    await deliver(session, "correlation-engine@localhost", database)
    await until_shown(one, "alice@localhost", "available")
    await session.stop()


async def test_prosody_is_started_again_when_it_dies(prosody: Prosody) -> None:
    process = prosody._process
    assert process is not None
    process.kill()
    await process.wait()
    session = client(prosody, "alice")
    session.start()
    await session.wait_connected(20)
    assert prosody._process is not process
    await session.stop()
