"""The keys probes sign with: enrolled with their owner's approval, replaced, revoked; each change is in the log.

A probe tells its key with its report, over a session whose account was approved. The first key of an agent is enrolled
then; a later one when the key before it endorses it, or a person accepts it (`pumpkin agent key accept`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog

from actors.base import LoopActor, describe
from pumpkin.errors import BadSignature, PumpkinError
from pumpkin.evidence import keys, record
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import signing
from pumpkin.store.database import Database

REFRESH_S = 2.0
AGENT = "system:keys"
"""Under whose name the changes of keys stand in the log; nobody can deliver under a name with this prefix."""
IN_FORCE = ("offered", "enrolled")

log = structlog.get_logger("pumpkin.keyring")


class KeyRing(LoopActor):
    """`receive` stores an observation; `origin` names the log. `check` is called on the loop: it looks at memory only,
    which follows the store within REFRESH_S."""

    def __init__(
        self,
        db: Database,
        origin: str,
        receive: Callable[[Observation], Awaitable[Receipt]],
        *,
        refresh_s: float = REFRESH_S,
    ) -> None:
        super().__init__()
        self._db, self._origin, self._receive, self._refresh_s = db, origin, receive, refresh_s
        self._keys: dict[tuple[str, str], signing.SigningKey] = {}
        self._told: dict[str, str] = {}

    def check(self, seen: Observation) -> None:
        """BadSignature when an observation's signature does not verify with the key it names, or that key was revoked.
        A key that was rotated away still signed what comes late; one never heard of is kept, and proves nothing."""
        if seen.signature is None:
            return
        key = self._keys.get((seen.agent, seen.key_id or ""))
        if key is None:
            return
        if key.state == "revoked":
            raise BadSignature("The check is signed by a key that was revoked.")
        if not keys.verifies(key.public, bytes.fromhex(seen.signature), record.signed_bytes(seen)):
            raise BadSignature

    async def offered(self, agent: str, document: Mapping[str, Any]) -> None:
        """A report of `agent` (approved) carries a key."""
        if self._told.get(agent) == str(document.get("public")):
            return
        offer = keys.read_offer(agent, document)
        if offer is None:
            log.warning("key not taken", agent=agent, reason="its proof does not hold")
            return
        mine = [one for one in self._keys.values() if one.agent == agent]
        before = self._keys.get((agent, offer.previous))
        if await signing.offer(self._db, agent, offer.key_id, offer.public, offer.previous):
            if not mine:
                await self._enrol(agent, offer.key_id, "approval")
            elif before is not None and before.state == "enrolled" and keys.endorses(agent, before.public, offer):
                await signing.move(self._db, agent, before.key_id, "rotated", among=("enrolled",), by=offer.key_id)
                await self._enrol(agent, offer.key_id, before.key_id)
            else:
                log.warning("key waits for acceptance", agent=agent, key_id=offer.key_id)
        self._told[agent] = offer.public.hex()
        await self._refresh()

    async def _enrol(self, agent: str, key_id: str, by: str) -> None:
        await signing.move(self._db, agent, key_id, "enrolled", among=("offered",), by=by)
        log.info("key enrolled", agent=agent, key_id=key_id, by=by)

    # -- its life

    async def on_start(self) -> None:
        await self._load()
        self._following = self.spawn(self._follow(), "keyring")

    async def _follow(self) -> None:
        while True:
            try:
                await self._refresh()
            except PumpkinError as error:  # the database is away, or too much waits to be stored
                log.warning("keys not followed", reason=describe(error))
            await asyncio.sleep(self._refresh_s)

    async def _load(self) -> None:
        self._keys = {(one.agent, one.key_id): one for one in await signing.all_keys(self._db)}

    async def _refresh(self) -> None:
        for agent in await signing.shut_out(self._db):
            await signing.move(self._db, agent, None, "revoked", among=IN_FORCE, by="the agent was revoked")
        await self._load()
        for event in await signing.unlogged(self._db):
            await self._log(event)

    async def _log(self, event: signing.KeyEvent) -> None:
        """One change as a record of the log. Its id follows from the change, so saying it twice stores it once."""
        told = {
            "kind": event.kind,
            "subject": event.subject,
            "key_id": event.key_id,
            "event": event.event,
            "at": event.at,
            **event.detail,
        }
        seen = Observation(
            id=uuid5(NAMESPACE_URL, f"{self._origin}/keys/{event.n}"),
            kind="key",
            type=f"{event.kind}-key",
            format="json",
            agent=AGENT,
            observed=event.at,
            payload=keys.event_payload(told),
            media="application/json",
            detail={"target": event.subject, "status": "ok"},
        )
        receipt = await self._receive(seen)
        await signing.logged(self._db, event.n, receipt.id)
