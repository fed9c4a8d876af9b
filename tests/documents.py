"""The documentation's fenced blocks, who executes each, and a shell to execute a page's in."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from click.testing import CliRunner

from pumpkin.__main__ import cli
from tests.acceptance.product import PUMPKIN, ROOT

PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (?:not run by a test: (?P<why>[^\n]+)|run by (?P<script>\S+)) -->\n\Z")
Test = TypeVar("Test", bound=Callable[..., object])

EXECUTED: dict[tuple[str, str], str] = {}
"""Which test executes all blocks of a page that begin with those words."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, its words behind the fence, and the mark before it: `why` it is shown only, or
    the `script` that executes it."""

    page: str
    line: int
    info: str
    text: str
    why: str = ""
    script: str = ""


def blocks(page: str, info: str | None = None) -> list[Block]:
    """All of a page, or those of one kind that are not marked."""
    text = (ROOT / page).read_text("utf-8")
    found = []
    for hit in _FENCE.finditer(text):
        mark = _MARK.search(text[: hit.start()])
        made = Block(
            page, text.count("\n", 0, hit.start()) + 1, hit["info"].strip(), hit["text"],
            (mark and mark["why"]) or "", (mark and mark["script"]) or "",
        )  # fmt: skip
        if info is None or (made.info == info and not made.why and not made.script):
            found.append(made)
    return found


def executes(page: str, *infos: str) -> Callable[[Test], Test]:
    """Marks a test that executes every block of these kinds on a page."""

    def mark(test: Test) -> Test:
        for info in infos:
            assert (page, info) not in EXECUTED, (page, info)
            EXECUTED[page, info] = getattr(test, "__name__", "?")
        return test

    return mark


def replaced(text: str, instead: Mapping[str, str]) -> str:
    """`text` with the names of this world for those of the page; each must stand in it."""
    for old, new in instead.items():
        assert old in text, f"{old!r} stands no longer on the page"
        text = text.replace(old, new)
    return text


def in_shell(
    script: str, folder: Path, environment: Mapping[str, str] = {}, *, before: str = "", timeout_s: float = 100
) -> str:
    """What a script prints, run as a reader would run it; it must end with 0. What it starts ends with it."""
    whole = f"trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT\n{before}\n{script}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", whole], cwd=folder, capture_output=True, text=True, timeout=timeout_s,
        env={**os.environ, "NO_COLOR": "1", "PATH": f"{PUMPKIN.parent}:{os.environ['PATH']}", **environment},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def in_process(script: str, folder: Path, environment: Mapping[str, str] = {}) -> str:
    """What a script of nothing but `pumpkin` commands prints; each must end with 0. One process for all of them."""
    told = ""
    with contextlib.chdir(folder):
        for line in script.splitlines():
            words = shlex.split(line, comments=True)
            if not words:
                continue
            assert words[0] == "pumpkin", f"{line!r} is for a shell"
            into = words[words.index(">") + 1] if ">" in words else ""
            asked = words[1 : words.index(">")] if into else words[1:]
            done = CliRunner().invoke(cli, asked, env={"NO_COLOR": "1", "PUMPKIN_DATABASE": "", **environment})
            assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
            if into:
                (folder / into).write_text(done.stdout, "utf-8")
            told += done.stdout
    return told


def commands_in_prose() -> Iterator[tuple[str, Sequence[str]]]:
    """Each `pumpkin ...` between back-ticks, by its page, as words."""
    for page in PAGES:
        text = _FENCE.sub("", (ROOT / page).read_text("utf-8"))
        for span in re.findall(r"`(pumpkin(?: [^`]+))`", text):
            yield page, span.replace("\n", " ").split()[1:]
