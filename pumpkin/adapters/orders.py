"""A probe under orders: the server's signed document of its jobs, taken, kept on disk, and obeyed also when alone.

`<jobs xmlns="urn:pumpkin:jobs:0" version signature>JSON</jobs>` comes by IQ set when it changed, and as the answer to
an IQ get with the version that is held and the key that is obeyed, asked at each new session; by HTTPS it is asked for
while XMPP is away. Only the fleet key named in the probe's own file is obeyed, and the keys that follow it by its word
(`<succession signature>JSON</succession>` inside); a document for another agent is not, nor one older than the held.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any, Protocol
from xml.etree.ElementTree import Element

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import name
from pumpkin.errors import BadSignature, Forbidden, InvalidRequest, PumpkinError, StartError
from pumpkin.evidence import orders
from pumpkin.model.agents import bare
from pumpkin.model.assignments import ORDER_JOBS, read_job
from pumpkin.model.jobs import Job
from pumpkin.model.updates import Update, read_update
from pumpkin.probes import parsers

log = structlog.get_logger("pumpkin.probe")

JOBS = "urn:pumpkin:jobs:0"
DOCUMENT_LIMIT = 4 * 1024 * 1024
TAG = name("jobs", JOBS)
SUCCESSION = name("succession", JOBS)

Assign = Callable[[Mapping[str, Job], Callable[[Job], Awaitable[None]], Callable[[Job], bool]], None]


class Memory(Protocol):
    """What outlives the probe's process: `probes.spool.Spool`."""

    def recall(self, name: str) -> Awaitable[str | None]: ...
    def remember(self, name: str, value: str | None) -> Awaitable[None]: ...


