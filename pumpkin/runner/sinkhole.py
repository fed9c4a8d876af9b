"""Takes every TCP connection, whatever it was for, records what was sent in clear and delivers it to nobody.

TLS ends here with a certificate for the name asked, signed by the authority made with the image, so that what a package
encrypts is read. HTTP gets an empty JSON object; mail and SSH clients, who wait to be greeted, get a greeting.
"""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pumpkin.runner import network
from pumpkin.runner.names import Names, stream_answer

if TYPE_CHECKING:
    from pumpkin.runner import tls

CONNECTIONS_AT_ONCE = 64
READ_LIMIT = 1 << 20
KEPT = 64 << 10
IDLE_S = 5.0
QUIET_S = 2.0  # after which a client that says nothing is not waited for
GREET_AFTER_S = 0.7
_METHOD = re.compile(
    rb"(?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS|CONNECT|TRACE|PROPFIND) [^\r\n]{0,8000} HTTP/1\.[01]\r?\n"
)
_GREETINGS = {
    21: b"220 ready\r\n",
    22: b"SSH-2.0-OpenSSH_9.2p1\r\n",
    25: b"220 ready ESMTP\r\n",
    587: b"220 ready ESMTP\r\n",
}
_SPOKEN = {21: "ftp", 25: "smtp", 587: "smtp"}

Tell = Callable[[dict[str, Any]], None]


class Sinkhole:
    """Listens for what the kernel redirects here; each connection has a thread, at most 64 at once."""

    def __init__(self, names: Names, tell: Tell, look: Callable[[bytes, dict[str, Any]], bool]) -> None:
        """`look` is handed everything that was sent, with where to."""
        self._names, self._tell, self._look = names, tell, look
        self._terminal: tls.Terminal | None = None
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(CONNECTIONS_AT_ONCE)
        self._open: set[socket.socket] = set()
        self.original: dict[int, tuple[str, int]] = {}  # source port to first destination, for the capture
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def start(self, port: int = network.TCP_PORT) -> int:
        """Listen on `port` (0 picks one) in threads; the port."""
        self._listener.bind(("0.0.0.0", port))  # noqa: S104
        self._listener.listen(512)
        threading.Thread(target=self._accept, daemon=True, name="sinkhole").start()
        bound: int = self._listener.getsockname()[1]
        return bound

    def settle(self, within_s: float = 2.0) -> None:
        """Wait until what was sent has been read: after the senders are gone this takes milliseconds."""
        until = time.monotonic() + within_s
        while (self._open or select.select([self._listener], [], [], 0)[0]) and time.monotonic() < until:
            time.sleep(0.002)

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            address, port = network.original_destination(connection)
            if len(self.original) < 50_000:
                self.original[peer[1]] = (address, port)
            if not self._slots.acquire(blocking=False):
                self._tell({"kind": "tcp", "address": address, "port": port, "why": "too many at once"})
                connection.close()
                continue
            self._open.add(connection)
            try:
                threading.Thread(target=self._serve, args=(connection, address, port), daemon=True).start()
            except RuntimeError:  # no more processes: a fork storm
                self._open.discard(connection)
                self._slots.release()
                connection.close()

    def _serve(self, connection: socket.socket, address: str, port: int) -> None:
        at: dict[str, Any] = {"address": address, "port": port, "name": self._names.name(address)}
        try:
            with connection:
                connection.settimeout(IDLE_S)
                self._talk(connection, at, tls=False)
        except (OSError, ValueError) as error:
            self._tell({"kind": "tcp", **at, "why": f"{type(error).__name__}: {error}"[:200]})
        finally:
            self._open.discard(connection)
            self._slots.release()

    def _talk(self, connection: socket.socket, at: dict[str, Any], *, tls: bool) -> None:
        first = _peek(connection, at["port"], tls=tls)
        if not tls and first[:2] == b"\x16\x03":
            with self._tls().secure(connection, at, self._tell) as inner:
                self._talk(inner, at | {"tls": True}, tls=True)
            return
        if at["port"] == 53 and not tls:
            self._dns(connection, at)
            return
        self._record(connection, first, at, tls=tls)

    def _tls(self) -> tls.Terminal:
        """Imported when the first client speaks TLS: few sandboxes need its 15 ms."""
        from pumpkin.runner import tls

        with self._lock:
            if self._terminal is None:
                self._terminal = tls.Terminal()
            return self._terminal

    def _dns(self, connection: socket.socket, at: dict[str, Any]) -> None:
        head = _exactly(connection, 2)
        while head:
            packet = _exactly(connection, int.from_bytes(head, "big"))
            reply = stream_answer(packet, self._names, self._tell, at["address"])
            if not reply:
                return
            connection.sendall(len(reply).to_bytes(2, "big") + reply)
            head = _exactly(connection, 2)

    def _record(self, connection: socket.socket, data: bytes, at: dict[str, Any], *, tls: bool) -> None:
        if _METHOD.match(data):
            data = _http_rest(connection, data)
            self._request(data, at)
            if data.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._talk(connection, at | {"proxied": data.split(b" ")[1][:300].decode("latin-1")}, tls=False)
                return
            _answer(connection, data, tls=tls)
            return
        connection.settimeout(QUIET_S)
        while len(data) < READ_LIMIT:
            try:
                if at["port"] in _GREETINGS and data.endswith(b"\n"):
                    connection.sendall(_reply(at["port"], data))
                more = connection.recv(65536)
            except OSError:  # silence, or an end without a farewell
                break
            if not more:
                break
            data += more
        _ = self._look(data, at)
        protocol = "ssh" if data.startswith(b"SSH-") or at["port"] == 22 else _SPOKEN.get(at["port"], "other")
        self._tell({"kind": "sent", **at, "protocol": protocol, "size": len(data), "data": _shown(data[:4096])})

    def _request(self, data: bytes, at: dict[str, Any]) -> None:
        _ = self._look(data, at)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        headers = [
            [name[:200], value.strip()[:4000]] for name, _, value in (line.partition(":") for line in lines[1:101])
        ]
        self._tell(
            {
                "kind": "http", **at, "method": method, "path": rest.rpartition(" ")[0][:8000], "headers": headers,
                "host": next((value for name, value in headers if name.lower() == "host"), ""),
                "size": len(body), "body": _shown(body[:KEPT]),
            }
        )  # fmt: skip


