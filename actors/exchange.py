"""Asking one time-stamp authority: a query with a nonce, a strict look at the answer, and patience after failures."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import structlog

from actors.base import describe
from pumpkin.errors import TsaError, TsaTimeout
from pumpkin.evidence import tsp
from pumpkin.evidence.agreement import Clock
from pumpkin.model.proofs import Verdict

THREAD_S = 0.001  # a verification that took longer runs in a thread from then on
WINDOW_US = 10_000_000  # how far genTime may lie outside the exchange by our clock, besides its accuracy

Ask = Callable[[bytes], Awaitable[bytes]]
Capture = Callable[[tuple[bytes, ...]], Awaitable[Mapping[str, bytes]]]
State = Literal["ok", "failing", "refusing"]
log = structlog.get_logger("pumpkin.stamper")


class NoToken(Exception):
    """The authority gave no token that verifies; `code` is one of contracts/evidence.md's, `pause_s` its own wish."""

    def __init__(self, code: str, detail: str, *, state: State, pause_s: float = 0.0) -> None:
        super().__init__(f"{code}: {detail}"[:300])
        self.code, self.state, self.pause_s = code, state, pause_s


@dataclass(frozen=True, slots=True)
class Series:
    """An authority as configured. `roots` are PEM or DER; times in seconds. After a failure the next request waits
    `backoff_s`, doubling to `backoff_max_s`, with jitter, or as long as the authority asked for."""

    name: str
    url: str
    roots: Sequence[bytes]
    policy: str | None = None
    self_asserted: bool = False
    min_interval_s: float = 0.0
    deadline_s: float = 30.0
    backoff_s: float = 0.5
    backoff_max_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified answer: DER of request and response, the verdict, its genTime in microseconds, and what the issuers
    said of the chain's revocation then, by name."""

    query: bytes
    response: bytes
    verdict: Verdict
    gen_time: int
    revocation: Mapping[str, bytes] = field(default_factory=dict)


async def nothing_captured(chain: tuple[bytes, ...]) -> Mapping[str, bytes]:
    """The capture of an authority whose issuers are not asked (the local one has none to ask)."""
    return {}


class Exchange:
    """One authority's door: `token(data)` asks and verifies, and keeps how the authority is doing.

    `state` is ok, failing (no usable answer) or refusing (an answer that does not verify), `error` the last failure's
    code (empty when ok), `detail` its words, `next_s` the loop time before which it is left alone. `clock` is its clock
    against ours at the last answer whose signature held, None before one; `since` when its state began (microseconds).
    `capture(chain)` asks the issuers about revocation.
    """

    def __init__(self, series: Series, ask: Ask, now: Callable[[], int], capture: Capture = nothing_captured) -> None:
        self.series = series
        self._ask, self._now, self._capture = ask, now, capture
        self._verify_s = float("inf")
        self.state: State = "ok"
        self.error = ""
        self.detail = ""
        self.failures = 0
        self.next_s = 0.0
        self.clock: Clock | None = None
        self.since = now()

    @property
    def open(self) -> bool:
        """Whether it may be asked now, and answered when last asked."""
        return self.failures == 0 and self.next_s <= asyncio.get_running_loop().time()

    async def token(self, data: bytes, digest: str = "sha256") -> Answer:
        """A verified token over `data`, by sha256, sha384 or sha512. NoToken when there is none; then `next_s` lies in
        the future."""
        self.next_s = asyncio.get_running_loop().time() + self.series.min_interval_s
        try:
            answer = await self._asked(data, digest)
        except NoToken as error:
            self._failed(error)
            raise
        if self.state != "ok":
            log.info("authority is back", authority=self.series.name)
            self.since = self._now()
        self.state, self.error, self.detail, self.failures = "ok", "", "", 0
        return answer

    async def _asked(self, data: bytes, digest: str) -> Answer:
        query = tsp.make_query(hashlib.new(digest, data).digest(), digest, policy=self.series.policy)
        asked = self._now()
        try:
            async with asyncio.timeout(self.series.deadline_s):
                response = await self._ask(query)
        except TimeoutError as error:
            detail = f"no answer within {self.series.deadline_s:g} s"
            raise NoToken(TsaTimeout.code, detail, state="failing") from error
        except TsaError as error:
            raise NoToken(error.code, error.message, state="failing", pause_s=error.pause or 0) from error
        answered = self._now()
        verdict = await self._verify(response, data, query, asked, answered)
        if verdict.gen_time is not None and verdict.code in ("ok", "time"):
            self.clock = Clock(verdict.gen_time - (asked + answered) // 2, verdict.accuracy or 0)
        statements = await self._capture(verdict.chain) if verdict.ok else {}
        if statements:
            verdict = await self._verify(response, data, query, asked, answered, statements)
        if not verdict.ok or verdict.gen_time is None:
            raise NoToken(verdict.code, verdict.detail, state="refusing")
        return Answer(query, response, verdict, verdict.gen_time, statements)

    async def _verify(
        self,
        response: bytes,
        data: bytes,
        query: bytes,
        asked: int,
        now: int,
        statements: Mapping[str, bytes] | None = None,
    ) -> Verdict:
        work = partial(
            tsp.verify,
            response,
            roots=self.series.roots,
            data=data,
            query=query,
            policy=self.series.policy,
            at=now + WINDOW_US,
            window=(asked - WINDOW_US, now + WINDOW_US),
            crls=[one for name, one in (statements or {}).items() if name.startswith("crl")],
            ocsp=[one for name, one in (statements or {}).items() if name.startswith("ocsp")],
        )
        begun = time.perf_counter()
        verdict = await asyncio.to_thread(work) if self._verify_s > THREAD_S else work()
        self._verify_s = time.perf_counter() - begun
        return verdict

    def _failed(self, error: NoToken) -> None:
        series = self.series
        if self.state != error.state:
            self.since = self._now()
        self.state, self.error, self.detail = error.state, error.code, str(error)[:200]
        wait_s = min(series.backoff_max_s, series.backoff_s * 2.0 ** min(self.failures, 30)) * random.uniform(
            0.75, 1.25
        )
        wait_s = max(wait_s, error.pause_s)
        self.failures += 1
        self.next_s = asyncio.get_running_loop().time() + wait_s
        log.warning(
            "no token", authority=series.name, state=self.state, reason=describe(error), failures=self.failures,
            retry_s=round(wait_s, 3),
        )  # fmt: skip
