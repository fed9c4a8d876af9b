"""TLS over two memory buffers, so that an upgrade is a plain change of state."""

from __future__ import annotations

import ssl

from pumpkin.adapters.xmppd.faults import StreamFault


class Tls:
    """The server's side of one TLS connection: bytes in, bytes out, no transport.

    asyncio's own TLS transport costs 256 KiB a connection and upgrades by swapping protocols, where bytes that arrive
    meanwhile get lost; here nothing runs between `<proceed/>` and the handshake.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.established = False
        self.closed = False

    def receive(self, data: bytes) -> bytes:
        """The plain bytes of what came; StreamFault when it is no TLS. Afterwards send `outgoing()`."""
        self._in.write(data)
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise StreamFault("policy-violation", f"TLS: {error.reason or 'failed'}") from error

    def _read(self) -> bytes:
        parts = []
        try:
            while part := self._tls.read(65536):
                parts.append(part)
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return b"".join(parts)

    def send(self, data: bytes) -> bytes:
        """The bytes to put on the wire for `data`."""
        self._tls.write(data)
        return self._out.read()

    def outgoing(self) -> bytes:
        """What the protocol itself wants to send."""
        return self._out.read() if self._out.pending else b""

    def close(self) -> bytes:
        """The close notification to send; the answer is not waited for."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass
        return self.outgoing()
