"""Watches the log as a stranger would: has witnesses cosign it, audits it by a clock, tells what anybody found wrong.

Probes ask it for the newest checkpoint with the proof that it continues the one they saw, and bring back their
signature under it, or the two checkpoints that contradict each other. What is found wrong stands in the store until a
person settles it, and is an event `log.fault`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree.ElementTree import Element

import structlog

from actors.base import LoopActor, describe
from pumpkin import auditor
from pumpkin.adapters import stanzas, watching
from pumpkin.adapters.witness import Conflict, Cosignature, Inconsistent
from pumpkin.bus import Bus
from pumpkin.errors import Forbidden, InvalidRequest, NotSealed, PumpkinError, Unavailable, WitnessError
from pumpkin.evidence import checkpoint
from pumpkin.evidence.checkpoint import BadNote, VerifierKey
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import cosignatures, faults, proofs, signing
from pumpkin.store.database import Database
from pumpkin.tree import Tree

GAP_S = 1.0  # between two checkpoints shown to one witness
TELL_S = 2.0  # how often the store is asked for faults told by others (`pumpkin audit`)
REST_S = 0.2  # after each stretch of a scheduled audit: it takes a sixth of a core

log = structlog.get_logger("pumpkin.log")


class Witness(Protocol):
    """What is asked to cosign: `adapters.witness.WitnessClient`."""

    key: VerifierKey

    async def add(self, old: int, path: Sequence[bytes], note: str) -> Cosignature | Conflict: ...


@dataclass(slots=True)
class Asked:
    """How it stands with one witness: the size it has, what went wrong last."""

    witness: Witness
    size: int = 0
    error: str | None = None


class Lookout(LoopActor):
    """`witnesses` are asked after each stamp; `audit_every_s` is the clock of whole audits, 0 for none."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        key: VerifierKey,
        *,
        witnesses: Sequence[Witness] = (),
        audit_every_s: float = 0.0,
        first_audit_s: float = 60.0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._key, self._now_s = db, bus, key, now_s
        self._asked = [Asked(one) for one in witnesses]
        self._audit_every_s, self._first_audit_s = audit_every_s, first_audit_s
        self._told = 0
        self._tree = Tree(db)
        self.audited: auditor.Found | None = None

    def status(self) -> dict[str, Any]:
        """Figures for a page: the witnesses over HTTP and what the last scheduled audit found."""
        return {
            "witnesses": [{"name": one.witness.key.name, "size": one.size, "error": one.error} for one in self._asked],
            "audited": self.audited.as_json() if self.audited else None,
        }

    async def on_start(self) -> None:
        known = {one.witness: one.size or 0 for one in await cosignatures.newest(self._db)}
        for one in self._asked:
            one.size = known.get(one.witness.key.name, 0)
            _ = self.spawn(self._show(one), f"witness {one.witness.key.name}")
        _ = self.spawn(self._tell(), "faults of the log")
        if self._audit_every_s > 0:
            _ = self.spawn(self._audit(), "audits of the log")

    # -- witnesses over HTTP

    async def _show(self, asked: Asked) -> None:
        subscription = self._bus.subscribe(["proof.stamped"])
        try:
            await self._cosign(asked)
            async for _ in subscription:
                await self._cosign(asked)
                await asyncio.sleep(GAP_S)
        finally:
            subscription.close()

    async def _cosign(self, asked: Asked) -> None:
        try:
            head = await _stamped(self._db)
            if head is not None and head.size > asked.size:
                await self._ask(asked, head)
            asked.error = None
        except Inconsistent:
            asked.error = "says the log was written anew"
            await self.found("fork", asked.size, f"witness:{asked.witness.key.name}")
        except (WitnessError, Unavailable) as error:
            if asked.error is None:
                log.warning("not cosigned", witness=asked.witness.key.name, reason=describe(error))
            asked.error = error.message

    async def _ask(self, asked: Asked, head: Checkpoint) -> None:
        for _ in range(2):
            path = await self._tree.consistency(asked.size, head.size)
            answer = await asked.witness.add(asked.size, path, head.note)
            if isinstance(answer, Cosignature):
                name, key = asked.witness.key.name, asked.witness.key.text
                await cosignatures.add(
                    self._db, witness=name, vkey=key, kind="http", size=head.size, line=answer.line, at=answer.at
                )
                asked.size = head.size
                return
            if answer.size > head.size:
                newest = await proofs.latest_checkpoint(self._db)
                if newest is None or answer.size > newest.size:
                    await self.found("shrunk", newest.size if newest else 0, f"witness:{asked.witness.key.name}")
                return
            asked.size = answer.size

    # -- what probes ask and bring

    async def show_log(self, jid: str, iq: Element) -> Element:
        """The newest checkpoint, and the proof that it continues the one of the size asked from."""
        newest = await proofs.latest_checkpoint(self._db)
        if newest is None:
            raise NotSealed("The log has no checkpoint yet.")
        old = watching.read_ask(iq[0])
        path = await self._tree.consistency(old, newest.size) if 0 < old < newest.size else []
        changes = reversed(await signing.history(self._db, self._key.name))
        successions = [dict(one.detail) for one in changes if one.kind == "log"]
        return stanzas.result(iq, watching.shown(newest.note, path, self._key.text, successions))

    async def take_cosignature(self, jid: str, iq: Element) -> Element:
        """A probe's signature under a checkpoint of ours. Forbidden where it is known by another key."""
        size, vkey, line = watching.read_cosignature(iq[0])
        head = await proofs.checkpoint(self._db, size)
        try:
            key = VerifierKey.parse(vkey)
        except BadNote as error:
            raise InvalidRequest(f"The witness's key is none: {error}.") from None
        at = checkpoint.cosigned_at(head.note, line, key) if head else None
        if at is None or key.name != jid:
            raise Forbidden("This is not your signature under a checkpoint of this log.")
        await cosignatures.add(self._db, witness=jid, vkey=vkey, kind="probe", size=size, line=line, at=at)
        return stanzas.result(iq)

    async def take_fault(self, jid: str, iq: Element) -> Element:
        """Two checkpoints that contradict each other, as a probe saw them."""
        kind, position, notes = watching.read_fault(iq[0])
        await self.found(kind, position, f"probe:{jid}", {"notes": notes})
        return stanzas.result(iq)

    # -- faults

    async def found(self, kind: str, position: int, source: str, detail: Mapping[str, Any] | None = None) -> None:
        """Keep a fault; that it is told follows from that it is kept."""
        if await faults.add(self._db, kind=kind, position=position, source=source, detail=detail) is not None:
            log.error("the log is not as it was", kind=kind, position=position, source=source)

    async def _tell(self) -> None:
        first = True
        while True:
            try:
                for one in await faults.after(self._db, self._told):
                    self._told = one.n
                    if not (first and one.settled):
                        data = {"kind": one.kind, "position": one.position, "source": one.source}
                        self._bus.publish("log.fault", data)
                first = False
            except Unavailable:
                pass
            await asyncio.sleep(TELL_S)

    async def _audit(self) -> None:
        await asyncio.sleep(self._first_audit_s)
        while True:
            try:
                self.audited = await auditor.audit(self._db, self._key, told=_rest)
                for fault in self.audited.faults:
                    await self.found(fault.kind, fault.index, "server")
            except PumpkinError as error:
                log.warning("not audited", reason=describe(error))
            await asyncio.sleep(self._audit_every_s)


async def _rest(_: int) -> None:
    await asyncio.sleep(REST_S)


async def _stamped(db: Database) -> Checkpoint | None:
    """The newest checkpoint that an authority has stamped: what bundles hold, so that its signatures are of use."""
    size = await proofs.stamped(db)
    return await proofs.checkpoint(db, size) if size else None
