"""Runs one command of a phase: dropped to the package's user, under strace, with a deadline, its output kept apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import threading
import time
import zlib
from typing import IO, Any, NamedTuple

from pumpkin.runner import privileges, trace
from pumpkin.runner.phases import Step

GRACE_S = 1.0
OUTPUT_KEPT = 64 << 10
RESULTS_LIMIT = 1_000
RAW_LIMIT = 4 << 20
CHUNK = 1 << 17
PAUSE_S = 0.003
_F_SETPIPE_SZ = 1031


class Ended(NamedTuple):
    """How a step went: `status` completed, failed or timeout; `left` processes that outlived it and were killed."""

    status: str
    exit_status: int | None
    signal: str | None
    duration_s: float
    left: int
    stdout: Output
    stderr: Output
    results: list[dict[str, Any]]


class Output:
    """The beginning and the end of a stream; the middle is counted only."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = 0
        self.head, self.tail = b"", b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        descriptor = self._stream.fileno()
        while True:
            try:
                chunk = os.read(descriptor, 1 << 18)
            except OSError:
                return
            if not chunk:
                return
            self.size += len(chunk)
            if len(self.head) < OUTPUT_KEPT:
                taken = chunk[: OUTPUT_KEPT - len(self.head)]
                self.head += taken
                chunk = chunk[len(taken) :]
            self.tail = (self.tail + chunk)[-OUTPUT_KEPT:]

    def close(self) -> None:
        """Wait for the end (all writers are gone), then let go."""
        self._thread.join(2)
        self._stream.close()

    def data(self) -> bytes:
        """At most 128 kB; a line says what is missing between."""
        missing = self.size - len(self.head) - len(self.tail)
        return self.head + (f"\n[... {missing} bytes ...]\n".encode() if missing else b"") + self.tail


class Raw:
    """The trace as strace wrote it, compressed, to 4 MB; what is over is counted in `cut`."""

    def __init__(self) -> None:
        self.size = self.cut = 0
        self._parts: list[bytes] = []
        self._packer = zlib.compressobj(1, wbits=31)

    def add(self, chunk: bytes) -> None:
        if self.size > RAW_LIMIT:
            self.cut += len(chunk)
            return
        packed = self._packer.compress(chunk)
        self.size += len(packed)
        self._parts.append(packed)

    def data(self) -> bytes:
        """The gzip file."""
        return b"".join([*self._parts, self._packer.flush()])


class Tracing:
    """Reads the pipe strace writes to; `ended` is set when the first process has ended.

    strace writes each line by itself. Were each read at once, the reader would wake, and take turns with the package,
    thousands of times; it waits a little instead, and reads what has come together.
    """

    def __init__(self, watch: trace.Trace, raw: Raw) -> None:
        self._watch, self._raw = watch, raw
        self._root = ""
        self._folder = f"/run/.t{time.monotonic_ns()}"
        self.path = f"{self._folder}/trace"
        os.mkdir(self._folder, 0o700)  # noqa: PTH102
        os.mkfifo(self.path, 0o600)
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest, long = "", False
        with open(self.path, "rb", buffering=0) as pipe:  # noqa: PTH123
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, 1 << 20)
            while chunk := pipe.read(CHUNK):
                self._raw.add(chunk)
                *lines, rest = (rest + chunk.decode("ascii", "replace")).split("\n")
                if long and lines:
                    del lines[0]
                    long = False
                for line in lines:
                    self._take(line)
                if len(rest) > trace.LINE_LIMIT or long:
                    self._count("long_lines", 0 if long else 1)
                    rest, long = "", True
                if len(chunk) < CHUNK:
                    time.sleep(PAUSE_S)
        self.ended.set()

    def _take(self, line: str) -> None:
        self._root = self._root or line.partition(" ")[0]
        try:
            self._watch.feed(line)
        except (ValueError, KeyError, IndexError, TypeError):  # one line lost and counted, not the trace
            self._count("faults", 1)
        if line.endswith("+++") and line.partition(" ")[0] == self._root:
            self.ended.set()

    def _count(self, what: str, more: int) -> None:
        self._watch.cut[what] = self._watch.cut.get(what, 0) + more

    def close(self) -> None:
        """After strace has gone: wait until all is read."""
        with contextlib.suppress(OSError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))  # frees a reader nobody ever wrote to
        self._thread.join(30)
        os.unlink(self.path)  # noqa: PTH108
        os.rmdir(self._folder)  # noqa: PTH106


def run(step: Step, env: dict[str, str], deadline: float, watch: trace.Trace, raw: Raw, stop: threading.Event) -> Ended:
    """Run `step` until it ends, the monotonic `deadline` passes or `stop` is set; nothing of it is left after."""
    begun = time.monotonic()
    tracing = Tracing(watch, raw)
    reaper = privileges.Reaper()
    results_in, results_out = os.pipe()
    os.fchown(results_out, privileges.UID, privileges.UID)  # some can only open it anew, by /proc/self/fd
    argv = [str(results_out) if one == "{results}" else one for one in step.argv]
    process = subprocess.Popen(
        trace.command(privileges.dropped(argv), tracing.path),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=step.cwd, env=env,
        pass_fds=(results_out,) if step.results else (), start_new_session=True,
    )  # fmt: skip
    os.close(results_out)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err, results = Output(process.stdout), Output(process.stderr), Results(results_in)
    late = _wait(process, tracing.ended, deadline, stop)
    left = 0
    if process.poll() is None:
        if not late:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(GRACE_S, max(0.05, deadline - time.monotonic())))
        left = reaper()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    else:
        reaper()
    tracing.close()
    out.close()
    err.close()
    said = results.close()
    root = watch.root
    code, signal = (root.status, root.signal) if root else (process.returncode, None)
    status = "timeout" if late else "completed" if code == 0 else "failed"
    return Ended(status, code, signal, time.monotonic() - begun, left, out, err, said)


class Results:
    """JSON lines an exercise writes about itself: bounded, and each an object or left out."""

    def __init__(self, descriptor: int) -> None:
        self._said: list[dict[str, Any]] = []
        self._stream = os.fdopen(descriptor, "rb")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while line := self._stream.readline(16_384):
            if len(self._said) >= RESULTS_LIMIT:
                continue
            try:
                one = json.loads(line)
            except ValueError:
                continue
            if isinstance(one, dict) and len(one) <= 12:
                self._said.append({str(key)[:20]: _bounded(value) for key, value in one.items()})

    def close(self) -> list[dict[str, Any]]:
        self._thread.join(2)
        return self._said


def _bounded(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:300]


def _wait(process: subprocess.Popen[bytes], ended: threading.Event, deadline: float, stop: threading.Event) -> bool:
    """Whether time ran out before the first process ended."""
    while not ended.wait(0.05):
        if process.poll() is not None:
            return False
        if time.monotonic() > deadline or stop.is_set():
            return True
    return False
