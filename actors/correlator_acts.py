"""What rules do besides telling (rulings.md 45): a probe runs a job now, or gets another period; k others are asked."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from pumpkin.errors import InvalidRequest, NotFound, PumpkinError, RateLimited
from pumpkin.model.agents import Board
from pumpkin.model.alerts import Alert
from pumpkin.model.rules.document import Act
from pumpkin.store import agents
from pumpkin.store.database import Database

log = structlog.get_logger("pumpkin.correlator")

WITHIN_S = 60.0
AT_ONCE = 10
A_MINUTE = 60
"""Acts of one rule in a minute: a rule that fires in a storm must not become one itself."""
LOOKED_AT = 1_000
_RANK = {"chat": 0, "available": 0, "away": 1, "xa": 2}
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PLACEHOLDER = re.compile(r"\{(agent|target|type|site)\}")

Run = Callable[[str, str], Awaitable[Mapping[str, Any]]]
"""Has an agent run a job now."""
Command = Callable[[str, str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""Gives an agent a command of its own (XEP-0050) with a form."""


class Acts:
    """`perform` does one act about an alert; each answer is a JSON object for the alert's history."""

    def __init__(self, db: Database, *, run: Run, command: Command, board: Callable[[], Board]) -> None:
        self._db, self._run, self._command, self._board = db, run, command, board
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._recent: dict[str, deque[float]] = {}

    async def perform(self, act: Act, alert: Alert) -> list[dict[str, Any]]:
        """What was done, one object an agent asked; a failure is one too."""
        asked = {"do": act.do, "job": _filled(act.job, alert)}
        try:
            self._count(alert.rule)
            jids = await self._whom(act, alert)
        except PumpkinError as error:
            return [{**asked, "ok": False, "error": error.message}]
        return list(await asyncio.gather(*(self._one(act, jid, asked) for jid in jids)))

    async def _one(self, act: Act, jid: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        told = {**asked, "agent": jid}
        try:
            async with self._slots, asyncio.timeout(WITHIN_S):
                if act.do == "period":
                    form = {"job": str(asked["job"]), "period": f"{act.period or 0:g}"}
                    answer = await self._command(jid, "period", {name: one for name, one in form.items() if one})
                else:
                    answer = await self._run(jid, str(asked["job"]))
        except TimeoutError:
            return {**told, "ok": False, "error": f"no answer within {WITHIN_S:g} s"}
        except PumpkinError as error:
            return {**told, "ok": False, "error": error.message}
        said = " ".join(str(one.get("text", "")) for one in answer.get("notes", ()))[:500]
        found = _UUID.search(said)
        more = {"check": found[0]} if found else {}
        return {**told, "ok": True, "channel": str(answer.get("channel", "command")), "answer": said, **more}

    async def _whom(self, act: Act, alert: Alert) -> list[str]:
        if act.do != "ask":
            jid = _filled(act.agent, alert)
            if "@" not in jid:
                raise InvalidRequest("The alert names no agent to act on.")
            return [jid]
        board = self._board().agents
        known = await agents.page(self._db, state="approved", duty=act.duty, limit=LOOKED_AT)
        there = [
            (rank, sum(each.state == "running" for each in one.behaviours), one.jid)
            for one in known
            if one.jid != alert.subject.agent
            and (not act.site or one.site == act.site)
            and (rank := _RANK.get(board[one.jid].show if one.jid in board else "", 9)) < 9
        ]
        if not there:
            raise NotFound(f"No other agent that is available has the duty {act.duty}.")
        return [jid for _, _, jid in sorted(there)[: act.k]]

    def _count(self, rule: str) -> None:
        now = time.monotonic()
        recent = self._recent.setdefault(rule, deque())
        while recent and recent[0] < now - 60:
            recent.popleft()
        if len(recent) >= A_MINUTE:
            raise RateLimited(f"The rule has acted {A_MINUTE} times within a minute already.")
        recent.append(now)


def _filled(text: str, alert: Alert) -> str:
    return _PLACEHOLDER.sub(lambda found: str(getattr(alert.subject, found[1])), text)
