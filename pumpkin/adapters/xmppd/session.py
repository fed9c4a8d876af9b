"""A bound resource, whoever stands behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pumpkin.adapters.xmppd.stanza import Stanza


class Session:
    """One resource of one account, as routing and presence see it."""

    patient = True
    """Whether it waits for slow receivers. An agent of this process must not: one stalled probe would stop all."""

    def __init__(self, user: str, domain: str, resource: str) -> None:
        self.user = user
        self.resource = resource
        self.bare = f"{user}@{domain}"
        self.jid = f"{self.bare}/{resource}"
        self.presence: Stanza | None = None
        """The latest available presence; None while unavailable."""
        self.priority = 0
        self.interested = False
        """Whether it asked for its roster and so gets pushes (RFC 6121 section 2.1.6)."""
        self.flushing = False
        """Whether kept messages are on their way; new ones queue behind them."""
        self.directed: set[str] = set()
        self.notify: frozenset[str] = frozenset()
        """PEP nodes it wants to hear of (XEP-0163 section 4.2)."""
        self.caps = ""
        self.ended = False
        self.answers: dict[str, Callable[[Stanza], Awaitable[None]]] = {}
        """What to call when it answers an IQ of the server, by id."""

    @property
    def receives(self) -> bool:
        """Whether messages to the bare JID go here."""
        return self.presence is not None and self.priority >= 0 and not self.flushing

    @property
    def blocked(self) -> bool:
        """Whether senders should wait before they hand over more."""
        return False

    async def flow(self) -> None:
        """Wait until it takes stanzas again, or is gone."""

    def deliver(self, stanza: Stanza, *, kept: int | None = None) -> None:
        """Hand over one stanza; `kept` is its id in the offline store."""
        raise NotImplementedError

    def settle(self) -> None:
        """All kept messages are handed over; have them acknowledged."""

    async def replace(self) -> None:
        """Another session takes this resource (RFC 6120 section 7.7.2.2): end, as `conflict`."""
        raise NotImplementedError
