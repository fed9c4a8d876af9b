"""The server's end of its guardian: a program that removes this life's sandboxes when the server was killed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("guardian.py")
GOODBYE_S = 5.0


class Guard:
    """One for an engine and a life; `label` is what its sandboxes bear, `way` how the engine is reached."""

    def __init__(self, label: str, way: str) -> None:
        self._argv = [sys.executable, "-I", "-S", str(PROGRAM), label, way]
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        """See to it that it waits; before each sandbox, since somebody may have ended it. Without the means to start
        it (no memory, no process to be had) sandboxes are made all the same."""
        process = self._process
        if process is not None and process.poll() is None:
            return
        if process is not None and process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                start_new_session=True, bufsize=0,
            )  # fmt: skip

    async def dismiss(self) -> None:
        """All is in order: it ends, and looks for nothing."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.write(b".")
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, GOODBYE_S)
