"""The clock tokens are issued by, and whether the kernel trusts it."""

from __future__ import annotations

import ctypes
import time

from pumpkin.evidence.authority import Clock, system_clock

_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_SIZE = 512  # more than struct timex on any Linux


def clock_of(synchronised: bool) -> Clock:
    """The system's clock; with `synchronised` one that answers None (RFC 3161: timeNotAvailable) while the kernel says
    that nothing keeps it right (rulings.md 10)."""
    return _trusted if synchronised else system_clock


def is_synchronised() -> bool:
    """What the kernel says (adjtimex(2), asked only); False where it cannot be asked."""
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_SIZE))
    except (OSError, AttributeError):
        return False
    return bool(0 <= answer < _UNSYNCHRONISED)


def _trusted() -> int | None:
    return time.time_ns() // 1_000 if is_synchronised() else None
