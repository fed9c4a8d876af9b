"""Fetch what issuers say about the certificates of an authority's chain: CRLs and OCSP answers, kept while good.

The addresses stand in certificates that lead to a pinned root. All the same a server there may hang, flood or answer
with something else: one deadline, a bound on what is read, no redirect, nothing kept that the issuer has not signed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import aiohttp

from pumpkin.evidence import revocation
from pumpkin.evidence.revocation import Source

MAX_BYTES = 4 * 1024 * 1024
FRESH_S = 3_600.0  # an answer is asked for again after this, however long it says it is good
LEAST_S = 60.0  # nobody is asked more often
FAILED_S = 300.0  # nor sooner than this after a failure


@dataclass(slots=True)
class _Held:
    data: bytes | None
    again_s: float


class RevocationClient:
    """Statements about chains, from their issuers. Open it with `async with`; safe for many authorities at once."""

    def __init__(self, timeout: float = 4.0, *, max_bytes: int = MAX_BYTES) -> None:
        """`timeout` bounds one whole `capture`, in seconds."""
        self.timeout = timeout
        self._max_bytes = max_bytes
        self._held: dict[tuple[str, str, bytes], _Held] = {}
        self._session: aiohttp.ClientSession | None = None
        self.failures = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def capture(self, chain: tuple[bytes, ...]) -> dict[str, bytes]:
        """By a name like `ocsp-<digest>` or `crl-<digest>` what the issuers say now of this chain (DER, leaf first).
        What cannot be had within the deadline is left out; where OCSP answered for a certificate, no list is read.
        """
        found: dict[str, bytes] = {}
        asked = revocation.sources(chain)
        if not asked:
            return found
        answered: set[bytes] = set()
        try:
            async with asyncio.timeout(self.timeout):
                for source in asked:
                    if source.kind == "crl" and source.certificate in answered:
                        continue
                    data = await self._statement(source)
                    if data is not None:
                        answered.add(source.certificate)
                        found[f"{source.kind}-{sha256(data).hexdigest()[:16]}"] = data
        except TimeoutError:
            self.failures += 1
        return found

    async def _statement(self, source: Source) -> bytes | None:
        known = (source.kind, source.url, source.certificate if source.kind == "ocsp" else source.issuer)
        held = self._held.get(known)
        now = time.monotonic()
        if held is not None and now < held.again_s:
            return held.data
        self._held[known] = _Held(held.data if held else None, now + FAILED_S)
        data, good_s = await self._fetched(source)
        if data is None:
            self.failures += 1
            return self._held[known].data
        self._held[known] = _Held(data, now + good_s)
        return data

    async def _fetched(self, source: Source) -> tuple[bytes | None, float]:
        """The signed answer and for how many seconds it is not asked again; None when there is none."""
        try:
            data = await self._read(source)
        except (aiohttp.ClientError, OSError, ValueError):
            return None, FAILED_S
        good = revocation.until(source, data)
        if good is None:
            return None, FAILED_S
        left_s = good / 1e6 - time.time() if good else FRESH_S
        return data, max(LEAST_S, min(FRESH_S, left_s))

    async def _read(self, source: Source) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None),
            )
        method, headers = ("POST", {"Content-Type": "application/ocsp-request"}) if source.request else ("GET", {})
        async with self._session.request(
            method, source.url, data=source.request or None, headers=headers, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise ValueError(f"HTTP status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._max_bytes:
                    raise ValueError("too large")
            return bytes(body)
