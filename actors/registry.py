"""Who may deliver: the gateway's view of the agents' states, kept equal to the database's."""

from __future__ import annotations

from collections.abc import Callable

from pumpkin.store import fleet
from pumpkin.store.database import Database

NEWCOMERS_LIMIT = 1_000


class Registry:
    """`approved` holds the bare JIDs whose checks are taken; others hold the same set and read it without asking.

    `decided(jid, state)` is called when an agent becomes approved or revoked, whoever decided that. `welcome(jid)` is
    the allow list: whom it names is approved when it first shows itself.
    """

    def __init__(
        self,
        db: Database,
        approved: set[str],
        decided: Callable[[str, str], None],
        now: Callable[[], int],
        welcome: Callable[[str], bool] = lambda jid: False,
    ) -> None:
        self.approved, self._welcome = approved, welcome
        self._db, self._decided, self._now = db, decided, now
        self._states: dict[str, str] = {}
        self._newcomers: set[str] = set()

    async def load(self) -> None:
        """Read every agent's state; nobody is told, it was decided before."""
        self._states = await fleet.states(self._db)
        wanted = {jid for jid, state in self._states.items() if state == "approved"}
        self.approved &= wanted
        self.approved |= wanted

    async def state(self, jid: str) -> str:
        """The agent's state, looked up again unless it is approved. A newcomer is written down as pending, at most a
        thousand of them until somebody decides; past that they are only refused."""
        if jid in self.approved:
            return "approved"
        state = await fleet.state(self._db, jid)
        if state is None and self._welcome(jid):
            state = await fleet.meet(self._db, jid, self._now(), "approved")
        if state is None:
            if len(self._newcomers) >= NEWCOMERS_LIMIT:
                return "pending"
            self._newcomers.add(jid)
            state = await fleet.meet(self._db, jid, self._now())
        self._take(jid, state)
        return state

    async def decide(self, jid: str, state: str) -> None:
        """Approve or revoke an agent, seen before or not."""
        await fleet.decide(self._db, jid, state, self._now())
        self._take(jid, state)

    async def refresh(self) -> None:
        """Take over what another process (the command line) decided; an agent that is gone counts as revoked."""
        found = await fleet.states(self._db)
        for jid in self._states.keys() - found.keys():
            self._take(jid, "revoked")
            self._states.pop(jid, None)
        for jid, state in found.items():
            self._take(jid, state)
        self._newcomers &= {jid for jid, state in found.items() if state == "pending"}

    def _take(self, jid: str, state: str) -> None:
        before = self._states.get(jid)
        self._states[jid] = state
        if state == "approved":
            self.approved.add(jid)
        else:
            self.approved.discard(jid)
        if state != before and state in ("approved", "revoked"):
            self._decided(jid, state)
