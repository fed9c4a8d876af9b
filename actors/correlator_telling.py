"""Puts what happened to alerts into the log, as checks of their own, and tells it on the bus: first proven, then told.

An event is told when its check is stored. After a crash between the two it is told again, under the same number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from pumpkin.bus import Bus
from pumpkin.errors import Conflict, Forbidden, InvalidRequest, PayloadTooLarge
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import alerts
from pumpkin.store.alerts import Untold
from pumpkin.store.database import Database

AGENT = "system:correlator"
"""Under whose name alerts stand in the log; nobody can deliver under a name with this prefix."""

log = structlog.get_logger("pumpkin.correlator")

Receive = Callable[[Observation], Awaitable[Receipt]]


class Teller:
    """`tell` handles what is waiting; the answer are the events told, for whoever acts on them."""

    def __init__(self, db: Database, bus: Bus, origin: str, receive: Receive) -> None:
        self._db, self._bus, self._origin, self._receive = db, bus, origin, receive

    async def tell(self) -> list[Untold]:
        """At most a hundred events at once, in their order."""
        waiting = await alerts.untold(self._db)
        if not waiting:
            return []
        receipts = await asyncio.gather(*(self._stored(one) for one in waiting))
        places: list[tuple[int, UUID | None, int]] = []
        for one, receipt in zip(waiting, receipts, strict=True):
            record = None if receipt is None else {"uuid": str(receipt.id), "seq": receipt.seq}
            places.append((one.n, None, -1) if receipt is None else (one.n, receipt.id, receipt.seq))
            said = {**one.told, "event_id": one.n, "record": record}
            self._bus.publish(one.topic, said)
            log.info("alert", happened=one.event, rule=said.get("rule"), alert=str(one.alert), said=said.get("message"))
        await alerts.told_all(self._db, places)
        return waiting

    async def _stored(self, one: Untold) -> Receipt | None:
        """The receipt; None for what the log cannot hold, which must not keep the others waiting."""
        try:
            return await self._receive(observation(one, self._origin))
        except (Conflict, Forbidden, InvalidRequest, PayloadTooLarge) as error:
            log.error("alert not in the log", alert=str(one.alert), happened=one.event, reason=error.message)
            return None


def observation(one: Untold, origin: str) -> Observation:
    """An event as a check. Its id follows from the event, so storing it twice stores it once; what it rests on is named
    by id and place in the log. It has no status of its own: what is wrong is said by the checks it names."""
    said = {name: value for name, value in one.told.items() if name not in ("record", "url")}
    payload = json.dumps({**said, "event_id": one.n}, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
    about = str(one.told.get("target") or one.told.get("agent") or one.told.get("rule") or "")
    labels = {"rule": str(one.told.get("rule")), "alert": str(one.alert), "severity": str(one.told.get("severity"))}
    result = {
        "parser": "alert",
        "version": "1",
        "data": {
            "event": one.event,
            "by": one.who,
            "message": one.told.get("message"),
            "state": one.told.get("state"),
            "checks": ", ".join(str(each["seq"]) for each in one.told.get("checks", ())),
        },
    }
    return Observation(
        id=uuid5(NAMESPACE_URL, f"{origin}/alerts/{one.alert}/{one.n}"),
        kind="alert",
        type=f"alert-{one.event}",
        format="json",
        agent=AGENT,
        observed=one.at,
        payload=payload,
        media="application/json",
        detail={"target": about, "labels": labels, "result": result},
    )
