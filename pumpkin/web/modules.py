"""What the web is handed of the ad hoc modules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pumpkin.errors import Unavailable


async def _absent(_: str) -> dict[str, Any]:
    raise Unavailable("No modules run on this server.")


@dataclass(frozen=True)
class Modules:
    """`statuses()` gives each configured module (name, kind, target, filter, after, enabled, actor, restarts, waiting,
    waiting_more), `trial(name)` hands one a test item and answers `{"ok", "error", "took_s"}`."""

    statuses: Callable[[], list[dict[str, Any]]] = list
    trial: Callable[[str], Awaitable[dict[str, Any]]] = _absent
