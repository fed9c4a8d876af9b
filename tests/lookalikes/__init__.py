"""Inert look-alikes: what malicious packages look like, with nothing in them that could act.

Each case is a folder (an unpacked release) below `seen/`, `unseen/`, `practice/` or `benign/`; `labels.json` tells what
it imitates. Whoever writes rules looks at `seen` and `practice` only; `unseen` is measured, never read; `benign` only
looks odd. A case's name begins with its ecosystem: `pypi-`, `npm-`, `gem-`, `cargo-`, `composer-`. `typosquats.json`
holds names alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PARTS = ("seen", "unseen", "benign", "practice")
LABELS = ("malicious", "suspicious", "benign")


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled package: where it lies, what it imitates and by which ATT&CK technique (None where benign)."""

    path: Path
    label: str
    ecosystem: str
    technique: str | None
    note: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def malicious(self) -> bool:
        return self.label == "malicious"


def cases(part: str) -> list[Case]:
    """All cases of `seen`, `unseen`, `practice` or `benign`, in the order of their names."""
    table = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))
    return [Case(HERE / key, **table[key]) for key in sorted(table) if key.split("/")[0] == part]


def squats() -> list[tuple[str, str, str, str]]:
    """(ecosystem, imitating name, imitated name, kind of squat)."""
    return [tuple(row) for row in _names()["squats"]]


def innocent() -> list[tuple[str, str, str]]:
    """(ecosystem, real name, popular name that it is near to and does not imitate)."""
    return [tuple(row) for row in _names()["innocent"]]


def _names() -> dict[str, list[list[str]]]:
    return json.loads((HERE / "typosquats.json").read_text(encoding="utf-8"))
