"""How a version is written where it was published: `1.16` of somebody is the `1.16.0` that PyPI has.

An exact version is queued whether the registry answers or not (rulings.md 27), and one that was analysed is answered
without it (50): so only a version of which nothing is kept is looked up, in what the registry said lately, and what
cannot be found out stays as it was written.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from pumpkin.errors import PumpkinError
from pumpkin.model.packages import Versions
from pumpkin.model.purl import Purl
from pumpkin.model.versions import EQUAL, same

WAIT_S = 3.0
REMEMBERED = 50_000


class Spelling:
    """`versions(purl)` asks what is published, `kept(purl)` whether anything is kept of exactly this one."""

    def __init__(self, versions: Callable[[Purl], Awaitable[Versions]], kept: Callable[[str], Awaitable[bool]]) -> None:
        self._versions, self._kept = versions, kept
        self._known: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, purl: Purl) -> Purl:
        """`purl` with its version as published, where there is one equal to it; else as it is. Never an error."""
        if purl.version is None or purl.type not in EQUAL:
            return purl
        asked = purl.canonical
        if (version := self._known.get(asked)) is not None:
            return purl.at(version) if version != purl.version else purl
        try:
            if await self._kept(asked):
                return self._remember(asked, purl, purl.version)
            async with asyncio.timeout(WAIT_S):
                found = await self._versions(purl.at(None))
        except (PumpkinError, TimeoutError):
            return purl
        version = same(purl.type, purl.version, found.numbers)
        return purl if version is None else self._remember(asked, purl, version)

    def _remember(self, asked: str, purl: Purl, version: str) -> Purl:
        self._known[asked] = version
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return purl.at(version) if version != purl.version else purl
