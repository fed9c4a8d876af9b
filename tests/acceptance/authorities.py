"""Time-stamp authorities over HTTP for tests: real RFC 3161 tokens, on demand dead or with a clock that is off."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pumpkin.evidence.authority import Authority


class Tsa:
    """One authority at `url`. `mode` is right, dead (503) or lying (its clock `off_s` seconds ahead)."""

    def __init__(self, name: str, off_s: float = 60.0) -> None:
        self.name, self.mode, self.off_s, self.asked = name, "right", off_s, 0
        self.authority = Authority.create(f"Test {name}", now=time.time_ns() // 1_000 - 3_600_000_000)
        house = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                status, body = house.answer(query)
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def answer(self, query: bytes) -> tuple[int, bytes]:
        self.asked += 1
        if self.mode == "dead":
            return 503, b""
        ahead = int(self.off_s * 1e6) if self.mode == "lying" else 0
        return 200, self.authority.respond(query, clock=lambda: time.time_ns() // 1_000 + ahead)

    def root(self, folder: Path) -> Path:
        path = folder / f"{self.name}.pem"
        path.write_bytes(self.authority.root_pem)
        return path

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
