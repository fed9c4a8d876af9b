"""Precision, recall, F1, false alarms, time a package and the misses, over labelled folders and real distributions."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pumpkin.analysis import names as imitations
from pumpkin.analysis import static, verdict
from pumpkin.commands.scan import folder

LOOKALIKES = Path(__file__).parents[2] / "tests/lookalikes"
_ORDER = ("clean", "incomplete", "suspicious", "malicious")


@dataclass(frozen=True, slots=True)
class Case:
    """One package judged: where it came from, what it is, what was said, CPU seconds."""

    group: str
    name: str
    label: str
    outcome: str
    seconds: float
    why: tuple[str, ...]


def main() -> None:
    options = _options()
    cases: list[Case] = []
    if not options.no_lookalikes:
        cases += labelled(options.lookalikes)
    cases += installed([Path(place) for place in options.installed])
    for place in options.npm:
        cases += npm(Path(place))
    tell(cases, quiet=set(options.totals))
    if not options.no_names:
        names()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/evaluate", description=__doc__)
    parser.add_argument("--lookalikes", type=Path, default=LOOKALIKES, help="folder with labels.json")
    parser.add_argument("--no-lookalikes", action="store_true")
    parser.add_argument("--installed", nargs="?", action="append", const=sysconfig.get_paths()["purelib"], default=[],
                        help="judge the distributions installed there (default: this interpreter's); may be given "
                        "several times, a distribution of one version counts once")  # fmt: skip
    parser.add_argument("--npm", action="append", default=[], help="judge each package of a node_modules folder")
    parser.add_argument("--totals", action="append", default=["unseen"], help="groups whose misses are not named")
    parser.add_argument("--no-names", action="store_true")
    return parser.parse_args()


def labelled(place: Path) -> Iterator[Case]:
    """The cases of labels.json, judged as unpacked packages of their ecosystem."""
    for path, about in sorted(json.loads((place / "labels.json").read_text()).items()):
        files, gaps = folder(place / path)
        group, _, name = path.partition("/")
        yield _case(group, name, about["label"], files, gaps, about["ecosystem"])


def installed(places: list[Path]) -> Iterator[Case]:
    """Each installed distribution by the files its RECORD lists; one version once, wherever it lies."""
    seen: set[tuple[str, str]] = set()
    for distribution in importlib.metadata.distributions(path=[str(place) for place in places]):
        known = str(distribution.metadata["Name"]).lower(), distribution.version
        if known in seen:
            continue
        seen.add(known)
        files = {}
        for entry in distribution.files or ():
            path = Path(str(entry.locate()))
            usual = not str(entry).startswith("..") and path.suffix != ".pyc" and path.is_file()
            if usual and path.stat().st_size <= 32 << 20:
                files[str(entry)] = path.read_bytes()
        if files:
            yield _case("installed", distribution.metadata["Name"], "real", files, [], "pypi")


def npm(place: Path) -> Iterator[Case]:
    """Each package below node_modules, without those nested in it."""
    homes = [home for home in sorted(place.iterdir()) if not home.name.startswith((".", "@"))]
    homes += [home for scope in sorted(place.glob("@*")) for home in sorted(scope.iterdir())]
    for home in homes:
        if (home / "package.json").is_file():
            files, gaps = folder(home)
            own = {path: data for path, data in files.items() if not path.startswith("node_modules/")}
            yield _case("npm", home.relative_to(place).as_posix(), "real", own, gaps, "npm")


def _case(group: str, name: str, label: str, files: dict[str, bytes], gaps: list[str], ecosystem: str) -> Case:
    began = time.process_time()
    scan = static.scan_files(files, name, ecosystem, gaps=gaps)
    named = imitations.findings(ecosystem, str(scan.artifact["package"])) if scan.artifact["package"] else []
    judged = verdict.judge(verdict.weigh([*scan.findings, *named]), not_checked=scan.skipped, failed=scan.gaps)
    return Case(group, name, label, judged.outcome.value, time.process_time() - began, judged.why)


def tell(cases: list[Case], quiet: set[str]) -> None:
    """The table by group and label, the scores, then the misses in words."""
    print(f"{'group':<10} {'label':<11} {'cases':>5}  " + "  ".join(f"{word:>10}" for word in _ORDER))
    for group, label in sorted({(case.group, case.label) for case in cases}):
        found = Counter(case.outcome for case in cases if (case.group, case.label) == (group, label))
        print(f"{group:<10} {label:<11} {found.total():>5}  " + "  ".join(f"{found[word]:>10}" for word in _ORDER))
    for group in sorted({case.group for case in cases if case.label == "malicious"}):
        _scores([case for case in cases if case.group == group or case.label in ("benign", "real")], group)
    if cases:
        times = sorted(case.seconds for case in cases)
        middle, high = statistics.median(times), times[int(len(times) * 0.95)]
        print(f"time a package: median {middle * 1e3:.0f} ms, p95 {high * 1e3:.0f} ms, most {times[-1]:.1f} s")
    for case in cases:
        wrong = (case.label in ("benign", "real") and case.outcome in ("suspicious", "malicious")) or (
            case.label == "malicious" and case.outcome != "malicious") or (
            case.label == "suspicious" and case.outcome not in ("suspicious", "malicious"))  # fmt: skip
        if wrong and case.group not in quiet:
            print(f"  {case.group}/{case.name}: {case.label}, judged {case.outcome}")
            for line in case.why[:3]:
                print(f"      {line}")


def _scores(cases: list[Case], group: str) -> None:
    """Alarm = suspicious or worse; what is labelled suspicious should be one, what is benign or real should not."""
    bad = [case for case in cases if case.label in ("malicious", "suspicious")]
    good = [case for case in cases if case.label in ("benign", "real")]
    hits = sum(case.outcome in ("suspicious", "malicious") for case in bad)
    alarms = sum(case.outcome in ("suspicious", "malicious") for case in good)
    grave = [case for case in bad if case.label == "malicious"]
    sure = sum(case.outcome == "malicious" for case in grave)
    precision = hits / (hits + alarms) if hits + alarms else 0.0
    recall = hits / len(bad)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    print(f"{group}: recall {recall:.1%}, precision {precision:.1%}, F1 {f1:.2f}; malicious called malicious "
          f"{sure}/{len(grave)} ({sure / len(grave):.0%}); false alarms {alarms}/{len(good)}"
          f" ({alarms / max(len(good), 1):.1%}), of them malicious "
          f"{sum(case.outcome == 'malicious' for case in good)}")  # fmt: skip


def names() -> None:
    """Recall on labelled pairs, false alarms on innocent names, right target first, time a name."""
    pairs = json.loads((LOOKALIKES / "typosquats.json").read_text())
    found = missed = first = 0
    misses = []
    for ecosystem, name, target, kind in pairs["squats"]:
        if imitations.index(ecosystem) is None:
            missed += 1
            misses.append(f"{ecosystem}/{name} ({kind} of {target}): no list")
            continue
        candidates, target = imitations.candidates(ecosystem, name), imitations.normal(ecosystem, target)
        hit = any(candidate.target == target for candidate in candidates)
        found += bool(candidates)
        first += bool(candidates) and candidates[0].target == target
        if not hit:
            shown = candidates[0].target if candidates else "nothing"
            misses.append(f"{ecosystem}/{name} ({kind} of {target}): {shown}")
    innocent = [(ecosystem, name) for ecosystem, name, *_ in pairs["innocent"] if imitations.index(ecosystem)]
    alarms = [(e, n, imitations.candidates(e, n)[0].target) for e, n in innocent if imitations.candidates(e, n)]
    asked = [name for ecosystem, name, *_ in pairs["squats"] + pairs["innocent"] if ecosystem == "pypi"]
    began = time.process_time()
    for name in asked:
        imitations.candidates("pypi", name)
    each = (time.process_time() - began) / len(asked)
    total = len(pairs["squats"])
    print(
        f"names: recall {found / total:.1%} ({found}/{total}), right target first {first / max(found, 1):.1%}, "
        f"false alarms {len(alarms) / len(innocent):.1%} ({len(alarms)}/{len(innocent)}), {each * 1e6:.0f} us a name"
    )
    for line in [*misses, *(f"false alarm {e}/{n}: {t}" for e, n, t in alarms)]:
        print(f"      {line}")


if __name__ == "__main__":
    sys.exit(main())
