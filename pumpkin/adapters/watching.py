"""How a probe watches the log over XMPP: asks for the newest checkpoint, judges it, cosigns it, or tells what is wrong.

`<iq type="get"><log xmlns="urn:pumpkin:log:0" old="SIZE"/></iq>` is answered by the note, the consistency proof from
that size and the log's key; `<cosignature size vkey>LINE</cosignature>` and `<fault kind position><note/>...</fault>`
go up by IQ of type set. The probe remembers what it saw on its own disk: who runs the server cannot take that back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from xml.etree.ElementTree import Element, SubElement

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import name
from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.evidence import witness
from pumpkin.evidence.checkpoint import BadNote, VerifierKey, parse_note
from pumpkin.evidence.witness import Judgement, Sight, WitnessKey

LOG = "urn:pumpkin:log:0"
EVERY_S = 60.0  # rulings.md 9: at most one proof a minute
AWAY_S = 2.0  # how soon it is tried again while the aggregator is away, or has no checkpoint yet
KINDS = ("fork", "shrunk", "inconsistent", "unsigned")

log = structlog.get_logger("pumpkin.probe")


class Memory(Protocol):
    """What outlives the probe's process: `probes.spool.Spool`."""

    def recall(self, name: str) -> Awaitable[str | None]: ...
    def remember(self, name: str, value: str) -> Awaitable[None]: ...


class LogWatch:
    """One probe's watch. `to()` gives the aggregator's full JID, None while it is away; `jid` is the probe's bare one.

    The log's key is taken as it is first shown, and kept: another one later is a fault, unless the first endorsed it.
    `fault` is what was found wrong, for ever: a log that once contradicted itself does not become right again.
    """

    def __init__(self, session: Session, jid: str, to: Callable[[], str | None], memory: Memory) -> None:
        self._session, self._jid, self._to, self._memory = session, jid, to, memory
        self._key: WitnessKey | None = None
        self._seen: Sight | None = None
        self._log_key = ""
        self.fault: str | None = None

    async def run(self) -> None:
        """Look once a minute, until cancelled; a probe that has seen nothing yet does so as soon as it can."""
        await self.load()
        while True:
            looked = None
            with contextlib.suppress(PumpkinError):
                looked = await self.look()
            await asyncio.sleep(EVERY_S if looked else AWAY_S)

    async def load(self) -> None:
        """What this probe remembers of earlier runs."""
        seed = await self._memory.recall("witness_key")
        self._key = WitnessKey.from_bytes(self._jid, bytes.fromhex(seed)) if seed else WitnessKey.generate(self._jid)
        await self._memory.remember("witness_key", self._key.to_bytes().hex())
        self._log_key = await self._memory.recall("log_key") or ""
        note = await self._memory.recall("log_seen")
        if note:
            with contextlib.suppress(BadNote):
                self._seen = Sight(note, parse_note(note))
        told = await self._memory.recall("log_fault")
        if told:
            self.fault = json.loads(told)["kind"]
            log.error("this log contradicted itself before", kind=self.fault)

    async def look(self) -> Judgement | None:
        """Ask for the newest checkpoint and judge it; None while nobody can be asked. A PumpkinError when the asking
        fails."""
        to = self._to()
        if to is None or self._key is None:
            return None
        old = self._seen.said.size if self._seen else 0
        answer = await self._session.request(stanzas.iq("get", to, None, Element(name("log", LOG), {"old": str(old)})))
        note, path, vkey, successions = read_shown(answer)
        known = witness.follow(self._log_key, successions) if self._log_key else vkey
        if known != self._log_key:
            self._log_key = known
            await self._memory.remember("log_key", known)
        try:
            judged, seen = witness.judge(self._seen, note, path, VerifierKey.parse(self._log_key))
        except BadNote:
            judged, seen = "unsigned", self._seen
        if judged in KINDS:
            await self._contradicted(to, judged, note)
        elif judged == "new" and seen is not None:
            self._seen = seen
            await self._memory.remember("log_seen", note)
            await self._sign(to, note, seen.said.size)
        return judged

    async def _sign(self, to: str, note: str, size: int) -> None:
        assert self._key is not None
        element = Element(name("cosignature", LOG), {"size": str(size), "vkey": self._key.verifier.text})
        element.text = self._key.cosign(note, int(time.time()))
        await self._session.request(stanzas.iq("set", to, None, element))

    async def _contradicted(self, to: str, kind: Judgement, note: str) -> None:
        """Say it here, where the server has no say, keep the evidence, and tell the server too."""
        before = self._seen.note if self._seen else ""
        self.fault = kind
        log.error("the log contradicts what this probe saw", kind=kind, seen=before[:2_000], shown=note[:2_000])
        await self._memory.remember("log_fault", json.dumps({"kind": kind, "notes": [before, note]}))
        position = self._seen.said.size if self._seen else 0
        element = Element(name("fault", LOG), {"kind": kind, "position": str(position)})
        for one in (before, note):
            SubElement(element, name("note", LOG)).text = one
        await self._session.request(stanzas.iq("set", to, None, element))


def read_ask(element: Element) -> int:
    """The size from which a proof is asked for."""
    return _number(element.get("old", "0"))


def shown(note: str, path: Sequence[bytes], vkey: str, successions: Sequence[Mapping[str, Any]] = ()) -> Element:
    """The answer to `read_ask`; `successions` are the statements by which each key of the log followed another."""
    element = Element(name("log", LOG), {"vkey": vkey})
    SubElement(element, name("note", LOG)).text = note
    SubElement(element, name("path", LOG)).text = " ".join(one.hex() for one in path)
    for one in successions:
        SubElement(element, name("succession", LOG)).text = json.dumps(one)
    return element


def read_shown(answer: Element) -> tuple[str, list[bytes], str, list[dict[str, Any]]]:
    """Note, proof, key and its successions of a log that was shown. InvalidRequest when it is none."""
    element = answer.find(name("log", LOG))
    if element is None:
        raise InvalidRequest("The log was not shown.")
    successions = []
    try:
        for one in element.findall(name("succession", LOG))[:100]:
            said = json.loads(one.text or "")
            successions += [said] if isinstance(said, dict) else []
        path = [bytes.fromhex(one) for one in (element.findtext(name("path", LOG)) or "").split()[:64]]
    except (ValueError, RecursionError):
        raise InvalidRequest("The proof is not hexadecimal, or a succession no JSON.") from None
    return element.findtext(name("note", LOG)) or "", path, element.get("vkey", ""), successions


def read_cosignature(element: Element) -> tuple[int, str, str]:
    """Size, key and signature line that a probe brings."""
    return _number(element.get("size", "")), element.get("vkey", "")[:500], (element.text or "").strip()[:1_000]


def read_fault(element: Element) -> tuple[str, int, list[str]]:
    """Kind, position and the notes of a contradiction. InvalidRequest for a kind there is none of."""
    kind = element.get("kind", "")
    if kind not in KINDS:
        raise InvalidRequest("There is no such fault.")
    notes = [(one.text or "")[:4_000] for one in element.findall(name("note", LOG))[:2]]
    return kind, _number(element.get("position", "")), notes


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequest("A size is a number.")
    return int(text)
