"""A package registry on loopback that holds nothing: reads are asked of Pumpkin over the stream.

Only GET and HEAD go on, and only as a path; Pumpkin judges the path by grammar and fetches it by itself. Every request
gets an answer, since an unanswered one stalls pip for a whole phase.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8081
PATH_LIMIT = 2_000
ANSWER_S = 90.0
BODY_LIMIT = 64 << 10

Tell = Callable[[dict[str, Any]], None]


class _Wait:
    """One request on its way: parts of the answer arrive from the reader's thread."""

    def __init__(self) -> None:
        self.frames: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()


class Mirror:
    """`ask(id, path)` sends the question; `answered` is called with each frame of the answer."""

    def __init__(
        self, ask: Callable[[int, str], None], tell: Tell, look: Callable[[bytes, dict[str, Any]], bool]
    ) -> None:
        self._ask, self.tell, self.look = ask, tell, look
        self._lock = threading.Lock()
        self._waiting: dict[int, _Wait] = {}
        self._next = 0

    def start(self, port: int = PORT) -> int:
        """Listen on loopback in threads; the port."""
        mirror = self

        class Handler(_Handler):
            owner = mirror

        server = _Server(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True, name="mirror").start()
        return int(server.server_address[1])

    def fetch(self, path: str, timeout_s: float = ANSWER_S) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The frames of the answer as they come; one with status 504 when none did in time."""
        wait = _Wait()
        with self._lock:
            self._next += 1
            number = self._next
            self._waiting[number] = wait
        self._ask(number, path)
        try:
            while True:
                header, body = wait.frames.get(timeout=timeout_s)
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
            wait = self._waiting.get(header.get("id", 0))
        if wait is not None:
            wait.frames.put((header, body))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away; nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    owner: Mirror
    protocol_version = "HTTP/1.1"
    timeout = 120

    def do_GET(self) -> None:
        if len(self.path) > PATH_LIMIT:
            self._say(414, {}, b"")
            return
        if self.owner.look(self.path.encode("latin-1", "replace"), {"mirror": True}):
            self._say(404, {}, b"")  # a secret in a name: the registry is not to learn it either
            return
        begun = False
        for header, body in self.owner.fetch(self.path):
            if not begun:
                begun = True
                self._say(int(header.get("status", 504)), header.get("headers", {}), body, int(header.get("length", 0)))
            elif "status" in header:
                self.close_connection = True  # it stopped in the middle: the client must see that
                return
            else:
                self.wfile.write(body)

    do_HEAD = do_GET

    def _refuse(self) -> None:
        size = self.headers.get("Content-Length", "0")
        body = self.rfile.read(min(int(size), BODY_LIMIT)) if size.isdigit() else b""
        self.owner.look(body, {"mirror": True})
        self.owner.tell(
            {"kind": "mirror_refused", "method": self.command, "path": self.path[:PATH_LIMIT], "size": len(body)}
        )
        self.close_connection = True
        self._say(405, {}, b"")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse

    def _say(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is not for this."""
