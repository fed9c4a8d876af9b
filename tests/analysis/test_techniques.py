"""Known ways of harm, one small inert package each, and the look-alikes that rule authors may see."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pumpkin.analysis import static
from pumpkin.commands.scan import folder
from pumpkin.model.findings import Outcome

TECHNIQUES = json.loads((Path(__file__).parent / "techniques.json").read_text())
LOOKALIKES = Path(__file__).parents[1] / "lookalikes"
LABELS = json.loads((LOOKALIKES / "labels.json").read_text())
GRAVITY = {"clean": 0, "incomplete": 1, "suspicious": 2, "malicious": 3}


@pytest.mark.parametrize("name", sorted(TECHNIQUES))
def test_a_way_of_harm_is_seen(name: str) -> None:
    one = TECHNIQUES[name]
    files = {path: text.encode() for path, text in one["files"].items()}
    outcome = static.scan_files(files, name, one["ecosystem"]).verdict.outcome
    assert GRAVITY[outcome] >= GRAVITY[one["least"]]


def outcomes(group: str) -> list[tuple[str, Outcome]]:
    """Label and outcome of each case of a group."""
    found = []
    for path, about in LABELS.items():
        if path.startswith(f"{group}/"):
            files, gaps = folder(LOOKALIKES / path)
            scan = static.scan_files(files, path, about["ecosystem"], gaps=gaps)
            found.append((about["label"], scan.verdict.outcome))
    return found


@pytest.mark.parametrize("group", ["seen", "practice"])
def test_look_alikes_are_told(group: str) -> None:
    found = outcomes(group)
    alarms = sum(outcome in (Outcome.SUSPICIOUS, Outcome.MALICIOUS) for _, outcome in found)
    grave = Counter(outcome for label, outcome in found if label == "malicious")
    assert alarms / len(found) >= 0.9
    assert grave[Outcome.MALICIOUS] / grave.total() >= 0.75


def test_what_only_looks_odd_is_left_alone() -> None:
    assert {outcome for _, outcome in outcomes("benign")} == {Outcome.CLEAN}