class Orders:
    """One probe's orders. `assign(jobs, done, finished)` makes them its work (`probes.bench.Bench.assign`)."""

    def __init__(self, agent: str, fleet_key: str, may_run: Iterable[str], memory: Memory, assign: Assign) -> None:
        self._agent, self._keys, self._may_run = bare(agent), [fleet_key], frozenset(may_run)
        self._links: list[tuple[str, str]] = []
        self._signature = ""
        self._memory, self._assign = memory, assign
        self._finished: dict[str, str] = {}
        self.version, self.digest, self.trouble = 0, "", ""
        self.update: Update | None = None
        self.taken = asyncio.Event()
        """Set with each order that is obeyed."""

    @property
    def key(self) -> str:
        """The key that is obeyed now (hex)."""
        return self._keys[-1]

    async def load(self) -> None:
        """Obey what was held when the probe last ran, whichever of the keys followed till now signed it."""
        kept_links = json.loads(await self._memory.recall("fleet_links") or "[]")
        self._links = [(text, signature) for text, signature in kept_links]
        self._keys = orders.followers(self._keys[0], self._links)
        self._finished = json.loads(await self._memory.recall("orders_finished") or "{}")
        kept = json.loads(await self._memory.recall("orders") or "{}")
        if kept:
            try:
                self._obey(self._kept(kept["document"], kept["signature"]), kept["document"])
                self._signature = kept["signature"]
            except PumpkinError as error:  # another fleet key in the file since
                log.warning("kept order not obeyed", reason=error.message)

    def state(self) -> dict[str, Any]:
        """What the probe's report says of it."""
        return {"version": self.version, "digest": self.digest, "trouble": self.trouble[:300]}

    def read(self, text: str, signature: str) -> dict[str, Any]:
        """A document for this agent under this fleet's signature; PumpkinError for any other. Not obeyed yet."""
        if len(text) > DOCUMENT_LIMIT:
            raise InvalidRequest("The order is larger than an order may be.")
        return self._read(text, signature)

    async def take(self, text: str, signature: str) -> None:
        """Hold this order from now on, and obey it; PumpkinError when it is not to be obeyed."""
        document = self.read(text, signature)
        version, digest = document["version"], orders.digest(text)
        if version < self.version or (version == self.version and digest != self.digest):
            raise InvalidRequest(f"The order {version} is not newer than {self.version}, which is held.")
        if digest == self.digest and signature == self._signature:
            return
        await self._memory.remember("orders", json.dumps({"document": text, "signature": signature}))
        self._signature = signature
        if digest == self.digest:
            return
        self._obey(document, text)
        log.info("orders taken", version=version, jobs=len(document["jobs"]), trouble=self.trouble or None)

    async def follow(self, links: Iterable[tuple[str, str]]) -> None:
        """Obey the newest key that follows the one obeyed, by links of document and signature; the one before never
        again. Kept on disk, so that a restart does not fall back."""
        before = self.key
        for link in islice(links, orders.FOLLOWED):
            if len(found := orders.followers(self.key, [link])) == 2:
                self._links.append(link)
                self._keys.append(found[-1])
        if self.key != before:
            await self._memory.remember("fleet_links", json.dumps(self._links[-orders.FOLLOWED :]))
            log.info("another fleet key is obeyed", key=self.key, by_word_of=self._keys[-2])

    def serve(self, session: Session, trusts: Callable[[str], bool]) -> None:
        """Take orders that come by this session from those `trusts` says are the aggregator (bare JIDs)."""

        async def told(iq: Element) -> Element:
            try:
                sender = bare(iq.get("from", ""))
            except ValueError:
                sender = ""
            if not trusts(sender):
                raise Forbidden("This agent takes orders from its aggregator only.")
            await self.follow(_links(iq[0]))
            await self.take(iq[0].text or "", iq[0].get("signature", ""))
            return stanzas.result(iq, Element(TAG, {"version": str(self.version), "digest": self.digest}))

        session.features.add(JOBS)
        session.serve("set", TAG, told)

    def question(self) -> Element:
        """What is asked of the aggregator at each new session."""
        return Element(TAG, {"version": str(self.version), "key": self.key})

    async def answered(self, answer: Element) -> None:
        """Take what the aggregator answers; nothing when we hold the newest."""
        found = answer.find(TAG)
        if found is not None:
            await self.follow(_links(found))
        if found is not None and found.text:
            await self.take(found.text, found.get("signature", ""))

    def _kept(self, text: str, signature: str) -> dict[str, Any]:
        """What was taken while an earlier key was obeyed is obeyed until the same comes under the new one."""
        for key in self._keys[:-1]:
            with contextlib.suppress(BadSignature):
                return self._read(text, signature, key)
        return self._read(text, signature)

    def _read(self, text: str, signature: str, key: str = "") -> dict[str, Any]:
        document = orders.read(orders.JOBS, text, signature, key or self.key)
        jobs, version = document.get("jobs"), document.get("version")
        if document.get("agent") != self._agent:
            raise Forbidden("The order is for another agent.")
        if not isinstance(jobs, list) or len(jobs) > ORDER_JOBS or not isinstance(version, int) or version < 1:
            raise InvalidRequest("The order has no version or no list of jobs.")
        return document

    def _obey(self, document: Mapping[str, Any], text: str) -> None:
        jobs: dict[str, Job] = {}
        troubles: list[str] = []
        for one in document["jobs"]:
            given = one.get("job", {}) if isinstance(one, dict) else {}
            try:
                job = self.fitting(given)
                jobs[job.name] = job
            except PumpkinError as error:
                troubles.append(f"{str(given.get('name', ''))[:100]}: {error.message}")
        try:
            self.update = read_update(document.get("update"))
        except InvalidRequest as error:
            self.update = None
            troubles.append(error.message)
        self.version, self.digest, self.trouble = document["version"], orders.digest(text), "; ".join(troubles)
        self.taken.set()
        self._finished = {name: mark for name, mark in self._finished.items() if name in jobs}
        self._assign(jobs, self._done, lambda job: self._finished.get(job.name) == _mark(job))

    def fitting(self, given: Mapping[str, Any]) -> Job:
        """The job in an order, if this probe can and may run it; PumpkinError says why not."""
        job = read_job(given)
        program = PurePath(job.argv[0]).name
        if self._may_run and not {job.argv[0], program, str(given.get("use", ""))} & self._may_run:
            raise Forbidden(f"This probe may not run {program[:60]} (may_run in its file).")
        try:
            parsers.find(job.result_parser)
        except StartError as error:
            raise InvalidRequest(error.message) from None
        return job

    async def _done(self, job: Job) -> None:
        """A one-shot job has run: it is not run again when the probe starts anew."""
        self._finished[job.name] = _mark(job)
        await self._memory.remember("orders_finished", json.dumps(self._finished))


def _links(element: Element) -> list[tuple[str, str]]:
    return [(one.text or "", one.get("signature", "")) for one in element.iter(SUCCESSION)]


def _mark(job: Job) -> str:
    return orders.digest(job.model_dump_json())
