"""What an agent of ours is to XMPP, however its stanzas travel: it asks, answers, and hands on what is said to it.

Two ways to travel: `adapters.xmpp.XmppSession` (a connection of its own) and `InProcess` (attached to the embedded
server). All runs on the loop; handlers are plain functions or coroutines, a coroutine runs as a task of the session.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.stanzas import name
from pumpkin.errors import PumpkinError, Unavailable

log = structlog.get_logger("pumpkin.xmpp")

Answer = Callable[[Element], Awaitable[Element]]
Heard = Callable[[Element], Any]
TASKS_LIMIT = 5_000
TASKS_HELD = 1_000
ANSWER_S = 30.0


class Session(ABC):
    """Set `on_message`, `on_presence` and `serve(...)` before it starts.

    `jid` is the bound full JID once there is one; `features` what discovery answers beside the ordinary ones.
    """

    def __init__(self, program: str = "Pumpkin", version: str = "") -> None:
        self.jid = ""
        self.features: set[str] = {stanzas.PING, stanzas.VERSION, stanzas.FORMS}
        self.identity = ("automation", "bot", program)
        self.version = version
        self.on_message: Heard | None = None
        self.on_presence: Heard | None = None
        self.on_ready: Callable[[], Any] | None = None
        self.on_lost: Callable[[], Any] | None = None
        self._served: dict[tuple[str, str], Answer] = {
            ("get", name("query", stanzas.DISCO_INFO)): self._disco_info,
            ("get", name("query", stanzas.DISCO_ITEMS)): self._disco_items,
            ("get", name("query", stanzas.VERSION)): self._software,
            ("get", name("ping", stanzas.PING)): self._pong,
        }
        self.items: Callable[[Element], Iterable[Element]] | None = None
        self._asked: dict[str, tuple[str | None, asyncio.Future[Element]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- to be said by how it travels

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether stanzas can be sent now."""

    @abstractmethod
    def send(self, stanza: Element) -> None:
        """Send one stanza without waiting; Unavailable when there is no connection."""

    @abstractmethod
    def start(self) -> None:
        """Begin; `on_ready` is called at each new bound session."""

    @abstractmethod
    async def stop(self) -> None:
        """End: answers under way are sent first, contacts see us unavailable."""

    @property
    def busy(self) -> bool:
        """Whether as many answers are being worked out as may be; then newcomers are asked to wait."""
        return len(self._tasks) >= TASKS_LIMIT

    # -- asking

    async def request(self, iq: Element, *, timeout_s: float = ANSWER_S) -> Element:
        """Send an IQ and wait for its result; StanzaError when it is an error, Unavailable when none comes."""
        ident = iq.get("id") or uuid4().hex
        iq.set("id", ident)
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._asked[ident] = (iq.get("to"), answer)
        try:
            self.send(iq)
            async with asyncio.timeout(timeout_s):
                found = await answer
        except TimeoutError:
            raise Unavailable(f"{iq.get('to') or 'The server'} did not answer within {timeout_s:g} s.") from None
        finally:
            self._asked.pop(ident, None)
        if found.get("type") == "error":
            raise stanzas.read_error(found)
        return found

    async def discover(self, jid: str) -> set[str]:
        """The features `jid` says it has (XEP-0030)."""
        found = await self.request(stanzas.iq("get", jid, None, Element(name("query", stanzas.DISCO_INFO))))
        query = found.find(name("query", stanzas.DISCO_INFO))
        return {one.get("var", "") for one in query} - {""} if query is not None else set()

    # -- answering

    def serve(self, kind: str, tag: str, answer: Answer) -> None:
        """Answer IQs of type `kind` (get or set) whose payload is `tag` by what `answer` makes of them; a PumpkinError
        it raises becomes the error answer."""
        self._served[(kind, tag)] = answer

    def take(self, stanza: Element) -> None:
        """One stanza from the server."""
        local = stanzas.local_name(stanza)
        if local == "iq":
            self._take_iq(stanza)
        elif local == "message" and self.on_message is not None:
            self._hear(self.on_message, stanza)
        elif local == "presence" and self.on_presence is not None:
            self._hear(self.on_presence, stanza)

    def expects(self, stanza: Element) -> bool:
        """Whether `stanza` answers a request of this session."""
        return stanza.get("id", "") in self._asked and stanza.get("type") in ("result", "error")

    def _take_iq(self, stanza: Element) -> None:
        kind = stanza.get("type")
        if kind in ("result", "error"):
            asked = self._asked.get(stanza.get("id", ""))
            # RFC 6120 section 8.1.2.3: only whom we asked may answer.
            if asked is not None and not asked[1].done() and _answers(asked[0], stanza.get("from"), self.jid):
                asked[1].set_result(stanza)
            return
        payload = next(iter(stanza), None)
        answer = self._served.get((kind or "", payload.tag if payload is not None else ""))
        if answer is None:
            self._reply(stanzas.error_to(stanza, "service-unavailable"))
        elif self.busy:
            self._reply(stanzas.error_to(stanza, "resource-constraint", "wait"))
        else:
            self._task(self._answer(stanza, answer))

    async def _answer(self, iq: Element, answer: Answer) -> None:
        try:
            reply = await answer(iq)
        except PumpkinError as error:
            reply = stanzas.refusal(iq, error)
        except Exception:
            log.exception("answering failed", sender=iq.get("from"))
            reply = stanzas.error_to(iq, "internal-server-error", "wait")
        self._reply(reply)

    def _reply(self, stanza: Element) -> None:
        try:
            self.send(stanza)
        except PumpkinError as error:
            log.info("answer not sent", to=stanza.get("to"), reason=error.message)

    def _hear(self, heard: Heard, stanza: Element) -> None:
        told = heard(stanza)
        if inspect.iscoroutine(told):
            self._task(self._finish(told))

    def _tell(self, told: Callable[[], Any] | None) -> None:
        if told is not None:
            self._hear(lambda _: told(), Element("event"))

    async def _finish(self, work: Awaitable[Any]) -> None:
        try:
            await work
        except PumpkinError as error:
            log.warning("stanza not handled", reason=error.message)
        except Exception:
            log.exception("handling a stanza failed")

    def _task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if len(self._tasks) == TASKS_HELD:
            self._hold(True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) == TASKS_HELD // 2:
            self._hold(False)

    def _hold(self, held: bool) -> None:
        """Make senders wait, or let them go on, where the way of travelling can do that."""
        log.debug("session busy", jid=self.jid, held=held)

    async def settle(self, deadline_s: float = 5.0) -> None:
        """Let what is being answered be answered, then end the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=deadline_s)
        for task in tuple(self._tasks):
            task.cancel()
        self._lost("The session ended.")

    def _lost(self, why: str) -> None:
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Unavailable(why))

    # -- what every agent answers

    async def _disco_info(self, iq: Element) -> Element:
        return stanzas.disco_info(iq, self.identity, self.features)

    async def _disco_items(self, iq: Element) -> Element:
        query = iq.find(name("query", stanzas.DISCO_ITEMS))
        answer = Element(name("query", stanzas.DISCO_ITEMS))
        if query is not None and query.get("node"):
            answer.set("node", query.get("node", ""))
        if self.items is not None:
            answer.extend(self.items(iq))
        return stanzas.result(iq, answer)

    async def _software(self, iq: Element) -> Element:
        return stanzas.software(iq, self.identity[2], self.version)

    async def _pong(self, iq: Element) -> Element:
        return stanzas.result(iq)


class InProcess(Session):
    """A session attached to the embedded server: no socket, no authentication.

    `attach(handler)` joins it and gives what it sends through (`adapters.xmppd`'s LocalSession).
    """

    def __init__(self, attach: Callable[[Callable[[Element], None]], Any], jid: str, **said: str) -> None:
        super().__init__(**said)
        self._attach = attach
        self._line: Any = None
        self.jid = jid

    def start(self) -> None:
        line: Any = self._attach(self.take)
        self._line = line
        self.jid = str(getattr(line, "jid", "") or self.jid)
        self._tell(self.on_ready)

    async def stop(self) -> None:
        await self.settle()
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    @property
    def connected(self) -> bool:
        return self._line is not None

    def _hold(self, held: bool) -> None:
        # Waiting senders cost them time; refused ones lose their check when they, like SPADE agents, never ask again.
        if self._line is not None:
            (self._line.hold if held else self._line.release)()

    def send(self, stanza: Element) -> None:
        if self._line is None:
            raise Unavailable("The session with the embedded XMPP server is closed.")
        self._line.send(stanza)


def _answers(asked: str | None, sender: str | None, own: str) -> bool:
    if asked == sender:
        return True
    bare = own.partition("/")[0]
    if not asked:
        return sender in (None, "", bare, own, bare.partition("@")[2])
    return not sender and asked in (bare, bare.partition("@")[2])
