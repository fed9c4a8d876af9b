"""Our tools beside the six originals: what was measured of those, what this command measures of ours, and the evidence.

The originals' figures were measured once, before this program was written; they are not run here. Django is the same
package (a newer wheel), the labelled names are others than theirs. Where none was measured, that is said. Run as
`scripts/bench originals`; CPU seconds, one core.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from pumpkin.analysis import names, source, static, text
from pumpkin.model.findings import Level
from scripts.measure.detection import best, wheel

PAIRS = Path(__file__).parents[2] / "tests/lookalikes/typosquats.json"
Row = tuple[str, str, str, str, str]


def named() -> tuple[str, str]:
    """Recall, false alarms and F1 over the labelled names; microseconds a name."""
    pairs = json.loads(PAIRS.read_text())
    squats = [(one[0], one[1]) for one in pairs["squats"] if names.index(one[0]) is not None]
    innocent = [(one[0], one[1]) for one in pairs["innocent"] if names.index(one[0]) is not None]
    found = sum(bool(names.candidates(*one)) for one in squats)
    alarms = sum(bool(names.candidates(*one)) for one in innocent)
    precision, recall = found / max(found + alarms, 1), found / len(squats)
    each = best(lambda: [names.candidates(*one) for one in squats[:100]]) / 100
    f1 = 2 * precision * recall / (precision + recall)
    return f"{found} of {len(squats)}, {alarms / len(innocent):.1%} false, F1 {f1:.2f}", f"{each * 1e3:.2f} ms a name"


def rows() -> list[Row]:
    """Tool, the original's figure, ours, how that was reached, and the tests that hold it."""
    with tempfile.TemporaryDirectory() as place:
        django = wheel("django", Path(place)).read_bytes()
    passed = best(lambda: static.scan(django, "django.whl", "pypi"), 1)
    scan = static.scan(django, "django.whl", "pypi")
    levels = Counter(one.level for one in scan.findings)
    tree = {path: fact.blob for path, fact in scan.files.items()}
    compared = best(lambda: source.compare(scan.files, tree))
    compiled = best(text.own.__wrapped__, 1) if hasattr(text.own, "__wrapped__") else best(text.own, 1)
    recall, speed = named()
    high = levels[Level.HIGH] + levels[Level.CRITICAL]
    django_said = f"{high} high or worse, {scan.verdict.outcome.value}, {passed:.1f} s"
    tests, here = "tests/analysis/test_{}.py", "this command"
    return [
        ("static: Bandit4Mal", "331 HIGH alerts, 26.6 s", django_said, here, tests.format("techniques")),
        ("malcontent: rules", "none measured; 1,156 rule files", f"own rules in {compiled:.2f} s, packs added",
         "this command; its files compiled in 0.6 s when tried", tests.format("packs")),
        ("names: OSSGadget", "F1 0.025", recall, speed, tests.format("names")),
        ("names: GuardDog", "52 of 95, 4.6 % false, 224 ms", recall, speed, tests.format("names")),
        ("source finder", "none measured", "right repository verified, wrong one a mismatch", "blob ids",
         tests.format("source")),
        ("source comparison: LastPyMile", "minutes; calls phantoms alone coherent",
         f"{compared:.2f} s; never calls them so", "this command", tests.format("source")),
        ("sandbox: dynamic", "none measured", "each deed told with its ATT&CK technique", "rules over events",
         tests.format("behaviour")),
    ]  # fmt: skip


if __name__ == "__main__":
    for row in rows():
        print("| " + " | ".join(row) + " |")
