"""Foreign clients against either server: what succeeds, and what is refused and how."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import slixmpp

from tests import foreign
from tests.adapters.xmppd.raw import HEADER, STARTTLS, RawClient
from tests.conformance.conftest import PASSWORD, Heard, Served

Slix = Callable[..., Awaitable[slixmpp.ClientXMPP]]
Login = Callable[..., Awaitable[RawClient]]
SPADE_AGENT = Path(__file__).parents[1] / "adapters" / "xmppd" / "spade_agent.py"
NODE_CLIENT = Path(foreign.__file__).parent / "xmpp_client.mjs"


async def befriend(one: slixmpp.ClientXMPP, other: slixmpp.ClientXMPP) -> None:
    """`one` sees `other`."""
    theirs, mine = Heard(other), Heard(one)
    one.send_presence()
    other.send_presence()
    await asyncio.gather(one.get_roster(), other.get_roster())
    one.send_presence_subscription(other.boundjid.bare)
    await theirs.until(lambda s: s["type"] == "subscribe" and s["from"].bare == one.boundjid.bare)
    other.send_presence_subscription(one.boundjid.bare, ptype="subscribed")
    await mine.until(lambda s: s["type"] == "available" and s["from"].bare == other.boundjid.bare)


# -- getting in


async def test_plain_text_offers_tls_and_nothing_else(served: Served) -> None:
    client = await RawClient.connect(served)  # type: ignore[arg-type]
    client.send(HEADER)
    features = await client.until("</stream:features>")
    assert "<starttls" in features
    assert "<mechanism>" not in features


async def test_forty_fresh_starttls_connects_all_succeed(served: Served, login: Login) -> None:
    for start in range(0, 40, 20):
        for client in await asyncio.gather(*(login("alice", f"r{start + n}") for n in range(20))):
            client.abort()


async def test_direct_tls_is_the_next_port(served: Served) -> None:
    client = await RawClient.connect(served, direct=True)  # type: ignore[arg-type]
    client.send(HEADER)
    assert "SCRAM-SHA-256" in await client.until("</stream:features>")


async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(served: Served) -> None:
    said = []
    for user in ("alice", "nobody"):
        client = await RawClient.secure(served)  # type: ignore[arg-type]
        with contextlib.suppress(TimeoutError, AssertionError, ConnectionError, ssl.SSLError):
            async with asyncio.timeout(5):
                await client.authenticate(user, "wrong")
        said.append("not-authorized" in client.text)
    assert said == [True, True]


async def test_slixmpp_is_told_that_its_password_is_wrong(served: Served) -> None:
    client = slixmpp.ClientXMPP("alice@localhost/x", "wrong")
    client.enable_direct_tls = False
    client.ssl_context.load_verify_locations(served.ca_path)
    refused = asyncio.get_running_loop().create_future()
    client.add_event_handler("failed_all_auth", lambda _: refused.done() or refused.set_result(None))
    client.connect("localhost", served.port)
    await asyncio.wait_for(refused, 15)
    await client.disconnect()


async def test_another_domain_is_not_served(served: Served) -> None:
    client = await RawClient.connect(served)  # type: ignore[arg-type]
    client.send(HEADER.replace("'localhost'", "'elsewhere.invalid'"))
    assert "host-unknown" in await client.rest()


async def test_a_stranger_certificate_is_not_taken_by_a_verifying_client(served: Served) -> None:
    client = await RawClient.connect(served)  # type: ignore[arg-type]
    client.send(HEADER + STARTTLS)
    await client.until("<proceed")
    await client.until(">")
    with pytest.raises(ssl.SSLCertVerificationError):
        await client.writer.start_tls(ssl.create_default_context(), server_hostname="localhost")


# -- messages


async def test_a_message_arrives_with_the_senders_own_address(served: Served, slix: Slix) -> None:
    alice, bob = await slix("alice"), await slix("bob")
    heard = Heard(bob)
    bob.send_presence()
    await bob.get_roster()
    alice.send_message("bob@localhost", "five < six & more", mtype="chat")
    message: Any = await heard.until(lambda s: s["body"] == "five < six & more")
    assert str(message["from"]) == "alice@localhost/slix"


async def test_a_spoofed_sender_never_arrives(served: Served, slix: Slix, login: Login) -> None:
    bob, mallory = await slix("bob"), await login("carol", "m")
    heard = Heard(bob)
    bob.send_presence()
    await bob.get_roster()
    mallory.send("<message from='alice@localhost/slix' to='bob@localhost'><body>forged</body></message>")
    alice = await slix("alice")
    alice.send_message("bob@localhost", "true", mtype="chat")
    senders: list[str] = []
    await heard.until(lambda s: s["body"] and (senders.append(str(s["from"])) or s["body"] == "true"))
    assert "alice@localhost/slix" not in senders[:-1]


async def test_messages_for_the_absent_wait_in_order(served: Served, slix: Slix) -> None:
    alice = await slix("alice")
    for number in range(20):
        alice.send_message("bob@localhost", f"m{number}", mtype="chat")
    await alice.plugin["xep_0199"].ping("localhost") if "xep_0199" in alice.plugin else await alice.get_roster()
    bob = await slix("bob")
    heard = Heard(bob)
    bob.send_presence()
    got = [(await heard.until(lambda s: str(s["body"]).startswith("m")))["body"] for _ in range(20)]  # type: ignore[index]
    assert got == [f"m{number}" for number in range(20)]


async def test_eight_hundred_kilobytes_pass_and_past_the_limit_it_is_a_policy_violation(
    served: Served, slix: Slix, login: Login
) -> None:
    bob = await slix("bob")
    heard = Heard(bob)
    bob.send_presence()
    await bob.get_roster()
    raw = await login("alice")
    raw.send(f"<message to='bob@localhost'><body>{'y' * 800_000}</body></message>")
    message: Any = await heard.until(lambda s: len(s["body"]) == 800_000)
    assert message["from"].bare == "alice@localhost"
    raw.send("<message to='bob@localhost'><body>" + "z" * (11 * 1024 * 1024))
    assert "policy-violation" in await raw.rest()


async def test_what_is_no_xmpp_ends_the_stream(served: Served, login: Login) -> None:
    for said, condition in (
        ("<message><body></message>", "not-well-formed"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><message/>", "restricted-xml"),
    ):
        raw = await login("alice")
        raw.send(said)
        ended = await raw.rest()
        assert condition in ended or "not-well-formed" in ended


async def test_a_burst_of_subscribe_message_unavailable_close_is_processed_whole(served: Served, slix: Slix) -> None:
    """The real probe's one-burst session."""
    bob = await slix("bob")
    heard = Heard(bob)
    bob.send_presence()
    await bob.get_roster()
    for number in range(10):
        raw = await RawClient.login(served, "alice", PASSWORD, f"b{number}")  # type: ignore[arg-type]
        raw.send(
            "<presence/><presence type='subscribe' to='bob@localhost'/>"
            f"<message type='chat' to='bob@localhost'><body>burst {number}</body></message>"
            "<presence type='unavailable'/></stream:stream>"
        )
        await heard.until(lambda s, n=number: s["body"] == f"burst {n}")
        raw.abort()


