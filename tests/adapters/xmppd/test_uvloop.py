"""The server on uvloop, as the product runs it: transports there are no asyncio classes and refuse more."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import uvloop

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import OPEN, RawClient


async def lose_a_connection(certificates: Path, *, reset: bool) -> list[str]:
    """Who is bound after a client's connection ended without a word."""
    server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, certificates)
    await server.start()
    await server.add_account("alice", "pw")
    client = await RawClient.login(server, "alice", "pw", "r")
    client.send("<presence/>")
    await client.ping()
    if reset:
        client.abort()
    else:
        with socket.socket(fileno=os.dup(client.writer.transport.get_extra_info("socket").fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(5):
        while server.connections or server.router.users():
            await asyncio.sleep(0.01)
    found = server.router.users()
    OPEN.clear()
    await server.stop()
    return found


def test_a_connection_that_ends_without_a_word_leaves_no_session(certificates: Path) -> None:
    for reset in (False, True):
        assert uvloop.run(lose_a_connection(certificates, reset=reset)) == []
