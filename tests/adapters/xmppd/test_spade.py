"""Unmodified SPADE 4 agents against the embedded server."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pumpkin.adapters.xmppd import XmppServer
from tests import foreign
from tests.adapters.xmppd.conftest import Listener

AGENT = Path(__file__).parent / "spade_agent.py"
C = "{jabber:client}"


async def live(server: XmppServer, user: str, password: str) -> str:
    python = await asyncio.to_thread(foreign.spade)
    process = await asyncio.create_subprocess_exec(
        python, AGENT, f"{user}@localhost", password, str(server.port), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return output.decode()


@pytest.mark.parametrize("registration", ["closed", "open"])
async def test_a_spade_agent_lives_its_whole_life(
    make_server: Callable[..., Awaitable[XmppServer]], listener: Listener, registration: str
) -> None:
    server = await make_server(registration=registration)

    def handle(stanza: ET.Element) -> None:
        listener(stanza)
        if stanza.get("type") == "subscribe":
            for kind in ("subscribed", "subscribe"):
                agent.send(f"<presence type='{kind}' to='{stanza.get('from')}'/>")
        elif stanza.tag == f"{C}message":
            size = len(stanza.findtext(f"{C}body") or "")
            agent.send(f"<message type='chat' to='{stanza.get('from')}'><body>{size} bytes</body></message>")

    agent = server.attach("aggregator", handle, aliases=("correlation-engine",))
    agent.send("<presence/>")
    if registration == "closed":
        await server.add_account("spade", "s3cret")
    said = (await live(server, "spade", "s3cret")).splitlines()
    assert [line for line in said if line.startswith("reply")] == [
        "reply 5 bytes",
        "reply 800000 bytes",
        "reply 5 bytes",
    ]
    assert "subscribed correlation-engine@localhost" in said
    assert "contact online True" in said
    await listener.wait("presence", type="unsubscribe")
