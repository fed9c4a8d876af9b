"""From the first byte to a bound resource: TLS, SASL, registration, binding."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import ssl
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pumpkin.adapters.xmppd import XmppServer
from tests.adapters.xmppd.conftest import PASSWORD
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import HEADER, STARTTLS, RawClient, trusting

Make = Callable[..., Awaitable[XmppServer]]
Login = Callable[..., Awaitable[RawClient]]
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
REGISTER = (
    "<iq type='set' id='r'><query xmlns='jabber:iq:register'>"
    "<username>{}</username><password>p</password>{}</query></iq>"
)


async def test_plain_offers_tls_only_and_refuses_authentication(server: XmppServer) -> None:
    client = await RawClient.connect(server)
    client.send(HEADER)
    features = await client.until("</stream:features>")
    assert "<required/>" in features
    assert "mechanism" not in features
    client.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGFsaWNlAHg=</auth>")
    assert "policy-violation" in await client.rest()


async def test_two_hundred_of_two_hundred_fresh_starttls_connects(server: XmppServer) -> None:
    async def connect() -> bool:
        client = await RawClient.secure(server)
        client.abort()
        return True

    done = 0
    for _ in range(10):
        done += sum(await asyncio.gather(*(connect() for _ in range(20))))
    assert done == 200


async def test_what_was_sent_in_plain_after_starttls_is_dropped(server: XmppServer, store: MemoryStore) -> None:
    client = await RawClient.connect(server)
    client.send(HEADER)
    await client.until("</stream:features>")
    client.send(STARTTLS + HEADER + REGISTER.format("injected", ""))
    await client.until("<proceed")
    await client.until(">")
    await client.writer.start_tls(trusting(server), server_hostname="localhost")
    client.send(HEADER)
    answer = await client.until("</stream:features>")
    assert answer.count("<stream:stream") == 1
    assert "register" not in answer.split("<stream:features>")[0]
    assert "injected" not in store.accounts


async def test_direct_tls_with_a_verified_certificate_for_each_name(server: XmppServer) -> None:
    for name in ("localhost", "127.0.0.1"):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.tls_port, ssl=trusting(server), server_hostname=name
        )
        writer.write(HEADER.encode())
        assert b"mechanisms" in await reader.readuntil(b"</stream:features>")
        writer.transport.abort()


async def test_a_certificate_is_kept_over_a_restart_and_private(make_server: Make) -> None:
    first = await make_server()
    before = first.ca_path.read_bytes()
    second = await make_server()
    assert second.ca_path.read_bytes() == before
    assert (second.ca_path.parent / "server.key").stat().st_mode & 0o077 == 0
    assert (second.ca_path.parent / "ca.key").stat().st_mode & 0o077 == 0


async def scram(
    client: RawClient, mechanism: str, user: str, password: str, *, flag: str = "n", binding: bytes = b""
) -> str:
    """A SCRAM client of the test's own; answers the server's last word, its signature verified."""
    algorithm = "sha1" if "SHA-1" in mechanism else "sha256"
    gs2 = f"{flag},,"
    first = f"n={user},r={secrets.token_hex(8)}"
    client.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{b64encode((gs2 + first).encode()).decode()}</auth>")
    text = await client.until("</")
    if "<failure" in text:
        return text + await client.until(">")
    challenge = b64decode(text.split(">")[-1].removesuffix("</")).decode()
    await client.until(">")
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac(algorithm, password.encode(), b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", algorithm)
    bare = f"c={b64encode(gs2.encode() + binding).decode()},r={fields['r']}"
    message = f"{first},{challenge},{bare}".encode()
    signature = hmac.digest(hashlib.new(algorithm, key).digest(), message, algorithm)
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    final = f"{bare},p={b64encode(proof).decode()}"
    client.send(f"<response xmlns='{SASL}'>{b64encode(final.encode()).decode()}</response>")
    text = await client.until("</")
    if "<success" in text:
        told = b64decode(text.split(">")[-1].removesuffix("</")).decode()
        server_key = hmac.digest(salted, b"Server Key", algorithm)
        assert told == "v=" + b64encode(hmac.digest(server_key, message, algorithm)).decode()
    return text + await client.until(">")


def end_point(client: RawClient) -> bytes:
    tls = client.writer.get_extra_info("ssl_object")
    assert isinstance(tls, ssl.SSLObject)
    certificate = tls.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).fingerprint(hashes.SHA256())


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
async def test_scram_authenticates_and_the_server_proves_itself(server: XmppServer, mechanism: str) -> None:
    client = await RawClient.secure(server)
    plus = mechanism.endswith("PLUS")
    flag, binding = ("p=tls-server-end-point", end_point(client)) if plus else ("n", b"")
    assert "<success" in await scram(client, mechanism, "Alice", PASSWORD, flag=flag, binding=binding)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
async def test_scram_refuses_a_wrong_password_and_an_unknown_user_alike(server: XmppServer, mechanism: str) -> None:
    client = await RawClient.secure(server)
    wrong = await scram(client, mechanism, "alice", "wrong")
    assert wrong == await scram(client, mechanism, "nobody", "wrong")
    assert "not-authorized" in wrong


async def test_a_removed_channel_binding_offer_is_noticed(server: XmppServer) -> None:
    client = await RawClient.secure(server)
    assert "<failure" in await scram(client, "SCRAM-SHA-256", "alice", PASSWORD, flag="y")


async def test_a_channel_binding_of_another_certificate_is_refused(server: XmppServer) -> None:
    client = await RawClient.secure(server)
    answer = await scram(
        client, "SCRAM-SHA-256-PLUS", "alice", PASSWORD, flag="p=tls-server-end-point", binding=b"x" * 32
    )
    assert "not-authorized" in answer


async def test_only_verifiers_are_stored(server: XmppServer, store: MemoryStore) -> None:
    assert PASSWORD not in repr(store.accounts)
    assert set(store.accounts["alice"]["scram"]) == {"sha-1", "sha-256"}


async def test_guessing_ends_the_connection_then_the_pair_then_the_address(make_server: Make) -> None:
    server = await make_server({"attempts": 3, "guesses": 4, "guesses_address": 6})
    client = await RawClient.secure(server)
    for _ in range(3):
        await scram(client, "SCRAM-SHA-256", "alice", "wrong")
    assert "policy-violation" in await client.rest()
    client = await RawClient.secure(server)
    await scram(client, "SCRAM-SHA-256", "alice", "wrong")
    assert "temporary-auth-failure" in await scram(client, "SCRAM-SHA-256", "alice", PASSWORD)
    neighbour = await RawClient.secure(server)
    assert "<success" in await scram(neighbour, "SCRAM-SHA-256", "bob", PASSWORD)
    client = await RawClient.secure(server)
    for name in ("x", "y"):
        await scram(client, "SCRAM-SHA-256", name, "wrong")
    neighbour = await RawClient.secure(server)
    assert "temporary-auth-failure" in await scram(neighbour, "SCRAM-SHA-256", "bob", PASSWORD)


async def test_an_attached_agents_name_cannot_log_in(server: XmppServer) -> None:
    await server.add_account("aggregator", PASSWORD)
    server.attach("aggregator", lambda _: None)
    client = await RawClient.secure(server)
    assert "not-authorized" in await scram(client, "SCRAM-SHA-256", "aggregator", PASSWORD)


async def test_a_disabled_account_is_put_out_and_not_let_in(
    server: XmppServer, login: Login, store: MemoryStore
) -> None:
    client = await login("alice")
    store.accounts["alice"]["disabled"] = True
    await server.end_sessions("alice")
    assert "not-authorized" in await client.rest()
    again = await RawClient.secure(server)
    assert "not-authorized" in await scram(again, "SCRAM-SHA-256", "alice", PASSWORD)


@pytest.mark.parametrize(
    "said",
    [
        "<auth xmlns='{}' mechanism='X-NONE'>AA==</auth>",
        "<auth xmlns='{}' mechanism='PLAIN'>!!!</auth>",
        "<auth xmlns='{}' mechanism='PLAIN'>AAAA</auth>",
        "<auth xmlns='{}' mechanism='SCRAM-SHA-256'>AAAA</auth>",
        "<auth xmlns='{}' mechanism='SCRAM-SHA-256'>biwsbT0xLG49YSxyPWI=</auth>",
        "<response xmlns='{}'>AA==</response>",
        "<abort xmlns='{}'/>",
    ],
)
async def test_malformed_authentication_fails_and_may_be_tried_again(server: XmppServer, said: str) -> None:
    client = await RawClient.secure(server)
    client.send(said.format(SASL))
    assert "<failure" in await client.until("</failure>")
    await client.authenticate("alice", PASSWORD)


async def test_closed_registration_tells_conflict_for_an_existing_account_only(
    make_server: Make, store: MemoryStore
) -> None:
    server = await make_server({"registrations": 3})
    client = await RawClient.secure(server)
    for _ in range(20):
        client.send(REGISTER.format("Alice", ""))
        assert "<conflict" in await client.until("</iq>")
    client.send(REGISTER.format("eve", ""))
    assert "<not-allowed" in await client.until("</iq>")
    assert "eve" not in store.accounts
    await client.authenticate("alice", PASSWORD)


async def test_open_registration_makes_one_account_of_a_name_and_has_a_limit(
    make_server: Make, store: MemoryStore
) -> None:
    server = await make_server({"registrations": 3}, registration="open")
    client = await RawClient.secure(server)
    client.send(REGISTER.format("eve", "") + REGISTER.format("eve", "") + REGISTER.format("mal lory", ""))
    assert 'type="result"' in await client.until("/>")
    assert "<conflict" in await client.until("</iq>")
    assert "<jid-malformed" in await client.until("</iq>")
    client.send(REGISTER.format("f", "") + REGISTER.format("g", "") + REGISTER.format("h", ""))
    await client.until("/>")
    await client.until("/>")
    assert "<resource-constraint" in await client.until("</iq>")
    await client.authenticate("eve", "p")
    assert "h" not in store.accounts


async def test_an_invitation_registers_once(make_server: Make, store: MemoryStore) -> None:
    tokens = {"T0K": "eve"}

    async def redeem(token: str, username: str) -> bool:
        return tokens.pop(token, None) == username

    server = await make_server(registration="invite", redeem=redeem)
    client = await RawClient.secure(server)
    client.send(REGISTER.format("eve", "<token>nope</token>"))
    assert "<not-allowed" in await client.until("</iq>")
    client.send(REGISTER.format("eve", "<token>T0K</token>"))
    assert 'type="result"' in await client.until("/>")
    client.send(REGISTER.format("mallory", "<token>T0K</token>"))
    assert "<not-allowed" in await client.until("</iq>")
    assert set(store.accounts) == {"alice", "bob", "eve"}


async def test_the_name_of_an_attached_agent_cannot_be_registered(make_server: Make) -> None:
    server = await make_server(registration="open")
    server.attach("aggregator", lambda _: None, aliases=("correlation-engine",))
    client = await RawClient.secure(server)
    for name in ("aggregator", "Correlation-Engine"):
        client.send(REGISTER.format(name, ""))
        assert "<conflict" in await client.until("</iq>")


async def test_the_requested_resource_is_honoured_and_the_newer_wins(server: XmppServer, login: Login) -> None:
    old = await login("alice", "laptop")
    new = await login("alice", "laptop")
    assert "<conflict" in await old.rest()
    new.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>")
    assert "alice@localhost/laptop" in await new.until("</iq>")


async def test_a_password_is_changed_by_its_owner_only(server: XmppServer, login: Login) -> None:
    client = await login("alice")
    client.send(REGISTER.format("bob", ""))
    assert "<forbidden" in await client.until("</iq>")
    client.send(REGISTER.format("alice", ""))
    assert 'type="result"' in await client.until("/>")
    again = await RawClient.secure(server)
    await again.authenticate("alice", "p")


async def test_a_half_open_negotiation_is_ended(make_server: Make) -> None:
    server = await make_server({"negotiation_s": 0.3})
    silent = await RawClient.connect(server)
    assert "connection-timeout" in await silent.rest()
    direct = await asyncio.open_connection("127.0.0.1", server.tls_port)
    assert await asyncio.wait_for(direct[0].read(), 10) == b""
    direct[1].transport.abort()
    assert server.connections == 0


async def test_connections_past_the_limit_are_told_and_room_comes_back(make_server: Make) -> None:
    server = await make_server({"connections_address": 2})
    first, second = await RawClient.connect(server), await RawClient.connect(server)
    first.send(HEADER)
    second.send(HEADER)
    await first.until("</stream:features>")
    await second.until("</stream:features>")
    third = await RawClient.connect(server)
    assert "resource-constraint" in await third.rest()
    first.send("</stream:stream>")
    await first.rest()
    fourth = await RawClient.secure(server)
    fourth.abort()


async def connected(port: int, count: int, source: str) -> list[asyncio.StreamWriter]:
    """Connections of somebody who says nothing but a header."""
    made = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        writer.write(HEADER.encode())
        made.append(writer)
    return made


async def test_one_stranger_who_never_signs_in_shuts_nobody_else_out(make_server: Make) -> None:
    server = await make_server({"waiting": 10})
    strangers = await connected(server.port, 30, "127.0.0.2")
    try:
        clients = [await RawClient.login(server, "alice", PASSWORD, f"r{number}") for number in range(3)]
        more = await connected(server.port, 10, "127.0.0.2")
        strangers += more
        for client in clients:
            await client.ping()
        fleet = await asyncio.gather(*(RawClient.secure(server) for _ in range(5)))
        for client in fleet:
            await client.authenticate("bob", PASSWORD)
        async with asyncio.timeout(10):
            while server.connections > 3 + 10:
                await asyncio.sleep(0.01)
    finally:
        for writer in strangers:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("header", "condition"),
    [
        (HEADER.replace("to='localhost'", "to='elsewhere.example'"), "host-unknown"),
        (HEADER.replace("version='1.0'>", ">"), "unsupported-version"),
        (HEADER.replace("jabber:client", "jabber:server"), "invalid-namespace"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n<html>", "not-well-formed"),
        ("<html>", "invalid-namespace"),
    ],
)
async def test_a_wrong_header_is_answered_with_its_condition(server: XmppServer, header: str, condition: str) -> None:
    client = await RawClient.connect(server)
    client.send(header)
    assert condition in await client.rest()
