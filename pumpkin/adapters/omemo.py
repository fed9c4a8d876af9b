"""OMEMO for our agents (XEP-0384 in the version clients speak, 0.3): bodies encrypted, trust on first use.

The library is an extra (`pumpkin[omemo]`); without it `available()` is False and nothing here is used. Keys and
ratchets are kept by the caller's `Memory`. Devices and bundles are published and found by PEP over any session of ours.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import FORMS, StanzaError, name
from pumpkin.errors import PumpkinError, Unavailable

log = structlog.get_logger("pumpkin.omemo")

NAMESPACE = "eu.siacs.conversations.axolotl"
ENCRYPTED = name("encrypted", NAMESPACE)
PUBSUB = "http://jabber.org/protocol/pubsub"
OPTIONS = "http://jabber.org/protocol/pubsub#publish-options"
OFFER = "urn:pumpkin:omemo:0"
"""Asked by IQ get, an aggregator that can makes itself ready, and answers its fingerprint."""
FALLBACK = "This message is encrypted with OMEMO."
DEVICES_KEPT_S = 600.0


class Undecipherable(PumpkinError):
    """The encrypted message cannot be read: {reason}."""

    status = 422
    code = "omemo"


@dataclass(frozen=True, slots=True)
class Memory:
    """Where keys and ratchets are kept: `load(key)` gives the text stored or None, `store(key, None)` forgets."""

    load: Callable[[str], Awaitable[str | None]]
    store: Callable[[str, str | None], Awaitable[None]]


def available() -> bool:
    """Whether the libraries are installed."""
    return all(importlib.util.find_spec(one) for one in ("omemo", "oldmemo", "xmlschema"))


def is_encrypted(stanza: Element) -> bool:
    """Whether a message carries an OMEMO element."""
    return stanza.find(ENCRYPTED) is not None


class Cipher:
    """Encrypts and decrypts for one account; one thing at a time, since every message turns a ratchet."""

    def __init__(self, session: Session, account: str, manager: Any) -> None:
        self._session, self._account, self._manager = session, account, manager
        self._lock = asyncio.Lock()
        self._looked: dict[str, float] = {}

    @classmethod
    async def open(cls, session: Session, account: str, memory: Memory) -> Cipher:
        """The cipher of `account` on a connected session: makes its keys at first use, and publishes them."""
        # A second of schemas to be read: not on the loop.
        oldmemo = await asyncio.to_thread(importlib.import_module, "oldmemo")
        await asyncio.to_thread(importlib.import_module, "oldmemo.etree")
        kept = _storage(memory)
        manager = await _manager_type(session).create(
            [oldmemo.Oldmemo(kept)], kept, account, None, undecided_trust_level_name="first-use"
        )
        await manager.ensure_data_consistency()
        return cls(session, account, manager)

    async def fingerprint(self) -> str:
        """Our device's identity key, 64 hexadecimal digits."""
        own, _ = await self._manager.get_own_device_information()
        return bytes(own.identity_key).hex()

    async def encrypt(self, to: str, body: str) -> list[Element]:
        """What stands in a message to `to` (bare JID) in place of its body; Unavailable when it has no devices."""
        import oldmemo.etree

        async with self._lock:
            await self._look(to)
            try:
                messages, errors = await self._manager.encrypt(frozenset({to}), {NAMESPACE: body.encode()})
            except Exception as error:
                raise Unavailable(f"{to} cannot be written to with OMEMO: {type(error).__name__}.") from error
        if errors:
            log.info("omemo devices left out", to=to, count=len(errors))
        if not messages:
            raise Unavailable(f"{to} has no OMEMO device.")
        fallback, hint = Element(name("body")), Element(name("store", "urn:xmpp:hints"))
        fallback.text = FALLBACK
        return [fallback, *(oldmemo.etree.serialize_message(one) for one in messages), hint]

    async def decrypt(self, stanza: Element) -> tuple[str, str]:
        """The body of an encrypted message, and the fingerprint of the device that wrote it."""
        import oldmemo.etree

        element = stanza.find(ENCRYPTED)
        sender = stanza.get("from", "").partition("/")[0]
        if element is None:
            raise Undecipherable("The message carries nothing encrypted.")
        async with self._lock:
            try:
                await self._look(sender)
                message = await oldmemo.etree.parse_message(element, sender, self._account, self._manager)
                plain, device, _ = await self._manager.decrypt(message)
                return (plain or b"").decode(), bytes(device.identity_key).hex()
            except PumpkinError:
                raise
            except Exception as error:
                # A stranger's element, read by a library with errors of many families.
                raise Undecipherable(f"The encrypted message cannot be read: {type(error).__name__}.") from error

    async def _look(self, jid: str) -> None:
        """Ask for somebody's devices, unless that was done of late."""
        now = time.monotonic()
        if now - self._looked.get(jid, -DEVICES_KEPT_S) >= DEVICES_KEPT_S:
            await self._manager.refresh_device_list(NAMESPACE, jid)
            self._looked[jid] = now


