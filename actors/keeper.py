"""Keeps old proofs good: looks by and by whether one nears its end, and has all such renewed by one token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from actors.base import LoopActor, describe
from actors.exchange import Exchange, NoToken
from pumpkin.bus import Bus
from pumpkin.errors import TsaError, Unavailable
from pumpkin.renewer import Ask, Done, Granted, Renewer

LOOK_S = 3_600.0
FIRST_S = 30.0  # after the start, which has better things to do
AGAIN_S = 60.0  # after a failure

log = structlog.get_logger("pumpkin.keeper")


def asker(exchanges: Callable[[], Sequence[Exchange]]) -> Ask:
    """Asks the first of these authorities that gives a token which verifies. TsaError when none does."""

    async def ask(data: bytes, digest: str) -> Granted:
        told: list[str] = []
        for exchange in exchanges():
            try:
                answer = await exchange.token(data, digest)
            except NoToken as error:
                told.append(f"{exchange.series.name}: {error}")
                continue
            return Granted(
                exchange.series.name,
                answer.query,
                answer.response,
                answer.verdict.chain,
                answer.gen_time,
                answer.verdict.accuracy or 0,
                exchange.series.self_asserted,
                answer.revocation,
            )
        raise TsaError("No authority gave a token that verifies: " + ("; ".join(told) or "there is none"))

    return ask


class Keeper(LoopActor):
    """Renews what is due while this node is `leading()`, first `first_s` seconds after the start and then every
    `look_s`; sooner after a failure."""

    def __init__(
        self,
        bus: Bus,
        renewer: Renewer,
        exchanges: Callable[[], Sequence[Exchange]],
        *,
        leading: Callable[[], bool] = lambda: True,
        first_s: float = FIRST_S,
        look_s: float = LOOK_S,
        again_s: float = AGAIN_S,
    ) -> None:
        super().__init__()
        self._bus, self._renewer, self._ask = bus, renewer, asker(exchanges)
        self._first_s, self._look_s, self._again_s = first_s, look_s, again_s
        self._leading = leading
        self.last_error: str | None = None
        self.renewed = 0

    def status(self) -> dict[str, Any]:
        """Stamps renewed since the start, and the last failure."""
        return {"renewed": self.renewed, "last_error": self.last_error}

    async def on_start(self) -> None:
        self._looking = self.spawn(self._run(), "keeper")

    async def _run(self) -> None:
        await asyncio.sleep(self._first_s)
        while True:
            if not self._leading():
                await asyncio.sleep(self._again_s)
                continue
            try:
                for done in await self._renewer.renew(self._ask):
                    self._announce(done)
                self.last_error = None
                await asyncio.sleep(self._look_s)
            except (Unavailable, ValueError) as error:  # ValueError: what is stored is not what was stored
                self.last_error = describe(error)
                log.warning("proofs not renewed", reason=self.last_error)
                await asyncio.sleep(self._again_s)

    def _announce(self, done: Done) -> None:
        self.renewed += done.stamps
        log.info("proofs renewed", authority=done.authority, stamps=done.stamps, digest=done.digest)
        self._bus.publish(
            "proof.renewed",
            {
                "renewal": done.number,
                "kind": done.kind,
                "digest": done.digest,
                "authority": done.authority,
                "stamps": done.stamps,
            },
        )
