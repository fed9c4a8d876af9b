"""Somebody else's OMEMO: slixmpp-omemo writes an encrypted check to our gateway and reads the encrypted answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import omemo as library
import pytest
import slixmpp
from slixmpp.plugins import register_plugin
from slixmpp_omemo import XEP_0384, TrustLevel

from pumpkin.store import checks
from tests.actors.test_gateway import PASSWORD, House, certificates, house, scandale

__all__ = ["certificates", "house"]


class Memory(library.Storage):
    """Keys for as long as the test lasts."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, Any] = {}

    async def _load(self, key: str) -> Any:
        return library.Just(self._kept[key]) if key in self._kept else library.Nothing()

    async def _store(self, key: str, value: Any) -> None:
        self._kept[key] = value

    async def _delete(self, key: str) -> None:
        self._kept.pop(key, None)


class Omemo(XEP_0384):
    """The plugin as its users write it: a storage, and blind trust before verification."""

    default_config = {"fallback_message": "encrypted"}  # noqa: RUF012 - slixmpp's way

    def plugin_init(self) -> None:
        self._kept = Memory()
        super().plugin_init()

    @property
    def storage(self) -> library.Storage:
        return self._kept

    @property
    def _btbv_enabled(self) -> bool:
        return True

    async def _devices_blindly_trusted(self, blindly_trusted: Any, identifier: str | None) -> None:
        assert all(one.trust_level_name == TrustLevel.BLINDLY_TRUSTED.value or one for one in blindly_trusted)

    async def _prompt_manual_trust(self, manually_trusted: Any, identifier: str | None) -> None:
        raise AssertionError("nothing to decide")


@pytest.mark.timeout(180)
async def test_a_foreign_client_encrypts_a_check_and_reads_the_encrypted_confirmation(house: House) -> None:
    await house.gateway.approve("alice@localhost")
    client = slixmpp.ClientXMPP("alice@localhost/s", PASSWORD)
    client.enable_direct_tls = False
    client.ssl_context.load_verify_locations(house.server.ca_path)
    register_plugin(Omemo, "xep_0384")
    client.register_plugin("xep_0384", module=Omemo)
    up, heard = asyncio.Event(), asyncio.Queue[Any]()
    client.add_event_handler("session_start", lambda _: up.set())
    client.add_event_handler("message", heard.put_nowait)
    client.connect("localhost", house.server.port)
    await asyncio.wait_for(up.wait(), 20)
    client.send_presence()
    await client.get_roster()
    await (await house.gateway._cipher()).fingerprint()
    plugin, uuid = client["xep_0384"], str(uuid4())
    message = client.make_message(mto="aggregator@localhost", mbody=json.dumps(scandale(uuid)), mtype="chat")
    message.set_to(slixmpp.JID("aggregator@localhost"))
    message.set_from(client.boundjid)
    encrypted, errors = await plugin.encrypt_message(message, slixmpp.JID("aggregator@localhost"))
    assert not errors
    assert uuid not in str(encrypted)
    encrypted.send()
    async with asyncio.timeout(60):
        while not plugin.is_encrypted(answer := await heard.get()):
            pass
    plain, device = await plugin.decrypt_message(answer)
    assert json.loads(plain["body"])["performative"] == "confirm"
    assert json.loads(plain["body"])["uuid"] == uuid
    assert bytes(device.identity_key).hex() == await (await house.gateway._cipher()).fingerprint()
    kept = await checks.get(house.db, uuid)
    assert kept is not None
    assert kept.encrypted
    await client.disconnect()
