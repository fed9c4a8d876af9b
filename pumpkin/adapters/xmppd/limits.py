"""How much a peer may cost: the bounds, and the gates that keep them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pumpkin.model.peers import host

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one server. Sizes in bytes, times in seconds, rates a second."""

    stanza_size: int = 10 * 1024 * 1024
    """Past it the stream ends with `policy-violation` (at least 10,000, RFC 6120 section 13.12)."""
    early_size: int = 64 * 1024
    """The same before the peer has authenticated."""
    depth: int = 64
    attributes: int = 64
    elements: int = 50_000
    """Elements in one stanza: a tree costs a hundred times its bytes."""
    connections: int = 5_000
    connections_address: int = 2_500
    waiting: int = 1_500
    """Connections that have not yet bound a resource; past it one of the address with the most goes for another's."""
    negotiation_s: float = 30.0
    """From connect to bound resource."""
    attempts: int = 6
    """Failed authentications on one connection."""
    guesses: int = 20
    """Failed authentications of one address on one account in `guesses_s`."""
    guesses_address: int = 400
    """The same of one address on all accounts: one probe with an old password does not lock out its neighbours."""
    guesses_s: float = 300.0
    registrations: int = 200
    """Registrations one address may try in `registrations_s`; `conflict` is never counted."""
    registrations_s: float = 600.0
    resources: int = 64
    """Bound resources of one account."""
    stanza_rate: float = 20_000.0
    """Past it a peer is read more slowly, never cut: its results are not lost."""
    stanza_burst: int = 40_000
    high_water: int = 512 * 1024
    """Bytes unwritten at which senders wait for a reader."""
    ceiling: int = 24 * 1024 * 1024
    """Bytes unwritten at which a reader is cut off at once; never less than two whole stanzas."""
    slow_s: float = 20.0
    """How long senders wait for a reader before it is cut off."""
    unacknowledged: int = 10_000
    """Stanzas a peer with XEP-0198 may leave unacknowledged."""
    quiet_s: float = 180.0
    """Silence after which a peer is pinged; after twice that it is gone (never under five minutes)."""
    roster: int = 10_000
    offline: int = 100_000
    """Messages kept for one account."""
    pep_nodes: int = 500
    pep_size: int = 256 * 1024

    @property
    def held(self) -> int:
        """The ceiling in force: the largest stanza must pass."""
        return max(self.ceiling, 2 * self.stanza_size)


class Pace:
    """A GCRA: how long to wait so that at most `rate` a second pass, `burst` at once."""

    __slots__ = ("_gap", "_slack", "_time")

    def __init__(self, rate: float, burst: int) -> None:
        self._gap = 1.0 / rate
        self._slack = burst / rate
        self._time = 0.0

    def delay(self, count: int, now: float) -> float:
        """Seconds to wait after these `count`; 0 within the burst."""
        self._time = max(self._time, now) + count * self._gap
        return max(0.0, self._time - now - self._slack)


class Tally:
    """Counts events by name in a window; remembers at most `names`, the latest first."""

    def __init__(self, most: int, window_s: float, *, names: int = 10_000, clock: Clock = time.monotonic) -> None:
        self._most = most
        self._window_s = window_s
        self._names = names
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, name: str) -> None:
        """Count one more for `name`."""
        since, count = self._current(name)
        self._counts[name] = (since, count + 1)
        self._counts.move_to_end(name)
        if len(self._counts) > self._names:
            self._counts.popitem(last=False)

    def full(self, name: str) -> bool:
        """Whether `name` has used up its window."""
        return self._current(name)[1] >= self._most

    def forget(self, name: str) -> None:
        """Start `name` anew."""
        self._counts.pop(name, None)

    def _current(self, name: str) -> tuple[float, int]:
        since, count = self._counts.get(name, (0.0, 0))
        now = self._clock()
        return (since, count) if count and now - since < self._window_s else (now, 0)


class Guesses:
    """Failed authentications: of an address on one account, and of an address on all."""

    def __init__(self, limits: Limits) -> None:
        self._pairs = Tally(limits.guesses, limits.guesses_s)
        self._addresses = Tally(limits.guesses_address, limits.guesses_s)

    def failed(self, address: str, username: str) -> None:
        """Count one."""
        self._pairs.add(f"{address} {username}")
        self._addresses.add(address)

    def exhausted(self, address: str, username: str) -> bool:
        """Whether this address may not try this account now."""
        return self._addresses.full(address) or self._pairs.full(f"{address} {username}")


class Cuttable(Protocol):
    """A connection."""

    def cut(self, why: str) -> None:
        """Drop it at once."""


class Gate:
    """Counts connections; says no past the bounds. Where too many wait that have not bound a resource, the place of a
    newcomer is that of the oldest from the address with the most of them: one stranger shuts nobody else out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses: dict[str, int] = {}
        self._waiting: dict[str, dict[Cuttable, None]] = {}
        self.open = 0
        self.waiting = 0

    def enter(self, address: str, who: Cuttable) -> bool:
        """Whether one more connection of `address` fits; if so it is counted (as waiting, too)."""
        address, limits = host(address), self._limits
        if self.open >= limits.connections or self._addresses.get(address, 0) >= limits.connections_address:
            return False
        if self.waiting >= limits.waiting and not self._make_room(address):
            return False
        self._addresses[address] = self._addresses.get(address, 0) + 1
        self._waiting.setdefault(address, {})[who] = None
        self.open += 1
        self.waiting += 1
        return True

    def bound(self, address: str, who: Cuttable) -> None:
        """One that waited has bound its resource."""
        self._let(host(address), who)

    def leave(self, address: str, who: Cuttable) -> None:
        """A counted connection is gone."""
        address = host(address)
        self._let(address, who)
        self.open -= 1
        count = self._addresses[address] - 1
        if count:
            self._addresses[address] = count
        else:
            del self._addresses[address]

    def _make_room(self, address: str) -> bool:
        """Whether somebody who waits had to go for one more of `address`."""
        crowd = max(self._waiting, key=lambda one: len(self._waiting[one]))
        if len(self._waiting[crowd]) <= len(self._waiting.get(address, ())) + 1:
            return False
        oldest = next(iter(self._waiting[crowd]))
        self._let(crowd, oldest)
        oldest.cut("too many of its address wait")
        return True

    def _let(self, address: str, who: Cuttable) -> None:
        """`who` waits no more."""
        mine = self._waiting.get(address, {})
        if who in mine:
            del mine[who]
            self.waiting -= 1
            if not mine:
                del self._waiting[address]
