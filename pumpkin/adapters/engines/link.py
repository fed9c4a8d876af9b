"""Pumpkin's end of a sandbox's stream: the frames of `pumpkin.runner.stream` over an attached container.

What comes from inside is a stranger's: a header is at most 1 MB, a body at most 64 MB, and all of it at most 192 MB.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiodocker.stream import Stream

from pumpkin.adapters.engines.faults import SandboxLost, translated

HEADER_LIMIT = 1 << 20
BODY_LIMIT = 64 << 20
TOTAL_LIMIT = 192 << 20
CHUNK = 1 << 20
Frame = tuple[dict[str, Any], bytes]


class Link:
    """Frames to and from one attached container; one reader, any number of writers."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._writing = asyncio.Lock()
        self._buffer = bytearray()
        self._total = 0
        self.stderr = b""

    async def send(self, kind: str, body: bytes = b"", /, **header: Any) -> None:
        """Write one frame, waiting while the other side is slow."""
        header["type"] = kind
        if body:
            header["_size"] = len(body)
        line = json.dumps(header, separators=(",", ":")).encode() + b"\n"
        async with self._writing, translated("writing to the sandbox", missing=SandboxLost):
            try:
                await self._stream.write_in(line)
                for start in range(0, len(body), CHUNK):
                    await self._stream.write_in(body[start : start + CHUNK])
            except RuntimeError as error:
                raise SandboxLost from error

    async def read(self) -> Frame | None:
        """The next frame, None when the container has ended. Raises SandboxLost for what is no frame."""
        line = await self._line()
        if line is None:
            return None
        try:
            header = json.loads(line)
            size = int(header.get("_size", 0))
            str(header["type"])
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise SandboxLost("the sandbox wrote what is no frame") from error
        if not 0 <= size <= BODY_LIMIT:
            raise SandboxLost(f"the sandbox announced {size} bytes")
        while len(self._buffer) < size:
            if not await self._more():
                raise SandboxLost("the sandbox ended inside a frame")
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return header, body

    async def close(self) -> None:
        """Let go; the runner sees the end of its input and ends."""
        async with translated("closing the stream"):
            await self._stream.close()

    async def _line(self) -> bytes | None:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > HEADER_LIMIT:
                raise SandboxLost("the sandbox wrote a header without an end")
            if not await self._more():
                return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def _more(self) -> bool:
        async with translated("reading from the sandbox", missing=SandboxLost):
            message = await self._stream.read_out()
        if message is None:
            return False
        if message.stream == 2:
            self.stderr = (self.stderr + message.data)[-4096:]
            return True
        self._total += len(message.data)
        if self._total > TOTAL_LIMIT:
            raise SandboxLost("the sandbox said more than it may")
        self._buffer += message.data
        return True