def _peek(connection: socket.socket, port: int, *, tls: bool) -> bytes:
    """The first bytes; whoever says nothing for a while is greeted, for some protocols wait for that."""
    connection.settimeout(GREET_AFTER_S)
    try:
        first = connection.recv(65536) if tls else connection.recv(8, socket.MSG_PEEK)
    except TimeoutError:
        connection.settimeout(IDLE_S)
        if port in _GREETINGS:
            connection.sendall(_GREETINGS[port])
        try:
            return connection.recv(65536)
        except TimeoutError:
            return b""
    connection.settimeout(IDLE_S)
    if tls or first[:2] == b"\x16\x03" or (port == 53 and first):
        return first
    return connection.recv(65536) if first else first


def _reply(port: int, said: bytes) -> bytes:
    """What keeps a mail or file client talking, so that the message itself is heard."""
    word = said.rstrip(b"\r\n").rpartition(b"\n")[2][:4].upper()
    if port == 21:
        return {b"USER": b"331 password\r\n", b"PASS": b"230 welcome\r\n"}.get(word, b"200 done\r\n")
    if word == b"DATA":
        return b"354 go on\r\n"
    body = said.upper().rfind(b"\r\nDATA\r\n")
    if body >= 0 and b"\r\n.\r\n" not in said[body:]:
        return b""
    return b"221 bye\r\n" if word == b"QUIT" else b"235 done\r\n" if word == b"AUTH" else b"250 done\r\n"


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            return b""
        data += more
    return data


def _http_rest(connection: socket.socket, data: bytes) -> bytes:
    while b"\r\n\r\n" not in data and len(data) < 65536:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:\s*(\d{1,15})\s*$", head)
    chunked = re.search(rb"(?im)^transfer-encoding:.*chunked", head)
    if re.search(rb"(?im)^expect:\s*100", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    wanted = min(int(length[1]), READ_LIMIT) if length else 0
    while len(body) < READ_LIMIT and (len(body) < wanted or (chunked and not body.endswith(b"0\r\n\r\n"))):
        try:
            more = connection.recv(65536)
        except TimeoutError:
            break
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + (_unchunked(body) if chunked else body)


def _unchunked(body: bytes) -> bytes:
    whole, at = b"", 0
    while at < len(body):
        end = body.find(b"\r\n", at)
        try:
            size = int(body[at:end].split(b";")[0], 16) if end > 0 else 0
        except ValueError:
            return body
        if size <= 0:
            break
        whole += body[end + 2 : end + 2 + size]
        at = end + 4 + size
    return whole


def _answer(connection: socket.socket, data: bytes, *, tls: bool) -> None:
    body = b"" if data.startswith(b"HEAD ") else b"{}"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    connection.sendall(head + body)
    if tls:
        with contextlib.suppress(OSError):
            connection.unwrap()  # type: ignore[attr-defined]


def _shown(data: bytes) -> dict[str, str]:
    """Bytes in JSON: as text where they are UTF-8, else in base64."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}