# -- IQs


async def test_unknown_iqs_are_answered_and_known_ones_served(served: Served, slix: Slix) -> None:
    alice = await slix("alice", plugins=("xep_0030", "xep_0199"))
    await alice.plugin["xep_0199"].ping("localhost", timeout=10)
    info = await alice.plugin["xep_0030"].get_info("localhost", timeout=10)
    assert "urn:xmpp:ping" in info["disco_info"]["features"]
    for to in ("localhost", "bob@localhost/nobody"):
        iq = alice.make_iq_get(ito=to)
        iq.xml.append(slixmpp.xmlstream.ET.Element("{urn:nothing}query"))
        with pytest.raises(slixmpp.exceptions.IqError) as refused:
            await iq.send(timeout=10)
        assert refused.value.condition in ("service-unavailable", "feature-not-implemented")


async def test_ad_hoc_commands_forms_and_version_pass_between_clients(served: Served, slix: Slix) -> None:
    plugins = ("xep_0004", "xep_0030", "xep_0050", "xep_0092")
    alice, bob = await slix("alice", plugins=plugins), await slix("bob", plugins=plugins)

    def greet(_: Any, session: dict[str, Any]) -> dict[str, Any]:
        session["notes"] = [("info", "hello")]
        session["has_next"] = False
        return session

    bob.plugin["xep_0050"].add_command(node="greet", name="Greet", handler=greet)
    bob.send_presence()
    full = str(bob.boundjid.full)
    offered = await alice.plugin["xep_0050"].get_commands(full, timeout=10)
    assert "greet" in [item[1] for item in offered["disco_items"]["items"]]
    answer = await alice.plugin["xep_0050"].send_command(full, "greet", timeout=10)
    assert answer["command"]["status"] == "completed"
    assert ("info", "hello") in answer["command"]["notes"]
    version = await alice.plugin["xep_0092"].get_version(full, timeout=10)
    assert version["software_version"]["name"]


async def test_personal_items_are_published_kept_and_told_to_contacts(served: Served, slix: Slix) -> None:
    plugins = ("xep_0030", "xep_0060", "xep_0115", "xep_0163")
    alice, bob = await slix("alice", plugins=plugins), await slix("bob", plugins=plugins)
    told: asyncio.Queue[Any] = asyncio.Queue()
    bob.add_event_handler("pubsub_publish", told.put_nowait)
    bob.plugin["xep_0163"].add_interest("urn:test:item")
    await bob.plugin["xep_0115"].update_caps()
    await befriend(bob, alice)
    await befriend(alice, bob)
    item = slixmpp.xmlstream.ET.Element("{urn:test:item}thing")
    item.text = "kept"
    await alice.plugin["xep_0163"].publish(
        slixmpp.plugins.xep_0060.stanza.pubsub.ElementBase(xml=item), node="urn:test:item", id="current", timeout=10
    )
    event = await asyncio.wait_for(told.get(), 15)
    assert event["from"].bare == "alice@localhost"
    found = await bob.plugin["xep_0060"].get_items("alice@localhost", "urn:test:item", timeout=10)
    assert "kept" in str(found)


