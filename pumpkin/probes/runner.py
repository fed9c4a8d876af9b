"""Runs a tool as an argument vector and measures it from outside: exit status, signal, duration, bounded output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STDERR_LIMIT = 16_000
GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen of one run. `exit_status` is None when the tool did not start or died by `signal`.

    `stdout` and `stderr` hold the first bytes up to their limits; `truncated` that stdout was longer.
    `error` says why it did not start.
    """

    argv: tuple[str, ...]
    stdout: bytes = b""
    stderr: bytes = b""
    exit_status: int | None = None
    signal: int | None = None
    duration_s: float = 0.0
    timed_out: bool = False
    truncated: bool = False
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.exit_status == 0 and not self.timed_out

    def as_json(self) -> dict[str, Any]:
        """`run` of rulings.md 39; bounded, and only what XML, JSON and PostgreSQL can carry."""
        stderr = self.error or self.stderr.decode("utf-8", "replace")
        return {
            "argv": [printable(word)[:2_000] for word in self.argv],
            "exit_status": self.exit_status,
            "signal": self.signal,
            "duration_s": round(self.duration_s, 6),
            "timed_out": self.timed_out,
            "stderr": printable(stderr)[:STDERR_LIMIT],
        }


def printable(text: str) -> str:
    """`text` with control characters (but tab and line ends) and lone surrogates replaced by U+FFFD."""
    return "".join(
        one if one in "\t\n\r" or (ord(one) >= 0x20 and not 0xD800 <= ord(one) <= 0xDFFF) else "\ufffd" for one in text
    )


def environment() -> Mapping[str, str]:
    """What a tool inherits: our environment without our own settings, in a locale whose output parsers can rely on."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PUMPKIN_")}
    return {**kept, "LC_ALL": "C.UTF-8"}


async def run(argv: Sequence[str], *, timeout_s: float, output_limit: int = 4 * 1024 * 1024) -> Outcome:
    """Run `argv` with nothing on its standard input; never raises for what the tool does.

    At the time-out its whole process group is ended, first by SIGTERM, a second later by SIGKILL. Whatever it left
    running in its group when it ended is killed too.
    """
    began = time.monotonic()
    async with _drain(output_limit) as out, _drain(STDERR_LIMIT) as err:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out.mouth,
                stderr=err.mouth,
                start_new_session=True,
                env=environment(),
            )
        except (OSError, ValueError) as error:
            reason = f"cannot start: {error.strerror if isinstance(error, OSError) and error.strerror else error}"
            return Outcome(tuple(argv), duration_s=time.monotonic() - began, error=reason)
        out.shut_mouth()
        err.shut_mouth()
        try:
            timed_out = await _ended(process, timeout_s)
            duration_s = time.monotonic() - began
        finally:
            # Even when we are cancelled: no tool outlives its probe, and nobody holds its pipes open.
            _signal(process.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await asyncio.gather(process.wait(), out.ended, err.ended)
        status = process.returncode if process.returncode is not None else -signal.SIGKILL
        return Outcome(
            tuple(argv),
            stdout=bytes(out.kept),
            stderr=bytes(err.kept),
            exit_status=status if status >= 0 else None,
            signal=-status if status < 0 else None,
            duration_s=duration_s,
            timed_out=timed_out,
            truncated=out.more,
        )


async def _ended(process: asyncio.subprocess.Process, timeout_s: float) -> bool:
    """Wait for the leader of the group; True when it had to be ended."""
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        return True
    return False


class _Drain(asyncio.Protocol):
    """A pipe of our own that keeps the first `limit` bytes and drops the rest, so that the tool can end.

    asyncio's own pipes make `process.wait()` wait for whoever inherited them; a daemon left behind would count as
    the tool still running.
    """

    def __init__(self, limit: int) -> None:
        self.kept, self.more, self.mouth = bytearray(), False, -1
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._limit = limit
        self.transport: asyncio.BaseTransport | None = None

    def shut_mouth(self) -> None:
        """Close our copy of the writing end; the tool has its own."""
        if self.mouth >= 0:
            os.close(self.mouth)
            self.mouth = -1

    def close(self) -> None:
        self.shut_mouth()
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        room = self._limit - len(self.kept)
        self.kept += data[:room]
        self.more = self.more or len(data) > room

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


@contextlib.asynccontextmanager
async def _drain(limit: int) -> AsyncIterator[_Drain]:
    drain = _Drain(limit)
    source, drain.mouth = os.pipe()
    reading = os.fdopen(source, "rb", buffering=0)
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: drain, reading)
        yield drain
    finally:
        drain.close()
        if drain.transport is None:
            reading.close()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
