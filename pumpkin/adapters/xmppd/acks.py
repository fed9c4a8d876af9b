"""Stream acknowledgements without resumption (XEP-0198)."""

from __future__ import annotations

from collections import deque

from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.stanza import Stanza

NAMESPACE = "urn:xmpp:sm:3"
_WRAP = 2**32


class Acknowledgements:
    """Counts both directions of one stream, and holds what the peer has not confirmed."""

    def __init__(self, most: int) -> None:
        self.handled = 0
        self._most = most
        self._confirmed = 0
        self._waiting: deque[tuple[Stanza, int | None]] = deque()

    def took(self) -> None:
        """One stanza of the peer is handled."""
        self.handled = (self.handled + 1) % _WRAP

    def sent(self, stanza: Stanza, kept: int | None) -> bool:
        """One stanza went out; False when the peer owes too many confirmations."""
        self._waiting.append((stanza, kept))
        return len(self._waiting) <= self._most

    def confirm(self, text: str) -> list[int]:
        """The ids of kept messages among those the peer has handled up to this `h`; StreamFault for a wrong one."""
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise StreamFault("bad-format", "h is not a number.")
        count = (int(text) - self._confirmed) % _WRAP
        if count > len(self._waiting):
            raise StreamFault("undefined-condition", "More confirmed than sent.")
        self._confirmed = int(text) % _WRAP
        done = [self._waiting.popleft() for _ in range(count)]
        return [kept for _, kept in done if kept is not None]

    def unconfirmed(self) -> list[tuple[Stanza, int | None]]:
        """What the peer has not confirmed, oldest first."""
        return list(self._waiting)
