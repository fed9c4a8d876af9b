"""A package registry on loopback that holds nothing: reads are asked of Pumpkin over the stream.

Only GET and HEAD go on, and only as a path; Pumpkin judges the path by grammar and fetches it by itself. Every request
gets an answer, since an unanswered one stalls pip for a whole phase. The little of HTTP/1.1 (RFC 9112) that package
managers speak is read here: the standard library's server costs each sandbox 16 ms to import, and writes head and body
apart, which on loopback costs npm 40 ms a request (Nagle's algorithm against delayed acknowledgement).
"""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

PORT = 8081
PATH_LIMIT = 2_000
LINE_LIMIT = 65_536
HEADERS_LIMIT = 100
ANSWER_S = 90.0
IDLE_S = 120.0
BODY_LIMIT = 64 << 10
CLIENTS_AT_ONCE = 100

_REQUEST = re.compile(rb"([A-Za-z]{1,20}) ([^\s]+) HTTP/1\.([01])\r?\n")
_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 414: "URI Too Long"}

Tell = Callable[[dict[str, Any]], None]


class _Request(NamedTuple):
    """What was asked: `body` at most 64 kB of it, `last` when the connection is to be closed after the answer."""

    method: str
    path: str
    body: bytes
    last: bool


class Mirror:
    """`ask(id, path)` sends the question; `answered` is called with each frame of the answer."""

    def __init__(
        self, ask: Callable[[int, str], None], tell: Tell, look: Callable[[bytes, dict[str, Any]], bool]
    ) -> None:
        self._ask, self._tell, self._look = ask, tell, look
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[tuple[dict[str, Any], bytes]]] = {}
        self._next = 0
        self._slots = threading.Semaphore(CLIENTS_AT_ONCE)
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def start(self, port: int = PORT) -> int:
        """Listen on loopback in threads; the port."""
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True, name="mirror").start()
        bound: int = self._listener.getsockname()[1]
        return bound

    def fetch(self, path: str, timeout_s: float = ANSWER_S) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The frames of the answer as they come; one with status 504 when none did in time."""
        frames: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
        with self._lock:
            self._next += 1
            number = self._next
            self._waiting[number] = frames
        self._ask(number, path)
        try:
            while True:
                header, body = frames.get(timeout=timeout_s)
                yield header, body
                if header.get("last", True):
                    return
        except queue.Empty:
            yield {"status": 504, "length": 0}, b""
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def answered(self, header: dict[str, Any], body: bytes) -> None:
        """A frame of an answer: `status`, `headers` and `length` in the first, `last` true in the last."""
        with self._lock:
            frames = self._waiting.get(header.get("id", 0))
        if frames is not None:
            frames.put((header, body))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if not self._slots.acquire(blocking=False):
                connection.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError:  # no more processes: a fork storm
                self._slots.release()
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                connection.settimeout(IDLE_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := _read(connection, stream)) is not None:
                    whole = self._reply(connection, request)
                    if request.last or not whole:
                        return
                _say(connection, 400)
        except (OSError, EOFError):  # a client that went away; nothing to tell
            pass
        finally:
            self._slots.release()

    def _reply(self, connection: socket.socket, request: _Request) -> bool:
        """Answer one request; whether all of the answer was there."""
        if request.body:
            self._look(request.body, {"mirror": True})
        if request.method not in ("GET", "HEAD"):
            path, size = request.path[:PATH_LIMIT], len(request.body)
            self._tell({"kind": "mirror_refused", "method": request.method, "path": path, "size": size})
            _say(connection, 405)
        elif len(request.path) > PATH_LIMIT:
            _say(connection, 414)
        elif self._look(request.path.encode("latin-1", "replace"), {"mirror": True}):
            _say(connection, 404)  # a secret in a name: the registry is not to learn it either
        else:
            return self._relay(connection, request)
        return True

    def _relay(self, connection: socket.socket, request: _Request) -> bool:
        begun = False
        for header, body in self.fetch(request.path):
            if not begun:
                begun = True
                shown = b"" if request.method == "HEAD" else body
                status, length = int(header.get("status", 504)), int(header.get("length", 0))
                _say(connection, status, header.get("headers", {}), length, shown)
            elif "status" in header:
                return False  # it stopped in the middle: the client must see that
            elif request.method != "HEAD":
                connection.sendall(body)
        return True


def _read(connection: socket.socket, stream: BinaryIO) -> _Request | None:
    """The next request, None for what is none. Raises EOFError at the end of input."""
    line = stream.readline(LINE_LIMIT)
    if not line:
        raise EOFError
    first = _REQUEST.fullmatch(line)
    headers = _headers(stream)
    if first is None or headers is None:
        return None
    said = headers.get(b"content-length", b"0")
    size = int(said) if said.isdigit() and len(said) < 16 else 0
    if size and headers.get(b"expect", b"").lower() == b"100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = stream.read(min(size, BODY_LIMIT)) if size else b""
    method = first[1].decode("ascii")
    last = first[3] == b"0" or headers.get(b"connection", b"").lower() == b"close"
    last = last or method not in ("GET", "HEAD") or size > BODY_LIMIT or b"transfer-encoding" in headers
    return _Request(method, first[2].decode("latin-1"), body, last)


def _headers(stream: BinaryIO) -> dict[bytes, bytes] | None:
    """Names in lower case to values, None where they do not end or are too many."""
    found: dict[bytes, bytes] = {}
    for _ in range(HEADERS_LIMIT):
        line = stream.readline(LINE_LIMIT)
        if line in (b"\r\n", b"\n"):
            return found
        name, separator, value = line.partition(b":")
        if not separator or not line.endswith(b"\n"):
            return None
        found[name.strip().lower()] = value.strip()
    return None


def _say(
    connection: socket.socket, status: int, headers: Mapping[str, str] | None = None, length: int = 0, body: bytes = b""
) -> None:
    """Head and beginning of the body in one write."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Answer')}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    connection.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
