"""Memory that ends: a cgroup the server and its PostgreSQL do not fit into under large payloads."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from scripts.faults.scene import Broken, Scene, scene

TRIES = 6
TIGHTEN_S = 8.0
GROUP = Path(f"/sys/fs/cgroup/memory/pumpkin-chaos-{os.getpid()}")
SECOND = Path(f"/sys/fs/cgroup/pumpkin-chaos-{os.getpid()}")


def exhausted(times: int) -> Scene:
    """The kernel's OOM killer takes whom it likes; the server is started again when that was it."""
    killed: list[str] = []
    with scene() as here:
        with here.traffic(clients=6, size=4_000_000) as traffic:
            for _ in range(times):
                traffic.until(10)
                _squeeze(here)
                killed.append(_until_somebody_dies(here))
                _release()
                _again(here)
                traffic.until(10)
            here.judge(traffic)
        here.note(f"killed by the kernel: {', '.join(killed)}")
        return here


def _again(here: Scene) -> None:
    """Until it is ready, started anew where it was killed: the killer may take the server a moment after another."""
    for _ in range(TRIES):
        if here.product.process is not None and here.product.process.poll() is not None:
            here.product.start(60)
        try:
            here.until_ready(within_s=10)
        except Broken:
            continue
        return
    here.until_ready()


def _group() -> tuple[Path, str]:
    if GROUP.parent.is_dir():
        return GROUP, "memory.limit_in_bytes"
    return SECOND, "memory.max"


def _squeeze(here: Scene) -> None:
    """Put all its processes into a group with a little more than they use now."""
    group, limit = _group()
    group.mkdir(exist_ok=True)
    everybody = [psutil.Process(here.pid), *psutil.Process(here.pid).children(recursive=True)]
    used = sum(one.memory_info().rss - one.memory_info().shared for one in everybody)
    (group / limit).write_text(str(used + 24_000_000))
    for one in everybody:
        (group / "cgroup.procs").write_text(str(one.pid))


def _tighten() -> None:
    """Leave the group hardly more than it has by now: on a busy machine it grows too slowly to reach its limit."""
    group, limit = _group()
    used = group / ("memory.usage_in_bytes" if limit.endswith("bytes") else "memory.current")
    with suppress(OSError):  # what cannot be given back keeps the limit where it was
        (group / limit).write_text(str(int(used.read_text()) + 2_000_000))


def _until_somebody_dies(here: Scene) -> str:
    """Who is gone once the kernel says that it killed: a backend may end by itself, too."""
    before = {one.pid: one.name() for one in psutil.Process(here.pid).children(recursive=True)}
    deadline = time.monotonic() + 60
    tighter = time.monotonic() + TIGHTEN_S
    while not _kills():
        if time.monotonic() > deadline:
            raise Broken("the kernel killed nobody within 60 s")
        if time.monotonic() > tighter:
            _tighten()
            tighter = time.monotonic() + TIGHTEN_S
        time.sleep(0.2)
    time.sleep(1)
    if here.product.process is None or here.product.process.poll() is not None:
        return "the server"
    now = {one.pid for one in psutil.Process(here.pid).children(recursive=True)}
    return next((name for pid, name in before.items() if pid not in now), "one that had just begun")


def _kills() -> int:
    """How many the kernel has killed in the group since it was made."""
    group, limit = _group()
    text = (group / ("memory.oom_control" if limit.endswith("bytes") else "memory.events")).read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("oom_kill ")))


def _release() -> None:
    group, limit = _group()
    (group / limit).write_text("-1" if limit.endswith("bytes") else "max")
    root = group.parent / "cgroup.procs"
    for _ in range(TRIES):
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                root.write_text(pid)
        try:
            group.rmdir()
        except OSError:  # one that was killed is still being buried, or one was begun meanwhile
            time.sleep(0.5)
        else:
            return
    raise Broken(f"the memory group {group} cannot be removed")
