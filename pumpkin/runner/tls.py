"""The sinkhole's end of TLS: a certificate for whatever name a client asks, by the authority the image trusts."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

CA = Path("/opt/runner/ca")
_HOST = re.compile(r"[a-z0-9_*.-]{1,253}")


class Terminal:
    """A server context a name, made when first asked for (about 15 ms)."""

    def __init__(self, authority: Path = CA, limit: int = 200) -> None:
        self._authority, self._limit = authority, limit
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, name: str) -> ssl.SSLContext:
        """The context that shows a certificate for `name`, one for any name past the limit."""
        name = name.lower() if _HOST.fullmatch(name.lower()) else "unnamed.invalid"
        with self._lock:
            if name not in self._contexts:
                self._contexts[name] = self._make(name if len(self._contexts) < self._limit else "many.invalid")
            return self._contexts[name]

    def _make(self, name: str) -> ssl.SSLContext:
        is_address = re.fullmatch(r"[0-9.]+", name) is not None
        with tempfile.TemporaryDirectory(dir="/run") as folder:
            extension, request, chain = Path(folder) / "ext", Path(folder) / "csr", Path(folder) / "pem"
            extension.write_text(
                f"subjectAltName={'IP' if is_address else 'DNS'}:{name}\nextendedKeyUsage=serverAuth\n"
            )
            key = str(self._authority / "leaf.key")
            _openssl("req", "-new", "-key", key, "-subj", f"/CN={name[:60]}", "-out", str(request))
            _openssl(
                "x509", "-req", "-in", str(request), "-CA", str(self._authority / "ca.pem"), "-CAkey",
                str(self._authority / "ca.key"), "-set_serial", str(abs(hash(name)) + 1), "-days", "30",
                "-sha256", "-extfile", str(extension), "-out", str(chain),
            )  # fmt: skip
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain, key)
            context.set_alpn_protocols(["http/1.1"])
            return context

    def secure(
        self, connection: socket.socket, at: dict[str, Any], tell: Callable[[dict[str, Any]], None]
    ) -> ssl.SSLSocket:
        """The decrypted connection; `at` gets the name that was asked for (SNI). Raises OSError, told before, where the
        client does not agree."""
        context = self.context(at["name"] or at["address"])

        def named(inner: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            if name:
                at["sni"] = name[:253]
                inner.context = self.context(name)

        context.sni_callback = named
        try:
            inner = context.wrap_socket(connection, server_side=True)
        except ssl.SSLError as error:
            tell({"kind": "tls", **at, "why": str(error.reason or error)[:100]})
            raise
        tell({"kind": "tls", **at, "version": inner.version()})
        return inner


def _openssl(*argv: str) -> None:
    subprocess.run(["/usr/bin/openssl", *argv], check=True, capture_output=True, timeout=20)
