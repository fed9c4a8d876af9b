"""Agents speak to each other by duty: whom the aggregator asks for a second look, and which way (rulings.md 44)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from xml.etree.ElementTree import Element

import structlog

from pumpkin.adapters import stanzas
from pumpkin.adapters.peers import ANSWERS, TAG
from pumpkin.errors import InvalidRequest, NotFound, PumpkinError, Unavailable
from pumpkin.model.agents import Agent, Board, bare
from pumpkin.store import agents
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.liaison")

ANSWER_S = 120.0
AGENTS_MOST = 10
TRIED_MOST = 20
ABOUT = ("type", "target")

Command = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
Resident = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any] | None]]


class Chooser(Protocol):
    """`actors.directory.Directory`."""

    async def choose(self, asker: str, duty: str, *, site: str = "", behaviour: str = "") -> list[Agent]: ...


class Liaison:
    """`command(jid, form)` has an agent run its command `confirm` over XMPP; `resident(jid, form)` one of this process,
    None when it is not of this process. Its answers: `{"agent", "channel", "status", "check", "agrees"}` each."""

    def __init__(
        self, db: Database, board: Callable[[], Board], chooser: Chooser, command: Command, resident: Resident
    ) -> None:
        self._db, self._board, self._chooser = db, board, chooser
        self._command, self._resident = command, resident

    async def asked(self, iq: Element, asker: str) -> Element:
        """The answer to an `<ask/>` of `asker`, who may ask."""
        question = iq[0]
        try:
            about = json.loads(question.text or "")
            most = int(question.get("agents", "1"))
        except (ValueError, RecursionError):
            raise InvalidRequest("The question cannot be read.") from None
        found = await self.ask(
            asker,
            about if isinstance(about, dict) else {},
            duty=question.get("duty", ""),
            jid=question.get("jid", ""),
            most=most,
            elsewhere=question.get("elsewhere") == "true",
        )
        answer = Element(ANSWERS)
        answer.text = json.dumps(found)
        return stanzas.result(iq, answer)

    async def ask(
        self,
        asker: str,
        about: Mapping[str, Any],
        *,
        duty: str = "",
        jid: str = "",
        most: int = 1,
        elsewhere: bool = False,
    ) -> list[dict[str, Any]]:
        """Have up to `most` agents of a duty (or the one named) look at `about` (type, target, status); their answers.

        The available first, at another site than the asker's first with `elsewhere`; who does not look at that target,
        or has just left, is passed over. NotFound when nobody has the duty.
        """
        form = {key: str(about.get(key) or "")[:2_000] for key in ABOUT}
        if not form["type"] or not (duty or jid):
            raise InvalidRequest("A question names a duty or an agent, and the type of what was seen.")
        candidates = await self._candidates(asker, duty, jid, elsewhere)
        answers: list[dict[str, Any]] = []
        wanted = max(1, min(most, AGENTS_MOST))
        waiting = candidates[:TRIED_MOST]
        while waiting and sum("agrees" in one for one in answers) < wanted:
            missing = wanted - sum("agrees" in one for one in answers)
            now, waiting = waiting[:missing], waiting[missing:]
            answers += await asyncio.gather(*(self._one(one, form, about.get("status")) for one in now))
        log.info("asked for a second look", asker=asker, duty=duty or jid, answers=len(answers))
        return answers

    async def _candidates(self, asker: str, duty: str, jid: str, elsewhere: bool) -> list[str]:
        if jid:
            try:
                named = await agents.get(self._db, bare(jid))
            except ValueError:
                named = None
            if named is None or named.state != "approved":
                raise NotFound(f"There is no agent {jid[:200]}.")
            return [named.jid]
        found = await self._chooser.choose(asker, duty)
        board = self._board().agents
        here = [one for one in found if one.jid in board and board[one.jid].show != "unavailable"]
        if not here:
            raise NotFound(f"No other agent of the duty {duty[:100]} is available.")
        if elsewhere:
            mine = await agents.get(self._db, asker)
            here.sort(key=lambda one: mine is not None and one.site == mine.site)
        return [one.jid for one in here]

    async def _one(self, jid: str, form: Mapping[str, str], status: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_S):
                said = await self._resident(jid, form)
                channel = "process" if said is not None else "xmpp"
                if said is None:
                    said = await self._command(jid, form)
        except TimeoutError:
            return {"agent": jid, "error": f"did not answer within {ANSWER_S:g} s"}
        except PumpkinError as error:
            return {"agent": jid, "error": error.message[:300]}
        if not said.get("check"):
            return {"agent": jid, "channel": channel, "error": "answered something else"}
        found = {key: str(said.get(key, ""))[:100] for key in ("status", "check")}
        return {"agent": jid, "channel": channel, **found, "agrees": found["status"] == status}


def from_command(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a `confirm` command's answer; Unavailable when there is none."""
    rows = (answer.get("form") or {}).get("rows") or []
    if answer.get("status") != "completed" or not rows:
        raise Unavailable("The agent did not complete the command.")
    return {key: values[0] if values else "" for key, values in rows[0].items()}


__all__ = ["TAG", "Liaison", "from_command"]
