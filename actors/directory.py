"""Who can do what: agents ask the aggregator for others by duty, behaviour and site (rulings.md 44)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element, SubElement

from pumpkin.adapters import stanzas
from pumpkin.adapters.stanzas import name
from pumpkin.errors import InvalidRequest
from pumpkin.model.agents import Agent, Board
from pumpkin.store import agents
from pumpkin.store.database import Database

FIND = "urn:pumpkin:find:0"
LOOKED_AT = 1_000
ANSWERED = 50
_RANK = {"chat": 0, "available": 0, "away": 1, "xa": 2, "dnd": 3}

Admit = Callable[[str], Awaitable[str]]


class Directory:
    """Answers `<find xmlns="urn:pumpkin:find:0" duty= behaviour= site=/>` of approved agents: the available first, of
    those the ones with fewest behaviours running; at most fifty, never the asker itself."""

    def __init__(self, db: Database, board: Callable[[], Board], admit: Admit) -> None:
        self._db, self._board, self._admit = db, board, admit

    async def find(self, iq: Element) -> Element:
        """The answer; InvalidRequest without a duty, UnknownAgent for a stranger."""
        asker = await self._admit(iq.get("from", ""))
        wanted = iq[0]
        duty = wanted.get("duty", "")
        if not duty or len(duty) > 200:
            raise InvalidRequest("A duty must be named.", fields={"duty": "missing"})
        board = self._board().agents
        found = await self.choose(asker, duty, site=wanted.get("site", ""), behaviour=wanted.get("behaviour", ""))
        answer = Element(name("found", FIND), {"duty": duty})
        for one in found[:ANSWERED]:
            presence = board.get(one.jid)
            line = SubElement(answer, name("agent", FIND), {"jid": one.jid})
            line.set("show", presence.show if presence else "unavailable")
            if one.site:
                line.set("site", one.site)
        return stanzas.result(iq, answer)

    async def choose(self, asker: str, duty: str, *, site: str = "", behaviour: str = "") -> list[Agent]:
        """Approved agents of a duty but the asker, at that site and with that behaviour where one is named: the
        available first, of those the ones with fewest behaviours running."""
        known = await agents.page(self._db, state="approved", duty=duty, limit=LOOKED_AT)
        board = self._board().agents
        fitting = [
            one
            for one in known
            if one.jid != asker
            and (not site or one.site == site)
            and (not behaviour or any(each.kind == behaviour for each in one.behaviours))
        ]

        def order(one: Agent) -> tuple[int, int, str]:
            show = board[one.jid].show if one.jid in board else "unavailable"
            return _RANK.get(show, 9), sum(each.state == "running" for each in one.behaviours), one.jid

        return sorted(fitting, key=order)
