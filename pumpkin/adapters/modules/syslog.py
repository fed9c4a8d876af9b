"""Syslog: RFC 5424 messages to a file, or over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425)."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from pumpkin.adapters.modules.base import Away, Module, Outcome, Place
from pumpkin.adapters.modules.lines import FileOptions, LogFile, file_path
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item, plain
from pumpkin.model.wire import rfc3339

FACILITIES = {"user": 1, "daemon": 3, "auth": 4, "syslog": 5, "authpriv": 10, **{f"local{n}": 16 + n for n in range(8)}}
LEVELS = {"ok": 6, "unknown": 5, "warning": 4, "critical": 2}
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
UDP_LIMIT = 2_048
MESSAGE_LIMIT = 8_192
PEN = "pumpkin@32473"  # 32473 is the enterprise number of examples (RFC 5612)
_KNOWN = re.compile(rb' delivery="([0-9a-f-]{36})"')
CONNECT_S = 10.0


class SyslogOptions(FileOptions):
    facility: str = Field(
        "local0", description=f"One of {', '.join(FACILITIES)}.", pattern=f"^({'|'.join(FACILITIES)})$"
    )
    app: str = Field("pumpkin", description="APP-NAME.", pattern=r"^[!-~]{1,48}$")
    hostname: str = Field("", description="HOSTNAME; empty for this host's.", pattern=r"^[!-~]{0,255}$")
    ca: Path | None = Field(None, description="tls: PEM file of the authority to trust instead of the system's.")


class Syslog(Module):
    """The target is `udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` or a path.

    Neither UDP nor TCP says that the other side took a message: what a dying collector had in its buffers is lost, and
    only a broken connection is noticed. A file is exact.
    """

    Options = SyslogOptions
    batch = 100

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        parts = urlsplit(place.target)
        self._scheme = parts.scheme if parts.scheme in PORTS else "file"
        self._file: LogFile | None = None
        self._written: set[bytes] = set()
        self._tls: ssl.SSLContext | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._socket: socket.socket | None = None
        if self._scheme == "file":
            if "://" in place.target:
                raise StartError(f"The target of the module {place.name} is neither udp, tcp or tls://HOST nor a path.")
            self._file = LogFile(file_path(place), options.max_mb * 1024 * 1024, options.keep)
            return
        try:
            self._host, self._port = parts.hostname or "", parts.port or PORTS[self._scheme]
        except ValueError:
            self._host = ""
        if not self._host:
            raise StartError(f"The target of the module {place.name} names no host.")
        if self._scheme == "tls":
            try:
                self._tls = ssl.create_default_context(cafile=options.ca)
            except (OSError, ssl.SSLError):
                raise StartError(f"The option ca of the module {place.name} names no readable PEM file.") from None

    async def open(self) -> None:
        try:
            if self._file is not None:
                tail = await asyncio.to_thread(self._file.open)
                self._written = set(_KNOWN.findall(tail))
            elif self._scheme == "udp":
                await self._open_udp()
            else:
                async with asyncio.timeout(CONNECT_S):
                    self._reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        except ssl.SSLCertVerificationError:
            raise Away("its certificate does not verify") from None
        except TimeoutError:
            raise Away("it gives no connection in time") from None
        except OSError as error:
            raise Away(f"it cannot be opened ({_words(error)})") from None

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        messages = [(item, message(item, self.options, self._limit)) for item in items]
        try:
            if self._file is not None:
                new = [text for item, text in messages if str(item.id).encode() not in self._written]
                if new:
                    await asyncio.to_thread(self._file.append, b"".join(text + b"\n" for text in new))
                self._written = {str(item.id).encode() for item in items}
            elif self._socket is not None:
                for _, text in messages:
                    await asyncio.get_running_loop().sock_sendall(self._socket, text)
            else:
                await self._send([text for _, text in messages])
        except OSError as error:
            raise Away(f"it cannot be written to ({_words(error)})") from None
        return None

    @property
    def _limit(self) -> int:
        return UDP_LIMIT if self._scheme == "udp" else MESSAGE_LIMIT

    async def _open_udp(self) -> None:
        found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self._socket.connect(address)

    async def _send(self, messages: Sequence[bytes]) -> None:
        assert self._writer is not None
        assert self._reader is not None
        if self._reader.at_eof() or self._writer.is_closing():
            raise Away("it closed the connection")
        self._writer.write(b"".join(b"%d %s" % (len(one), one) for one in messages))
        await self._writer.drain()
        await asyncio.sleep(0)
        if self._reader.at_eof():
            raise Away("it closed the connection")

    async def close(self) -> None:
        if self._file is not None:
            await asyncio.to_thread(self._file.close)
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._writer is not None:
            self._writer.close()
            self._writer = self._reader = None


def message(item: Item, options: Any, limit: int) -> bytes:
    """One message of RFC 5424 section 6, at most `limit` bytes; what came from outside cannot end it or its fields."""
    priority = FACILITIES[options.facility] * 8 + LEVELS.get(item.severity, 5)
    host = options.hostname or re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
    known = {
        "delivery": str(item.id),
        "severity": item.severity,
        "agent": item.agent,
        "type": item.type,
        "target": item.target,
        "record": str(item.record or ""),
        "seq": "" if item.seq is None else str(item.seq),
    }
    fields = "".join(f' {name}="{_parameter(value)}"' for name, value in known.items() if value)
    head = f"<{priority}>1 {rfc3339(item.time)} {host} {options.app} {os.getpid()} {item.topic} [{PEN}{fields}] "
    whole = head.encode() + b"\xef\xbb\xbf" + plain(item.subject).encode("utf-8", "replace")
    return whole if len(whole) <= limit else whole[:limit].decode("utf-8", "ignore").encode()


def _parameter(value: str) -> str:
    """A PARAM-VALUE: one line, with `"`, `\\` and `]` escaped (RFC 5424 section 6.3.3)."""
    return re.sub(r'(["\\\]])', r"\\\1", plain(value, 200))


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else type(error).__name__
