"""What the web calls to learn about packages: callables handed in at start, absent where nothing is configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pumpkin.errors import Unavailable
from pumpkin.model.packages import Advisory, Versions
from pumpkin.model.purl import Purl


async def _absent(*_: Any, **__: Any) -> Any:
    raise Unavailable("Package registries are not asked by this server.")


@dataclass(frozen=True)
class Discovery:
    """`versions(purl)` and `metadata(purl)` say what the registry said, at once where that is known (and then ask again
    behind), `known_bad(purl)` asks OSV; typed errors of registries. `private(ecosystem)`: that registry is asked with
    credentials, so not everybody may see. `look()` has the watcher read at once (a watch was added)."""

    versions: Callable[[Purl], Awaitable[Versions]] = _absent
    metadata: Callable[[Purl], Awaitable[dict[str, Any]]] = _absent
    known_bad: Callable[[Purl], Awaitable[tuple[Advisory, ...]]] = _absent
    private: Callable[[str], bool] = lambda _: False
    look: Callable[[], None] = lambda: None
