"""Upkeep: the tally of what fails, and the caretaker with its disk and the rules for how long payloads are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from actors.aggregator import Aggregator
from actors.caretaker import Caretaker, Keep, Limits
from actors.supervision import Child, System
from actors.tally import Tally
from pumpkin.building.line import Line
from pumpkin.model.checks import Observation, Receipt
from pumpkin.settings import Settings
from pumpkin.store.database import Database

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Upkeep:
    """The caretaker as the front asks it."""

    caretaker: Child[Caretaker]
    aggregator: Child[Aggregator]
    system: System
    leading: Callable[[], bool]

    def missing(self) -> dict[str, str]:
        """`disk`, with the reason, while there is no room to write."""
        trouble = self.caretaker.actor.trouble() if self.caretaker.running else ""
        return {"disk": trouble} if trouble else {}

    def notices(self) -> dict[str, str]:
        """What people are to know before it is a trouble, by what it is about."""
        words = self.caretaker.actor.warning() if self.caretaker.running else ""
        return {"The disk is getting full": words} if words else {}

    def metrics(self) -> dict[str, float]:
        """Figures of the whole, of the aggregator and of the caretaker, as far as they run."""
        states = self.system.states()
        found = {
            "pumpkin_parts_down": float(sum(part.state != "running" for part in states)),
            "pumpkin_leader": float(self.leading()),
            "pumpkin_parts_restarted_total": float(sum(part.restarts for part in states)),
        }
        if self.aggregator.running:
            status = self.aggregator.actor.status()
            found["pumpkin_checks_waiting"] = float(status["held"])
            found["pumpkin_checks_refused_total"] = float(status["refused"])
        return found | (self.caretaker.actor.figures() if self.caretaker.running else {})


async def build_upkeep(settings: Settings, system: System, db: Database, line: Line) -> Upkeep:
    """Start it."""
    given = settings.upkeep
    rules = tuple(Keep(rule.days, rule.type, rule.agent, rule.status) for rule in given.retention)

    async def receive(seen: Observation) -> Receipt:
        return await line.aggregator.actor.receive(seen)

    await system.start("tally", lambda: Tally.start(db))
    return Upkeep(
        await system.start(
            "caretaker",
            lambda: Caretaker.start(
                db,
                free_bytes=lambda: shutil.disk_usage(settings.data).free,
                reserve_bytes=given.reserve * MIB,
                warn_bytes=given.warn * MIB,
                limits=Limits(rules, int(given.quota * GIB), given.messages),
                receive=receive,
            ),
        ),
        line.aggregator,
        system,
        line.leading,
    )
