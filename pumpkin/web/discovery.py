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
    """`versions(purl)` and `metadata(purl)` ask the registry (answers kept ten minutes), `known_bad(purl)` OSV; typed
    errors of registries. `index(prefix, limit)` lists Wolfi's packages as (name, version). `look()` has the watcher
    read at once (a watch was added)."""

    versions: Callable[[Purl], Awaitable[Versions]] = _absent
    metadata: Callable[[Purl], Awaitable[dict[str, Any]]] = _absent
    known_bad: Callable[[Purl], Awaitable[tuple[Advisory, ...]]] = _absent
    look: Callable[[], None] = lambda: None