# -- presence


async def test_presence_is_shown_after_approval_and_ends_with_unsubscribing(served: Served, slix: Slix) -> None:
    alice, bob = await slix("alice"), await slix("bob")
    await befriend(alice, bob)
    heard = Heard(alice)
    bob.send_presence(pshow="dnd", pstatus="scanning")
    shown: Any = await heard.until(lambda s: s["type"] == "dnd")
    assert shown["status"] == "scanning"
    theirs = Heard(bob)
    alice.send_presence_subscription("bob@localhost", ptype="unsubscribe")
    await theirs.until(lambda s: s["type"] == "unsubscribe")
    bob.send_presence(pshow="xa")
    bob.send_message("alice@localhost", "end", mtype="chat")
    seen: list[str] = []
    await heard.until(lambda s: seen.append(str(s["type"])) or s["body"] == "end")
    assert "xa" not in seen


async def test_a_lost_connection_is_seen_by_contacts(served: Served, slix: Slix) -> None:
    alice, bob = await slix("alice"), await slix("bob")
    await befriend(alice, bob)
    heard = Heard(alice)
    bob.transport.abort()
    gone: Any = await heard.until(lambda s: s["type"] == "unavailable")
    assert gone["from"].bare == "bob@localhost"


# -- other people's programs


@pytest.mark.parametrize("newest", [False, True], ids=["slixmpp-1.12", "slixmpp-newest"])
async def test_an_unmodified_spade_agent_lives_its_whole_life(served: Served, slix: Slix, newest: bool) -> None:
    """Register (conflict), subscribe, be approved, dnd, send 5 bytes and 800 kB, unsubscribe, send again."""
    for name in ("spade", "correlation-engine"):
        await served.add(name, PASSWORD)
    engine = await slix("correlation-engine")
    seen: list[tuple[str, str]] = []

    def presence(stanza: Any) -> None:
        if stanza["from"].user != "spade":
            return
        seen.append((str(stanza["type"]), str(stanza["status"])))
        if stanza["type"] == "subscribe":
            engine.send_presence_subscription(stanza["from"].bare, ptype="subscribed")
            engine.send_presence_subscription(stanza["from"].bare)

    engine.add_event_handler("presence", presence)
    engine.add_event_handler(
        "message", lambda m: engine.send_message(m["from"], f"{len(m['body'])} bytes", mtype="chat") and None
    )
    engine.send_presence()
    await engine.get_roster()
    python = await asyncio.to_thread(foreign.spade, newest=newest)
    process = await asyncio.create_subprocess_exec(
        python, SPADE_AGENT, "spade@localhost", PASSWORD, str(served.port), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    said = output.decode().splitlines()
    assert [line for line in said if line.startswith("reply")] == [
        "reply 5 bytes",
        "reply 800000 bytes",
        "reply 5 bytes",
    ]
    assert "subscribed correlation-engine@localhost" in said
    if served.kind == "embedded":
        # Prosody says `unavailable` of the bare JID before the approval, and SPADE shows its contact offline for good.
        assert "contact online True" in said
    assert "unsubscribe" in [kind for kind, _ in seen]


async def test_the_npm_client_lives_its_whole_life(served: Served, slix: Slix) -> None:
    bob = await slix("bob")
    sizes: list[int] = []

    def presence(stanza: Any) -> None:
        if stanza["type"] == "subscribe":
            bob.send_presence_subscription(stanza["from"].bare, ptype="subscribed")

    def message(stanza: Any) -> None:
        sizes.append(len(stanza["body"]))
        assert b"spade:x:metadata" in str(stanza).encode()
        bob.send_message(stanza["from"], f"{stanza['id']} {len(stanza['body'])}", mtype="chat")

    bob.add_event_handler("presence", presence)
    bob.add_event_handler("message", message)
    bob.send_presence()
    await bob.get_roster()
    said = await node(served, "alice", PASSWORD)
    assert [one["event"] for one in said if one["event"] in ("online", "subscribed", "pong", "stopped")] == [
        "online",
        "subscribed",
        "pong",
        "stopped",
    ]
    assert [one["body"] for one in said if one["event"] == "reply"] == ["small 17", "large 800000"]
    assert [one["condition"] for one in said if one["event"] == "iq"] == ["service-unavailable"]
    assert sizes == [17, 800_000]


async def test_the_npm_client_is_told_that_its_password_is_wrong(served: Served) -> None:
    said = await node(served, "alice", "wrong")
    assert [one["condition"] for one in said if one["event"] in ("refused", "error")][:1] == ["not-authorized"]


async def node(served: Served, user: str, password: str) -> list[dict[str, Any]]:
    """What the npm client says of its life."""
    folder = await asyncio.to_thread(foreign.node_with, "@xmpp/client@0.14.0")
    process = await asyncio.create_subprocess_exec(
        *("node", str(NODE_CLIENT), str(folder), f"xmpp://127.0.0.1:{served.port}", "localhost", user, password),
        "bob@localhost",
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(served.ca_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return [json.loads(line) for line in output.decode().splitlines() if line.startswith("{")]
