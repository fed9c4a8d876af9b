"""The certificate HTTPS is served with: taken anew when its files change or its end comes near, without a restart.

Connections that stand keep the one they began with; a pair that does not fit is told and the one before goes on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from pumpkin.errors import StartError

LOOK_S = 2.0
ENSURE_S = 3_600.0
log = structlog.get_logger("pumpkin.https")


class ServedCertificate:
    """`chain` and `key` are PEM files. `ensure`, where given, makes them anew when they are about to end."""

    def __init__(self, chain: Path, key: Path, *, ensure: Callable[[], object] | None = None) -> None:
        self._chain, self._key, self._ensure = chain, key, ensure
        self._seen = _look(chain, key)
        self.context = self._fresh()

    def _fresh(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        try:
            context.load_cert_chain(self._chain, self._key, password="")
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise StartError(f"The certificate {self._chain} with the key {self._key} cannot be used: {why}.") from None
        return context

    def refresh(self) -> bool:
        """Look at the files; whether another certificate is served from now on. Reads and writes files."""
        look = _look(self._chain, self._key)
        if look == self._seen:
            return False
        self._seen = look
        try:
            self._fresh()
        except StartError as error:
            log.warning("certificate not taken", reason=error.message)
            return False
        self.context.load_cert_chain(self._chain, self._key, password="")
        log.info("certificate renewed", file=str(self._chain))
        return True

    async def keep(self, look_s: float = LOOK_S, ensure_s: float = ENSURE_S) -> None:
        """Until cancelled."""
        due = time.monotonic() + ensure_s
        while True:
            await asyncio.sleep(look_s)
            try:
                if self._ensure is not None and time.monotonic() >= due:
                    due = time.monotonic() + ensure_s
                    await asyncio.to_thread(self._ensure)
                await asyncio.to_thread(self.refresh)
            except (StartError, OSError, ssl.SSLError) as error:
                log.warning("certificate not taken", reason=str(error))


def _look(*paths: Path) -> tuple[tuple[int, int, int], ...]:
    """What tells one state of the files from another; zeros for one that is away."""
    found = []
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)
