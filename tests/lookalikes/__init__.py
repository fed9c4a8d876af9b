"""Inert look-alikes: what malicious packages look like, with nothing in them that could act.

Each case is a folder (an unpacked release) or an archive below `seen/` or `unseen/`, those that imitate attacks and
those that only look odd apart: `seen/malicious/<case>`, `seen/benign/<case>`. Whoever writes rules looks at `seen`
only; `unseen` is measured, never read. A case's name begins with its ecosystem: `pypi-`, `npm-`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled package: where it lies, and whether it imitates an attack."""

    path: Path
    malicious: bool

    @property
    def name(self) -> str:
        return self.path.name


def cases(half: str) -> list[Case]:
    """All cases of `seen` or `unseen`, in the order of their names; none where the folder is not there."""
    found = []
    for label in ("malicious", "benign"):
        folder = HERE / half / label
        if folder.is_dir():
            found += [Case(path, label == "malicious") for path in sorted(folder.iterdir()) if path.name[0] != "."]
    return found
