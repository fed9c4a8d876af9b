"""Makes the faults named, all without a name; prints what was seen of each invariant; ends 1 when one broke."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback

from scripts.faults import clocks, disks, engines, memory, networks, nodes, processes

FAULTS = {
    "kill": (processes.kill, 10),
    "stop": (processes.stop, 4),
    "postgres": (processes.postgres, 6),
    "away": (processes.away, 2),
    "full": (disks.full, 2),
    "readonly": (disks.read_only, 2),
    "xmpp": (networks.xmpp, 3),
    "loss": (networks.loss, 2),
    "partition": (networks.partition, 3),
    "clock": (clocks.steps, 4),
    "oom": (memory.exhausted, 3),
    "engine": (engines.lost, 3),
    "split": (nodes.split, 2),
}


def main() -> int:
    broken = 0
    rows = []
    asyncio.run(engines.image())
    for word in sys.argv[1:] or FAULTS:
        held: list[str] = []
        name, _, times = word.partition("=")
        make, usual = FAULTS[name]
        count = int(times or usual)
        begun = time.monotonic()
        try:
            here = make(count)
        except Exception as error:
            broken += 1
            traceback.print_exc()
            rows.append((name, count, "BROKEN", f"{type(error).__name__}: {str(error)[:300]}"))
        else:
            held = here.held
            slowest = f"ready again after at most {max(here.waits, default=0):.1f} s"
            rows.append((name, count, "held", "; ".join([slowest, *here.notes])))
        rows[-1] = (*rows[-1][:3], f"{time.monotonic() - begun:.0f} s; {rows[-1][3]}")
        print("{:<10} {:>3} x  {:<7} {}".format(*rows[-1]), flush=True)
        for one in held:
            print(f"           - {one}", flush=True)
    print(f"{len(rows) - broken} of {len(rows)} faults: nothing acknowledged lost, nothing doubled, log consistent, "
          "all stamped, no task stuck, no container, no process left")  # fmt: skip
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
