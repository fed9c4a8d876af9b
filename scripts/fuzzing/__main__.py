"""Fuzzes the parsers named (all without a name) and the HTTP API; ends 1 when something was found.

usage: scripts/fuzz [--seconds N] [--seed N] [NAME | api]...
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import hashlib
import random
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from scripts.fuzzing import api, mutate, targets


@dataclass
class Tally:
    """What came of one target."""

    tried: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    faults: dict[str, tuple[bytes, str]] = field(default_factory=dict)


def fuzz(target: targets.Target, seconds: float, seed: int, most: int = sys.maxsize) -> Tally:
    """Throw at it for so long. A fault is told once by where it was raised."""
    chance, tally = random.Random(seed), Tally()
    end = time.monotonic() + seconds
    for data in target.seeds:
        _once(target, data, tally)
    while time.monotonic() < end and tally.tried < most:
        _once(target, mutate.some(chance, target.seeds), tally)
    return tally


def _once(target: targets.Target, data: bytes, tally: Tally) -> None:
    tally.tried += 1
    begun = time.monotonic()
    try:
        target.call(data)
    except target.allowed:
        tally.refused += 1
    except (Exception, RecursionError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        tally.faults.setdefault(name, (data, f"{error}"[:200]))
    spent = time.monotonic() - begun
    tally.slowest_s = max(tally.slowest_s, spent)
    if spent > targets.SLOW_S:
        tally.faults.setdefault("slow", (data, f"{spent:.1f} s"))


def main() -> int:
    faulthandler.enable()
    asked = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    asked.add_argument("--seconds", type=float, default=600, help="for each target")
    asked.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    asked.add_argument("names", nargs="*")
    given = asked.parse_args()
    every = targets.make()
    chosen = given.names or [*every, "api"]
    found = 0
    kept = Path(tempfile.gettempdir()) / "pumpkin-fuzz"
    print(f"seed {given.seed}, {given.seconds:g} s each", flush=True)
    for name in chosen:
        if name == "api":
            found += api.run(given.seconds, given.seed)
            continue
        tally = fuzz(every[name], given.seconds, given.seed)
        gc.collect()
        print(f"{name:<20} {tally.tried:>9,} tried, {tally.refused:>9,} refused, slowest {tally.slowest_s:.2f} s, "
              f"{len(tally.faults)} faults", flush=True)  # fmt: skip
        for fault, (data, text) in tally.faults.items():
            found += 1
            kept.mkdir(exist_ok=True)
            file = kept / f"{name.replace(' ', '-')}-{hashlib.sha256(data).hexdigest()[:8]}"
            file.write_bytes(data)
            print(f"  {fault}: {text}\n    input: {file}", flush=True)
    print("nothing found" if not found else f"{found} found")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
