"""Runs the trials named, all without a name; ends 1 when one failed."""

from __future__ import annotations

import asyncio
import sys

from scripts.trials import chains, engines, full, killed, popular

TRIALS = {"popular": popular.run, "killed": killed.run, "engines": engines.run, "chains": chains.run, "full": full.run}


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or TRIALS:
        print(f"== {name}", flush=True)
        failed += not asyncio.run(TRIALS[name]())
    print(f"{len(sys.argv[1:] or TRIALS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
