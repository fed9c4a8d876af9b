"""A hangup ends what a terminal started, and nothing else."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio
import signal
import sys
from pumpkin.commands.signals import heed

signal.signal(signal.SIGHUP, signal.SIG_IGN if "nohup" in sys.argv else signal.SIG_DFL)

async def main() -> None:
    asked = asyncio.Event()
    heed(asked)
    print("ready", flush=True)
    await asked.wait()
    print("stops in order", flush=True)

asyncio.run(main())
"""


def begun(stdin: int, stderr: int, *how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *how], stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True
    )


def test_a_terminal_that_goes_stops_what_it_started_in_order() -> None:
    ours, theirs = pty.openpty()
    running = begun(theirs, theirs)
    assert running.stdout is not None
    with running.stdout as said:
        assert said.readline() == "ready\n"
        running.send_signal(signal.SIGHUP)
        assert said.read() == "stops in order\n"
    assert running.wait(20) == 0
    os.close(ours)
    os.close(theirs)


def test_without_a_terminal_it_is_noted_and_the_server_goes_on() -> None:
    running = begun(subprocess.DEVNULL, subprocess.STDOUT)
    assert running.stdout is not None
    with running.stdout as said:
        assert said.readline() == "ready\n"
        running.send_signal(signal.SIGHUP)
        assert "other settings at a restart" in said.readline()
        running.send_signal(signal.SIGTERM)
        assert said.read() == "stops in order\n"
    assert running.wait(20) == 0


def test_what_nohup_started_outlives_its_terminal() -> None:
    ours, theirs = pty.openpty()
    running = begun(theirs, theirs, "nohup")
    assert running.stdout is not None
    with running.stdout as said:
        assert said.readline() == "ready\n"
        ignored = Path(f"/proc/{running.pid}/status").read_text().partition("SigIgn:")[2].split()[0]
        assert int(ignored, 16) & 1 << signal.SIGHUP - 1
        running.send_signal(signal.SIGTERM)
        assert said.read() == "stops in order\n"
    assert running.wait(20) == 0
    os.close(ours)
    os.close(theirs)
