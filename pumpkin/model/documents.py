"""What an address of a registry answered, with what is needed to ask whether it changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pumpkin.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Document:
    """`body` with its validators. `fetched` is epoch seconds of the registry's last confirmation; `stale` is true
    when it could not be asked now."""

    url: str
    status: int
    body: bytes
    media: str = ""
    etag: str | None = None
    last_modified: str | None = None
    fetched: float = 0.0
    stale: bool = False

    def json(self) -> Any:
        """The body as JSON, shared with others who ask: not to be changed. RegistryError when it is none."""
        try:
            return _read(self.body)
        except (ValueError, RecursionError) as error:
            raise RegistryError("The package registry's answer is not JSON.") from error


@lru_cache(maxsize=8)
def _read(body: bytes) -> Any:
    """One resolution reads the same document several times; `bytes` remember their hash."""
    return json.loads(body)
