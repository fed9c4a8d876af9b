"""Detection's speed: static pass over Django, names, source comparison, and all tools over six. CPU seconds, one core.

Run as `scripts/bench detection`; the wheels come from the configured index, by name, into a temporary folder.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pumpkin.adapters.scanner import Scanner
from pumpkin.analysis import names, source, static

Row = tuple[str, str, str, str]


def wheel(name: str, folder: Path) -> Path:
    """The newest wheel of a package; nothing of it is run."""
    argv = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(folder),
        name,
    ]
    subprocess.run(argv, check=True)
    return next(folder.glob(f"{name}*.whl"))


def best(job: Callable[[], object], rounds: int = 3) -> float:
    """CPU seconds of the quickest of some rounds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        job()
        times.append(time.process_time() - began)
    return min(times)


async def whole(data: bytes, name: str) -> float:
    """Wall seconds of all tools over one wheel with a warm worker; the source is the wheel's own tree."""
    async with Scanner() as scanner:
        await scanner.scan(data, name, "pypi")
        began = time.perf_counter()
        scan = await scanner.scan(data, name, "pypi")
        found = names.findings("pypi", str(scan.artifact["package"]))
        tree = {path: fact.blob for path, fact in scan.files.items()}
        found += source.findings(
            source.compare(scan.files, tree), scan.sources[0] if scan.sources else "", scan.findings
        )
        static.verdict.judge(static.verdict.weigh([*scan.findings, *found]), failed=scan.gaps)
        return time.perf_counter() - began


def rows() -> list[Row]:
    """What was measured, and the goal of each."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        django, six = wheel("django", folder).read_bytes(), wheel("six", folder).read_bytes()
    static.scan(six, "six.whl", "pypi")
    scan = static.scan(django, "django.whl", "pypi")
    tree = {f"src/{path}": fact.blob for path, fact in scan.files.items()}
    stems = ("reqeusts", "python-dateutil2", "djang0", "something-else")
    asked = [f"{name}{end}" for name in stems for end in ("", "x", "-py")]
    names.candidates("pypi", "warm")
    each = best(lambda: [names.candidates("pypi", name) for name in asked]) / len(asked)
    passed = best(lambda: static.scan(django, "django.whl", "pypi"))
    return [
        ("Django wheel, static", f"{passed:.2f} s CPU", "", "at most 3 s"),
        ("typosquatting, a name", f"{each * 1e6:.0f} us", "15,000 names", "under 1 ms"),
        ("source comparison, Django", f"{best(lambda: source.compare(scan.files, tree)):.2f} s CPU", "", "at most 1 s"),
        ("six, all tools, warm", f"{asyncio.run(whole(six, 'six.whl')):.2f} s", "", "at most 1.5 s"),
    ]  # fmt: skip


if __name__ == "__main__":
    for what, value, ratio, goal in rows():
        print(f"{what:<28} {value:<14} {ratio:<16} {goal}")
