"""Stream acknowledgements without resumption (XEP-0198)."""

from __future__ import annotations

from collections import deque

from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.stanza import Stanza

NAMESPACE = "urn:xmpp:sm:3"
_WRAP = 2**32


class Acknowledgements:
    """Counts both directions of one stream, and holds what the peer has not confirmed."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.handled = 0
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self._confirmed = 0
        self._waiting: deque[tuple[Stanza | None, int | None]] = deque()

    def took(self) -> None:
        """One stanza of the peer is handled."""
        self.handled = (self.handled + 1) % _WRAP

    def sent(self, stanza: Stanza, kept: int | None) -> bool:
        """One stanza went out; False when the peer owes too many confirmations."""
        # What the store has, and what is not sent a second time, need not be held.
        held = stanza if kept is None and stanza.name == "message" else None
        self._waiting.append((held, kept))
        self._bytes += len(held.wire()) if held is not None else 0
        return len(self._waiting) <= self._most and self._bytes <= self._most_bytes

    def confirm(self, text: str) -> list[int]:
        """The ids of kept messages among those the peer has handled up to this `h`; StreamFault for a wrong one."""
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise StreamFault("bad-format", "h is not a number.")
        count = (int(text) - self._confirmed) % _WRAP
        if count > len(self._waiting):
            raise StreamFault("undefined-condition", "More confirmed than sent.")
        self._confirmed = int(text) % _WRAP
        done = [self._waiting.popleft() for _ in range(count)]
        self._bytes -= sum(len(held.wire()) for held, _ in done if held is not None)
        return [kept for _, kept in done if kept is not None]

    def unconfirmed(self) -> tuple[list[Stanza], list[int]]:
        """The messages the peer has not confirmed, oldest first, and the ids of kept ones."""
        waiting = self._waiting
        return [held for held, _ in waiting if held is not None], [kept for _, kept in waiting if kept is not None]
