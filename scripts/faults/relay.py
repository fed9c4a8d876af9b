"""usage: python -m scripts.faults.relay ADDRESS TARGET

Passes on what comes to ADDRESS (a socket's path, or HOST:PORT) to the Unix socket TARGET, until it is killed.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def begin(address: str, target: str) -> subprocess.Popen[bytes]:
    """A process that passes on, once it does."""
    process = subprocess.Popen([sys.executable, "-m", "scripts.faults.relay", address, target], cwd=ROOT)
    deadline = time.monotonic() + 10
    while not _answers(address):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("the relay does not start")
        time.sleep(0.05)
    return process


def _answers(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    if not colon:
        return Path(address).exists()
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


async def serve(address: str, target: str) -> None:
    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:
            sink.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far, back = await asyncio.open_unix_connection(target)
        await asyncio.gather(pump(reader, back), pump(far, writer))
        writer.close()
        back.close()

    host, colon, port = address.rpartition(":")
    made = asyncio.start_server(meet, host, int(port)) if colon else asyncio.start_unix_server(meet, address)
    async with await made as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
