"""The time-stamp authorities in force: those of the settings, those added while running, and the local one.

Each has a stamper of its own. Who is added or removed by `pumpkin tsa` is taken in or let go without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import structlog

from actors.exchange import Exchange
from actors.keeper import Keeper
from actors.notary import Notary
from actors.stamper import Series, Stamper
from actors.steward import Steward, Watched
from actors.supervision import Child, Restart, System
from pumpkin.adapters.revocation import RevocationClient
from pumpkin.adapters.tsa import LocalTsa, TsaClient
from pumpkin.building.fitness import quorum_fault
from pumpkin.bus import Bus
from pumpkin.errors import StartRefused
from pumpkin.evidence.authority import Authority, Clock
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.renewer import DAY_US, Renewer
from pumpkin.sections import AuthoritySettings
from pumpkin.settings import Settings
from pumpkin.store import authorities
from pumpkin.store.authorities import Entry
from pumpkin.store.database import Database

Ask = Callable[[bytes], Awaitable[bytes]]
LOCAL = "local"
log = structlog.get_logger("pumpkin.authorities")


@dataclass
class Member:
    """One authority in force: its series, its door and its stamper. `rank` orders who is asked first."""

    series: Series
    client: TsaClient | LocalTsa
    rank: tuple[int, int]
    entry: Entry | None = None
    child: Child[Stamper] | None = field(default=None, repr=False)

    @property
    def stamper(self) -> Stamper | None:
        return self.child.actor if self.child is not None and self.child.running else None


class Pool:
    """The members by name. `returned` is called whenever a token request has come back; only the node that is
    `leading()` asks anybody."""

    def __init__(
        self,
        settings: Settings,
        system: System,
        db: Database,
        bus: Bus,
        stack: AsyncExitStack,
        returned: Callable[[], None],
        leading: Callable[[], bool],
    ) -> None:
        self._settings, self._system, self._db, self._bus = settings, system, db, bus
        self._stack, self._returned, self._leading = stack, returned, leading
        self._members: dict[str, Member] = {}
        self._revocation = RevocationClient()
        self._notary: tuple[str, Child[Notary]] | None = None
        self._steward: Child[Steward] | None = None

    async def open(self, authority: Authority | None, clock: Clock) -> None:
        """Start with who is in force now. StartError for settings that cannot be used."""
        await self._stack.enter_async_context(self._revocation)
        self._stack.push_async_callback(self._close)
        for member in configured(self._settings, authority, clock):
            await self._take(member)
        await self.refresh()
        if short := quorum_fault(self._settings, len(await authorities.entries(self._db))):
            log.warning("settings", said=short)

    async def watch(self) -> None:
        """Start the steward, which keeps all this up to date, and the keeper, which renews what nears its end."""
        renewer = Renewer(self._db, margin_us=int(self._settings.renew_before * DAY_US))
        await self._system.start(
            "keeper",
            lambda: Keeper.start(self._bus, renewer, self.exchanges, leading=self._leading),
            restart=Restart(then="leave"),  # checks are stored and stamped without it
        )
        self._steward = await self._system.start(
            "steward",
            lambda: Steward.start(
                self._db,
                self._bus,
                refresh=self.refresh,
                watched=self.watched,
                statuses=self.statuses,
                quorum=self._settings.quorum,
            ),
        )

    async def refresh(self) -> None:
        """Take in who was added, let go who was removed, as the store says."""
        entries = {one.name: one for one in await authorities.entries(self._db)}
        for name, member in list(self._members.items()):
            if member.entry is not None and entries.get(name) != member.entry:
                await self._leave(name)
        for place, (name, entry) in enumerate(entries.items()):
            if name not in self._members:
                await self._take(added(entry, place))
                log.info("authority in force", authority=name, url=entry.url)
        await self._appoint()

    async def _take(self, member: Member) -> None:
        """Start its stamper. What fails is raised, and the next refresh tries again."""
        name = member.series.name

        def make() -> Any:
            return Stamper.start(
                self._db,
                self._bus,
                member.series,
                ask=member.client.ask,
                returned=self._returned,
                needed=lambda: self._needed(member),
                leading=self._leading,
                capture=self._revocation.capture,
            )

        try:
            member.child = await self._system.start(f"stamper {name}", make)
        except BaseException:
            await member.client.close()
            raise
        self._members[name] = member

    async def _leave(self, name: str) -> None:
        member = self._members.pop(name)
        await self._system.remove(f"stamper {name}")
        await member.client.close()
        await authorities.forget_state(self._db, name)
        log.info("authority no longer asked", authority=name)

    async def _appoint(self) -> None:
        """Direct tokens come from the first authority there is."""
        first = next(iter(self._ordered()), None)
        if self._notary is not None and (first is None or self._notary[0] != first.series.name):
            self._notary = None
            await self._system.remove("notary")
        if first is not None and self._notary is None:
            member = first
            child = await self._system.start(
                "notary",
                lambda: Notary.start(self._db, member.series, ask=member.client.ask, leading=self._leading),
            )
            self._notary = (first.series.name, child)

    async def _close(self) -> None:
        for member in self._members.values():
            await member.client.close()

    def _ordered(self) -> list[Member]:
        return sorted(self._members.values(), key=lambda one: one.rank)

    def _counts(self, member: Member) -> bool:
        """The local authority counts where one token is enough: nobody else would believe it twice."""
        return self._settings.quorum == 1 or not member.series.self_asserted

    def _needed(self, member: Member) -> bool:
        """Whether to ask this one: all are asked, or only the first `quorum` that are well."""
        if self._settings.stamping == "all":
            return True
        before = 0
        for other in self._ordered():
            if other is member:
                break
            stamper = other.stamper
            before += stamper is not None and stamper.exchange.state == "ok" and self._counts(other)
        return before < self._settings.quorum

    def exchanges(self) -> list[Exchange]:
        """A door of its own to each authority, for renewals: third parties first, in order."""
        return [
            Exchange(one.series, one.client.ask, lambda: time.time_ns() // 1_000, self._revocation.capture)
            for one in self._ordered()
        ]

    # -- what others read

    @property
    def busy(self) -> bool:
        return any(one.stamper is not None and one.stamper.busy for one in self._members.values())

    @property
    def only_local(self) -> bool:
        """Whether nobody but this installation vouches for its times."""
        return all(one.series.self_asserted for one in self._members.values())

    def tokens(self) -> list[str]:
        """The lines that name the newest token of each authority."""
        stampers = [one.stamper for one in self._ordered()]
        return [one.token for one in stampers if one is not None and one.token]

    def sealed(self, head: Checkpoint) -> None:
        for one in self._members.values():
            if one.stamper is not None:
                one.stamper.sealed(head)

    def wake(self) -> None:
        """This node leads now, or the one that does has stored a stamp."""
        for one in self._members.values():
            if one.stamper is not None:
                one.stamper.wake()

    async def tell(self, stamp: Stamp) -> None:
        """Tell topic `tst` of a stamp that another node got."""
        member = self._members.get(stamp.authority)
        if member is not None and member.stamper is not None:
            await member.stamper.tell(stamp)

    def wants_token(self) -> None:
        if self._notary is not None and self._notary[1].running:
            self._notary[1].actor.wake()

    def roots(self) -> list[bytes]:
        """Every root pinned for an authority in force."""
        return [root for one in self._ordered() for root in one.series.roots]

    def statuses(self) -> list[dict[str, Any]]:
        alerts = self._steward.actor.alerts if self._steward and self._steward.running else ()
        rows = []
        for one in self._ordered():
            if one.stamper is not None:
                mine = [alert.as_json() for alert in alerts if alert.authority == one.series.name]
                rows.append({**one.stamper.status(), "counts": self._counts(one), "alerts": mine})
        return rows

    def stamping(self) -> dict[str, Any]:
        """How many authorities must stamp, how many are well, and the alerts that stand."""
        alerts = self._steward.actor.alerts if self._steward and self._steward.running else ()
        counted = [one for one in self.watched() if one.counts]
        return {
            "mode": self._settings.stamping,
            "quorum": self._settings.quorum,
            "of": len(counted),
            "well": sum(one.well for one in counted),
            "alerts": [alert.as_json() for alert in alerts],
        }

    def watched(self) -> list[Watched]:
        found = []
        for one in self._ordered():
            stamper = one.stamper
            if stamper is None:
                continue
            exchange, status = stamper.exchange, stamper.status()
            found.append(
                Watched(
                    one.series.name,
                    status["state"],
                    exchange.error,
                    exchange.detail,
                    exchange.failures,
                    exchange.clock,
                    self._counts(one),
                    status["pending"],
                    stamper.ahead_s,
                )
            )
        return found


def configured(settings: Settings, authority: Authority | None, clock: Clock) -> list[Member]:
    """The authorities of the settings and the local one, not started. StartError for settings that cannot be used."""
    found = [
        Member(_series(one), TsaClient(one.url, one.timeout), (0, place))
        for place, one in enumerate(settings.authorities)
    ]
    if authority is not None:
        series = Series(LOCAL, LOCAL, [authority.root_pem], authority.policy, self_asserted=True)
        found.append(Member(series, LocalTsa(authority, clock=clock), (2, 0)))
    return found


def added(entry: Entry, place: int) -> Member:
    """An authority added while running, not started."""
    series = Series(entry.name, entry.url, list(entry.roots), entry.policy, min_interval_s=entry.min_interval)
    auth = (entry.username, entry.password) if entry.username else None
    return Member(series, TsaClient(entry.url, entry.timeout, auth=auth), (1, place), entry)


def _series(authority: AuthoritySettings) -> Series:
    try:
        roots = [path.read_bytes() for path in authority.roots]
    except OSError as error:
        raise StartRefused(f"A root of the authority {authority.name} cannot be read: {error}.") from None
    if not roots:
        raise StartRefused(f"The authority {authority.name} has no roots; a token is only worth what its root is.")
    return Series(
        authority.name,
        authority.url,
        roots,
        authority.policy,
        min_interval_s=authority.min_interval,
        backoff_max_s=authority.retry_max,
    )
