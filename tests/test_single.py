"""The single file's text: unpacks once and for good, only where it is safe, and clears up after other versions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from scripts.single.__main__ import LEFT_OUT, STARTS, seal
from tests.acceptance.product import ROOT

IMPORT = re.compile(r"^ *(?:from|import) (\w+)", re.MULTILINE)
PROGRAM = '#!/bin/sh\n[ "$1" = -I ] && exit 0\nshift 2\necho "{said}" "$@"; [ "$2" != wait ] || exec sleep 60\n'


def sealed(folder: Path, said: str) -> Path:
    """A single file whose interpreter is a shell script that says its arguments."""
    tree = folder / f"tree-{said}"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/python3").write_text(PROGRAM.format(said=said))
    (tree / "bin/python3").chmod(0o755)
    (tree / "start.py").touch()
    (tree / "whole").touch()
    out = folder / f"{said}-linux"
    assert seal(tree, out, said) == seal(tree, out, said)  # the same tree, the same bytes
    return out


def run(file: Path, base: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PUMPKIN_UNPACK": str(base)}
    return subprocess.run([file, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=30)


def test_it_unpacks_once_and_other_versions_go_when_nothing_runs_from_them(tmp_path: Path) -> None:
    base = tmp_path / "cache"
    first, second, third = (sealed(tmp_path, name) for name in ("1", "2", "3"))
    assert run(first, base, "a b", "c").stdout == f"1 {first} a b c\n"
    (unpacked,) = base.glob("pumpkin-1-*")
    made = (unpacked / "whole").stat().st_ino
    environment = {"PATH": os.environ["PATH"], "PUMPKIN_UNPACK": str(base)}
    with subprocess.Popen([first, "wait"], stdout=subprocess.PIPE, text=True, env=environment) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == f"1 {first} wait\n"
            assert (unpacked / "whole").stat().st_ino == made
            assert run(second, base).stdout == f"2 {second}\n"
            assert len([*base.glob("pumpkin-*")]) == 2  # what runs stays
        finally:
            running.kill()
    assert run(third, base).stdout == f"3 {third}\n"
    assert [one.name[:10] for one in base.glob("pumpkin-*")] == ["pumpkin-3-"]
    assert not [*base.glob(".part.*")]


def test_it_starts_nothing_that_is_damaged_or_that_others_may_write(tmp_path: Path) -> None:
    file, base = sealed(tmp_path, "1"), tmp_path / "cache"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    done = run(file, base)
    assert (done.returncode, done.stdout) == (1, "")
    assert "damaged" in done.stderr
    assert not [*base.glob("pumpkin-*")]
    file.write_bytes(good)
    assert run(file, base).returncode == 0
    base.chmod(0o777)
    done = run(file, base)
    assert (done.returncode, done.stdout) == (1, "")
    assert "others may write" in done.stderr
    assert "must begin with a slash" in run(file, Path("here")).stderr


def test_no_module_is_left_out_that_pumpkin_imports() -> None:
    imported = set()
    for path in [*(ROOT / "pumpkin").rglob("*.py"), *(ROOT / "actors").rglob("*.py"), *STARTS.values()]:
        imported |= set(IMPORT.findall(path.read_text("utf-8")))
    assert {"asyncio", "multiprocessing"} <= imported
    assert not imported & LEFT_OUT
    assert all(path.is_file() for path in STARTS.values())
