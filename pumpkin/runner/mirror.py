"""A package registry on loopback that holds nothing: reads are asked of Pumpkin over the stream.

Only GET and HEAD go on, and only as a path; Pumpkin judges the path by grammar and fetches it by itself. Every request
gets an answer, since an unanswered one stalls pip for a whole phase.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
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
        self.event = threading.Event()
        self.status = 504
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []


class Mirror:
    """`ask(id, path)` sends the question; `answered` is called with each frame of the answer."""

    def __init__(
        self, ask: Callable[[int, str], None], tell: Tell, look: Callable[[bytes, dict[str, Any]], None]
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

    def fetch(self, path: str, timeout_s: float = ANSWER_S) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body); 504 when no answer came in time."""
        wait = _Wait()
        with self._lock:
            self._next += 1
            number = self._next
            self._waiting[number] = wait
        self._ask(number, path)
        arrived = wait.event.wait(timeout_s)
        with self._lock:
            self._waiting.pop(number, None)
        return (wait.status, wait.headers, b"".join(wait.parts)) if arrived else (504, {}, b"")

    def answered(self, header: dict[str, Any], body: bytes) -> None:
        """A frame of an answer: `status` and `headers` in the first, `last` in the last."""
        with self._lock:
            wait = self._waiting.get(header.get("id", 0))
        if wait is None:
            return
        if "status" in header:
            wait.status, wait.headers = int(header["status"]), dict(header.get("headers", {}))
        if body:
            wait.parts.append(body)
        if header.get("last", True):
            wait.event.set()


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
        self.owner.look(self.path.encode("latin-1", "replace"), {"mirror": True})
        status, headers, body = self.owner.fetch(self.path)
        self._say(status, headers, body)

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

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is not for this."""
