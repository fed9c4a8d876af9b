"""Watches the time-stamp authorities: who is asked, who fails, whose clock differs, and whether enough of them stamp.

Each second it brings the authorities in force up to date and compares how they do with the alerts that stand: what is
new is raised, what is over resolved, each once, in the store and on the bus. The alerts that stand are read from the
store at start, so a restart neither repeats nor forgets one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from actors.base import LoopActor, describe
from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError
from pumpkin.evidence.agreement import OWN, Clock, outliers
from pumpkin.store import authorities
from pumpkin.store.database import Database

TICK_S = 1.0
AHEAD_S = 60.0  # a verifier refuses five minutes
FAILURES = 2  # this many failures in a row are an alert; one may happen to anybody

log = structlog.get_logger("pumpkin.steward")

Wrong = dict[tuple[str, str], tuple[str, dict[str, Any]]]
"""(rule, authority) to (severity, what is known)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One authority as it is doing: `state` ok, reserve, failing or refusing; `counts` whether it counts towards the
    quorum; `pending` the sealed checks without its token; `ahead_s` how far ahead of now its newest stamp's time is."""

    name: str
    state: str
    error: str
    detail: str
    failures: int
    clock: Clock | None
    counts: bool
    pending: int
    ahead_s: float = 0.0

    @property
    def well(self) -> bool:
        return self.state in ("ok", "reserve")


def wrong_with(watched: Sequence[Watched], quorum: int) -> Wrong:
    """What is wrong now, by these rules: `authority.down`, `authority.refused` (its answer does not verify),
    `authority.revoked`, `authority.time` (its clock is not the others'), `authority.ahead` (its newest stamp says a
    time that is still to come: until then no proof under it convinces), `clock` (ours is not theirs), `quorum`."""
    found: Wrong = {}
    clocks = {one.name: one.clock for one in watched if one.clock is not None and one.state != "failing"}
    odd = set(outliers(clocks))
    for one in watched:
        known = {"error": one.error, "detail": one.detail, "failures": one.failures, "pending": one.pending}
        if one.name in odd and one.clock is not None:
            offset = round(one.clock.offset / 1e6, 3)
            found["authority.time", one.name] = ("critical", {**known, "offset_s": offset})
        if one.ahead_s > AHEAD_S:
            found["authority.ahead", one.name] = ("critical", {**known, "ahead_s": round(one.ahead_s)})
        if one.failures < FAILURES or one.error == "time":
            continue
        if one.state == "failing":
            found["authority.down", one.name] = ("warning", known)
        elif one.error == "revoked":
            found["authority.revoked", one.name] = ("critical", known)
        elif one.state == "refusing":
            found["authority.refused", one.name] = ("critical", known)
    if OWN in odd:
        offsets = {name: round(clock.offset / 1e6, 3) for name, clock in clocks.items()}
        found["clock", ""] = ("critical", {"offsets_s": offsets})
    counted = [one for one in watched if one.counts]
    well = sum(one.well for one in counted)
    failed = any(not one.well and one.failures >= FAILURES for one in counted)
    if well < quorum and (failed or len(counted) < quorum):
        found["quorum", ""] = ("critical", {"required": quorum, "well": well, "of": len(counted)})
    return found


class Steward(LoopActor):
    """`refresh()` brings the authorities in force up to date, `watched()` says how they are doing, `statuses()` the
    same as pages show it (kept for commands that run without the server). `alerts` are those that stand, for pages."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        *,
        refresh: Callable[[], Awaitable[None]],
        watched: Callable[[], Sequence[Watched]],
        statuses: Callable[[], Sequence[Mapping[str, Any]]],
        quorum: int = 1,
        tick_s: float = TICK_S,
    ) -> None:
        super().__init__()
        self._db, self._bus, self._quorum, self._tick_s = db, bus, quorum, tick_s
        self._refresh, self._watched, self._statuses = refresh, watched, statuses
        self._kept: dict[str, tuple[Any, ...]] = {}
        self.alerts: tuple[authorities.Alert, ...] = ()

    async def on_start(self) -> None:
        self.alerts = tuple(await authorities.alerts(self._db))
        self.every(self._tick_s, "tick")

    async def on_receive(self, message: Any) -> None:
        try:
            await self._refresh()
            await self._judge()
            await self._keep()
        except (PumpkinError, TimeoutError) as error:
            log.warning("authorities not watched", reason=describe(error))

    async def _judge(self) -> None:
        wrong = wrong_with(self._watched(), self._quorum)
        standing = {(one.rule, one.authority): one for one in self.alerts}
        for (rule, name), (severity, detail) in wrong.items():
            if (rule, name) not in standing:
                await self._raise(rule, name, severity, detail)
        for (rule, name), alert in standing.items():
            if (rule, name) not in wrong:
                await authorities.resolve_alert(self._db, rule=rule, authority=name)
                log.info("alert over", rule=rule, authority=name)
                self._publish("alert.resolved", alert.n, rule, name, alert.severity, {})
        if wrong.keys() != standing.keys():
            self.alerts = tuple(await authorities.alerts(self._db))

    async def _raise(self, rule: str, name: str, severity: str, detail: dict[str, Any]) -> None:
        number = await authorities.raise_alert(self._db, rule=rule, authority=name, severity=severity, detail=detail)
        if number is not None:
            log.warning("alert", rule=rule, authority=name, severity=severity, **detail)
            self._publish("alert.raised", number, rule, name, severity, detail)

    def _publish(self, topic: str, number: int, rule: str, name: str, severity: str, detail: dict[str, Any]) -> None:
        self._bus.publish(
            topic,
            {
                "id": f"authorities-{number}",
                "rule": rule,
                "severity": severity,
                "checks": [],
                "authority": name or None,
                "detail": detail,
            },
        )

    async def _keep(self) -> None:
        """Keep the statuses whose state changed: an authority that is well writes nothing."""
        changed = {}
        for status in self._statuses():
            seen = tuple(status.get(key) for key in ("state", "last_error", "failures", "url"))
            if self._kept.get(status["name"]) != seen:
                changed[str(status["name"])] = status
                self._kept[status["name"]] = seen
        if changed:
            await authorities.keep_states(self._db, changed)