def _storage(memory: Memory) -> Any:
    import omemo

    class Kept(omemo.Storage):
        async def _load(self, key: str) -> Any:
            text = await memory.load(key)
            return omemo.Nothing() if text is None else omemo.Just(json.loads(text))

        async def _store(self, key: str, value: Any) -> None:
            await memory.store(key, json.dumps(value))

        async def _delete(self, key: str) -> None:
            await memory.store(key, None)

    return Kept()


def _manager_type(session: Session) -> Any:
    """The library's session manager on our session: PEP for devices and bundles, trust on first use."""
    import oldmemo.etree
    import omemo

    devices = f"{NAMESPACE}.devicelist"

    async def publish(node: str, payload: Element) -> None:
        pubsub = Element(name("pubsub", PUBSUB))
        item = SubElement(SubElement(pubsub, name("publish", PUBSUB), {"node": node}), name("item", PUBSUB))
        item.set("id", "current")
        item.append(payload)
        form = SubElement(SubElement(pubsub, name("publish-options", PUBSUB)), name("x", FORMS), {"type": "submit"})
        for key, value in (("FORM_TYPE", OPTIONS), ("pubsub#persist_items", "true"), ("pubsub#access_model", "open")):
            SubElement(SubElement(form, name("field", FORMS), {"var": key}), name("value", FORMS)).text = value
        await session.request(stanzas.iq("set", None, None, pubsub))

    async def fetch(jid: str, node: str) -> Element | None:
        pubsub = Element(name("pubsub", PUBSUB))
        SubElement(pubsub, name("items", PUBSUB), {"node": node})
        try:
            answer = await session.request(stanzas.iq("get", jid, None, pubsub))
        except StanzaError as error:
            if error.condition in ("item-not-found", "service-unavailable"):
                return None
            raise
        items = answer.findall(f".//{name('item', PUBSUB)}")
        return next(iter(items[-1]), None) if items else None

    class Manager(omemo.SessionManager):
        @staticmethod
        async def _upload_bundle(bundle: Any) -> None:
            try:
                await publish(f"{NAMESPACE}.bundles:{bundle.device_id}", oldmemo.etree.serialize_bundle(bundle))
            except PumpkinError as error:
                raise omemo.BundleUploadFailed(error.message) from error

        @staticmethod
        async def _download_bundle(namespace: str, bare_jid: str, device_id: int) -> Any:
            try:
                found = await fetch(bare_jid, f"{NAMESPACE}.bundles:{device_id}")
                if found is None:
                    raise omemo.BundleNotFound(f"{bare_jid} has no bundle {device_id}")
                return oldmemo.etree.parse_bundle(found, bare_jid, device_id)
            except (PumpkinError, ValueError) as error:
                raise omemo.BundleDownloadFailed(str(error)) from error

        @staticmethod
        async def _delete_bundle(namespace: str, device_id: int) -> None:
            owner = Element(name("pubsub", f"{PUBSUB}#owner"))
            SubElement(owner, name("delete", f"{PUBSUB}#owner"), {"node": f"{NAMESPACE}.bundles:{device_id}"})
            try:
                await session.request(stanzas.iq("set", None, None, owner))
            except PumpkinError as error:
                raise omemo.BundleDeletionFailed(error.message) from error

        @staticmethod
        async def _upload_device_list(namespace: str, device_list: Any) -> None:
            try:
                await publish(devices, oldmemo.etree.serialize_device_list(device_list))
            except PumpkinError as error:
                raise omemo.DeviceListUploadFailed(error.message) from error

        @staticmethod
        async def _download_device_list(namespace: str, bare_jid: str) -> Any:
            try:
                found = await fetch(bare_jid, devices)
                return {} if found is None else oldmemo.etree.parse_device_list(found)
            except (PumpkinError, ValueError) as error:
                raise omemo.DeviceListDownloadFailed(str(error)) from error

        async def _evaluate_custom_trust_level(self, device: Any) -> Any:
            # The first key seen of a device is trusted; another key of the same device never gets here as the same.
            return {"first-use": omemo.TrustLevel.UNDECIDED, "trusted": omemo.TrustLevel.TRUSTED}.get(
                device.trust_level_name, omemo.TrustLevel.DISTRUSTED
            )

        async def _make_trust_decision(self, undecided: Any, identifier: str | None) -> None:
            for device in undecided:
                await self.set_trust(device.bare_jid, device.identity_key, "trusted")
                log.info("omemo key trusted on first use", jid=device.bare_jid, key=bytes(device.identity_key).hex())

        @staticmethod
        async def _send_message(message: Any, bare_jid: str) -> None:
            stanza = Element(name("message"), {"type": "chat", "to": bare_jid})
            stanza.append(oldmemo.etree.serialize_message(message))
            try:
                session.send(stanza)
            except PumpkinError as error:
                raise omemo.MessageSendingFailed(error.message) from error

    return Manager
