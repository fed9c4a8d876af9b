"""A certificate that nears its end is made anew while the server serves, for HTTPS and for XMPP."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pumpkin.adapters.embedded.prosody import Prosody
from pumpkin.adapters.served_certificate import ServedCertificate
from pumpkin.adapters.xmppd import XmppServer
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.errors import StartError
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import RawClient


class Ending(Certificates):
    """An installation's certificates whose server's ends tomorrow, as they would in a year."""

    def age(self) -> None:
        self._make_server(days=1)


async def shown(port: int, ca: Path) -> x509.Certificate:
    """The certificate a new connection is shown and trusts."""
    context = ssl.create_default_context(cafile=str(ca))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    der = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(der)


async def test_the_own_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    own = Ending(tmp_path, "localhost")
    own.ensure()
    own.age()
    served = ServedCertificate(own.chain_path, own.key_path, ensure=own.ensure)

    async def nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=served.context)
    port = server.sockets[0].getsockname()[1]
    before = await shown(port, own.ca_path)
    assert before.not_valid_after_utc < datetime.now(UTC) + timedelta(days=2)
    keeping = asyncio.create_task(served.keep(look_s=0.02, ensure_s=0.02))
    async with asyncio.timeout(10):
        while (now := await shown(port, own.ca_path)).serial_number == before.serial_number:
            await asyncio.sleep(0.02)
    assert now.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
    keeping.cancel()
    server.close()
    await server.wait_closed()


async def test_the_xmpp_servers_certificate_too_and_its_channel_binding(tmp_path: Path) -> None:
    own = Ending(tmp_path, "localhost")
    own.ensure()
    server = XmppServer(MemoryStore(), "localhost", "127.0.0.1", 0, tmp_path)
    own.age()
    await server.start()
    try:
        first = await shown(server.tls_port, own.ca_path)
        assert await server.renew() is False, "made anew at the start already"
        own.age()
        assert await server.renew() is True
        second = await shown(server.tls_port, own.ca_path)
        assert second.serial_number != first.serial_number
        await server.add_account("alice", "a password of some length")
        client = await RawClient.login(server, "alice", "a password of some length", "test")
        await client.ping()
        client.abort()
    finally:
        await server.stop()


async def test_prosodys_too_for_both_ports_and_those_who_are_in_stay(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-prosody-"))
    folder.chmod(0o711)
    own = Ending(tmp_path, "localhost")
    own.ensure()
    server = Prosody(folder / "prosody", "localhost", "127.0.0.1", 0, own)
    await server.start()
    try:
        await server.put_password("alice", "a password of some length")
        assert await server.renew() is False
        staying = await RawClient.login(server, "alice", "a password of some length", "old")  # type: ignore[arg-type]
        first = await shown(server.tls_port, own.ca_path)
        own.age()
        assert await server.renew() is True
        async with asyncio.timeout(10):
            while (await shown(server.tls_port, own.ca_path)).serial_number == first.serial_number:
                await asyncio.sleep(0.02)
        client = await RawClient.login(server, "alice", "a password of some length", "new")  # type: ignore[arg-type]
        der = client.writer.get_extra_info("ssl_object").getpeercert(True)
        assert x509.load_der_x509_certificate(der).serial_number != first.serial_number, "by STARTTLS"
        for one in (staying, client):
            await one.ping()
            one.abort()
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pair_that_does_not_fit_or_is_closed_by_a_passphrase_is_said_in_a_sentence(tmp_path: Path) -> None:
    own, other = Certificates(tmp_path / "a", "localhost"), Certificates(tmp_path / "b", "localhost")
    own.ensure()
    other.ensure()
    with pytest.raises(StartError, match="is not that of the first certificate"):
        ServedCertificate(own.chain_path, other.key_path)
    with pytest.raises(StartError, match="No such file"):
        ServedCertificate(own.chain_path, tmp_path / "none.key")
