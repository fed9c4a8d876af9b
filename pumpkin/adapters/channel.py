"""Which way a check goes up: XMPP while it can be reached, else HTTPS, and back again as soon as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from pumpkin.adapters.https import HttpsWay
from pumpkin.adapters.session import Session
from pumpkin.adapters.uplink import Uplink
from pumpkin.errors import Unavailable

log = structlog.get_logger("pumpkin.probe")

PATIENCE_S = 5.0
"""How long XMPP may be away before HTTPS is tried: a restart of the server takes less."""
ANSWER_S = 15.0
"""How long an answer by XMPP is waited for where HTTPS is known: a blocked port looks like silence."""
SILENT_S = 30.0
"""How long HTTPS is used before XMPP is tried again over a connection that stands and is silent."""


class Channel:
    """`deliver` as the courier wants it. `way` is "xmpp" or "https", how the last check went."""

    def __init__(self, session: Session, uplink: Uplink, https: HttpsWay, *, patience_s: float = PATIENCE_S) -> None:
        self._session, self._uplink, self._https = session, uplink, https
        self._patience_s = patience_s
        self._away_since: float | None = None
        self._silent_until = 0.0
        self.way = ""
        self.counts = {"xmpp": 0, "https": 0}

    async def deliver(self, body: Mapping[str, Any]) -> None:
        """Until it is stored; raises as `Uplink.deliver` does. The same check may go both ways: the server knows it by
        its uuid."""
        now = asyncio.get_running_loop().time()
        fallback = self._https.place is not None
        if self._session.connected and (now >= self._silent_until or not fallback):
            try:
                await self._by_xmpp(body)
                return
            except Unavailable:
                if not fallback or (self._session.connected and self._uplink.unanswered < 2):
                    raise
                # Nothing came back though the connection seems to stand: somebody swallows what we send.
                self._silent_until = asyncio.get_running_loop().time() + SILENT_S
        elif not self._session.connected:
            self._away_since = now if self._away_since is None else self._away_since
            if not fallback or now - self._away_since < self._patience_s:
                raise Unavailable("There is no connection to the XMPP server.")
        await self._by_https(body)

    def connected(self) -> None:
        """A session stands anew: XMPP it is."""
        self._away_since, self._silent_until = None, 0.0

    async def _by_xmpp(self, body: Mapping[str, Any]) -> None:
        if self._https.place is not None:
            self._uplink.answer_s = ANSWER_S
        await self._uplink.deliver(body)
        self._away_since = None
        self._went("xmpp")

    async def _by_https(self, body: Mapping[str, Any]) -> None:
        await self._https.deliver(body)
        self._went("https")

    def _went(self, way: str) -> None:
        self.counts[way] += 1
        if way != self.way:
            log.info("delivery goes by", way=way)
            self.way = way
