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
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

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
            why = pair_fault(self._chain, self._key) or getattr(error, "reason", None) or error
            raise StartError(f"HTTPS cannot be served: {why}.") from None
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
        self.tell_the_time()
        return True

    def tell_the_time(self) -> None:
        """Say in the journal that the certificate ended, or has not begun."""
        if said := time_fault(self._chain, time.time()):
            log.warning("certificate out of its time", said=said)

    async def keep(self, look_s: float = LOOK_S, ensure_s: float = ENSURE_S) -> None:
        """Until cancelled."""
        due = time.monotonic() + ensure_s
        while True:
            await asyncio.sleep(look_s)
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + ensure_s
                    await asyncio.to_thread(self._ensure or self.tell_the_time)
                await asyncio.to_thread(self.refresh)
            except (StartError, OSError, ssl.SSLError) as error:
                log.warning("certificate not taken", reason=str(error))


def pair_fault(chain: Path, key: Path) -> str:
    """What hinders that these files (PEM) are served, read on from a colon; empty where nothing does."""
    try:
        certificates, secret = chain.read_bytes(), key.read_bytes()
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    try:
        first = x509.load_pem_x509_certificates(certificates)[0]
    except ValueError:
        swapped = ", but a key" if b"PRIVATE KEY" in certificates else ""
        return f"{chain} holds no certificate in PEM{swapped}"
    try:
        private = load_pem_private_key(secret, None)
    except TypeError:
        return f"the key {key} is under a passphrase; give it without one"
    except (ValueError, UnsupportedAlgorithm):
        swapped = ", but a certificate" if b"CERTIFICATE" in secret else ""
        return f"{key} holds no private key in PEM{swapped}"
    if private.public_key() != first.public_key():
        return f"the key {key} is not that of the first certificate in {chain}"
    return ""


def time_fault(chain: Path, now_s: float) -> str:
    """That the first certificate in a file (PEM) ended, or has not begun; empty where neither or it is none."""
    try:
        first = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    except (OSError, ValueError):
        return ""
    begins, ends = first.not_valid_before_utc, first.not_valid_after_utc
    if now_s > ends.timestamp():
        return f"The certificate {chain} ended at {ends:%Y-%m-%d %H:%M} UTC"
    if now_s < begins.timestamp():
        return f"The certificate {chain} begins only at {begins:%Y-%m-%d %H:%M} UTC"
    return ""


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
