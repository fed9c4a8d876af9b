"""Folds presence stanzas of many resources into one board, and counts who was available for how long each day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pumpkin.model.agents import Board, Presence

_RANK = {"chat": 5, "available": 4, "away": 3, "dnd": 2, "xa": 1, "unavailable": 0}
RESOURCES_LIMIT = 50
DAY_US = 86_400_000_000


class Roll:
    """Everybody's presence. Each change replaces `board`, an immutable value others read. Times in microseconds."""

    def __init__(self) -> None:
        self.board = Board()
        self._up_since: dict[str, int] = {}
        self._up: dict[tuple[str, date], float] = {}

    def note(self, jid: str, resource: str, show: str, status: str, now: int) -> bool:
        """One resource's presence of the agent `jid` (bare); True when the agent's own changed."""
        old = self.board.agents.get(jid)
        resources = dict(old.resources) if old is not None else {}
        if show == "unavailable":
            resources = {} if not resource else {key: one for key, one in resources.items() if key != resource}
        elif resource in resources or len(resources) < RESOURCES_LIMIT:
            resources[resource] = show
        best = max(resources.values(), key=lambda one: _RANK.get(one, 0), default="unavailable")
        since = now if old is None or old.show != best else old.since
        new = Presence(best, status, since, resources)
        self.board = Board({**self.board.agents, jid: new})
        self._clock(jid, best != "unavailable", now)
        return old is None or (old.show, old.status) != (best, status)

    def forget_all(self, now: int) -> list[str]:
        """The connection is gone: nobody's presence is known; the JIDs that were available."""
        gone = [jid for jid, one in self.board.agents.items() if one.show != "unavailable"]
        for jid in gone:
            self.note(jid, "", "unavailable", "", now)
        return gone

    def resources(self, jid: str) -> list[str]:
        """The agent's full JIDs, the most available first."""
        one = self.board.agents.get(jid)
        if one is None:
            return []
        best = sorted(one.resources, key=lambda name: -_RANK.get(one.resources[name], 0))
        return [f"{jid}/{name}" if name else jid for name in best]

    def take_uptime(self, now: int) -> dict[tuple[str, date], float]:
        """Seconds available by agent and day (UTC) since this was last asked."""
        for jid in list(self._up_since):
            self._clock(jid, True, now)
        taken, self._up = self._up, {}
        return taken

    def _clock(self, jid: str, up: bool, now: int) -> None:
        since = self._up_since.pop(jid, None)
        while since is not None and since < now:
            day = datetime.fromtimestamp(since // 1_000_000, UTC).date()
            midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
            until = min(now, int(midnight.timestamp()) * 1_000_000)
            self._up[jid, day] = self._up.get((jid, day), 0.0) + (until - since) / 1_000_000
            since = until
        if up:
            self._up_since[jid] = now
