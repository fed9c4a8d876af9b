"""Frames on standard input and output: a line of JSON, and after it as many bytes as its `_size` says.

The same form both ways. In: `job`, `file`, `answer` (a registry's), `beat`, `end`. Out: `ready`, `phase`, `event`,
`ask` (a registry), `blob`, `done`. What leaves is bounded: a line to 1 MB, everything to 64 MB; what is over is
counted and dropped, apart from the frames a run cannot end without.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any, BinaryIO

LINE_LIMIT = 1 << 20
TOTAL_LIMIT = 64 << 20
FRAME_LIMIT = 512 << 20
_ALWAYS = frozenset({"ready", "phase", "ask", "done", "fault"})


class Broken(Exception):
    """The other side sent what is no frame, or has gone."""


class Source:
    """Frames read from a binary stream; each is `(header, body)`."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def read(self) -> tuple[dict[str, Any], bytes] | None:
        """The next frame, None at the end of input. Raises Broken for anything that is no frame."""
        line = self._raw.readline(LINE_LIMIT + 1)
        if not line:
            return None
        if not line.endswith(b"\n"):
            raise Broken("a header without an end")
        try:
            header = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Broken("a header that is not JSON") from error
        size = header.get("_size", 0) if isinstance(header, dict) else -1
        if not isinstance(size, int) or not 0 <= size <= FRAME_LIMIT:
            raise Broken("a header without a possible size")
        body = self._raw.read(size) if size else b""
        if len(body) != size:
            raise Broken("input ended inside a frame")
        return header, body


class Sink:
    """Frames written to a file descriptor by any thread, each whole."""

    def __init__(self, descriptor: int, total_limit: int = TOTAL_LIMIT) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._left = total_limit
        self.sent = 0
        self.cut: dict[str, int] = {}

    def send(self, kind: str, body: bytes = b"", /, **header: Any) -> bool:
        """Write one frame; False when it was dropped because the run has said too much already."""
        header["type"] = kind
        if body:
            header["_size"] = len(body)
        line = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
        size = len(line) + len(body)
        with self._lock:
            if kind not in _ALWAYS and (len(line) > LINE_LIMIT or size > self._left):
                self.cut[kind] = self.cut.get(kind, 0) + 1
                return False
            self._left -= size
            self.sent += size
            _write_all(self._descriptor, line + body)
        return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
