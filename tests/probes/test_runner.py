"""Real tools, well behaved and not."""

import asyncio
import os
import sys
import time
from pathlib import Path

from pumpkin.probes.runner import run

PYTHON = sys.executable


async def test_output_and_exit_status_are_measured() -> None:
    seen = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=10)
    assert (seen.stdout, seen.stderr, seen.exit_status, seen.ok) == (b"out\n", b"err\n", 3, False)
    assert seen.as_json()["argv"][0] == "sh"


async def test_an_argument_never_meets_a_shell() -> None:
    seen = await run(["echo", "$(id); `id` | x"], timeout_s=10)
    assert seen.stdout == b"$(id); `id` | x\n"


async def test_a_tool_that_is_not_there_is_a_result() -> None:
    seen = await run(["/nonexistent/tool"], timeout_s=10)
    assert seen.exit_status is None
    assert "No such file" in seen.error
    assert (await run(["a\x00b"], timeout_s=10)).error


async def test_a_tool_killed_by_a_signal_says_so() -> None:
    seen = await run(["sh", "-c", "kill -9 $$"], timeout_s=10)
    assert (seen.exit_status, seen.signal) == (None, 9)


async def test_a_hanging_tool_is_ended_with_all_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"trap '' TERM; sleep 600 & echo $! > {pid_file}; echo begun; wait; sleep 600"
    began = time.monotonic()
    seen = await run(["sh", "-c", script], timeout_s=0.5)
    assert seen.timed_out
    assert seen.stdout == b"begun\n"
    assert time.monotonic() - began < 8
    assert not _alive(int(pid_file.read_text()))


async def test_a_child_left_behind_is_killed_and_holds_nothing_up(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    seen = await run(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; echo done"], timeout_s=30)
    assert seen.stdout == b"done\n"
    assert seen.exit_status == 0
    assert seen.duration_s < 5
    assert not _alive(int(pid_file.read_text()))


async def test_a_child_that_left_the_group_and_keeps_the_pipe_holds_nothing_up(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    seen = await run(["sh", "-c", f"setsid sleep 30 & echo $! > {pid_file}; echo done"], timeout_s=30)
    assert seen.stdout == b"done\n"
    assert time.monotonic() - began < 10
    os.kill(int(pid_file.read_text()), 9)


async def test_endless_output_is_cut_and_the_tool_still_ends() -> None:
    seen = await run([PYTHON, "-c", "import sys; sys.stdout.write('x' * 3_000_000)"], timeout_s=30, output_limit=1_000)
    assert len(seen.stdout) == 1_000
    assert seen.truncated
    assert seen.exit_status == 0


async def test_cancelling_kills_the_tool(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    task = asyncio.create_task(
        run(["sh", "-c", f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600"], timeout_s=600)
    )
    while not pid_file.exists():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not _alive(int(pid_file.read_text()))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
