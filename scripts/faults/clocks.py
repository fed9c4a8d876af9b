"""The server's clock put forward and back under it (libfaketime; the monotonic clock goes on as it should)."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from scripts.faults.scene import Scene, scene

STEPS = ("+1h", "-1h", "+3d", "-3d", "+0", "-400d", "+30s", "+0")


def steps(times: int) -> Scene:
    """Each step under load, some seconds long."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-clock-") as folder:
        rate = Path(folder) / "faketime"
        rate.write_text("+0\n")
        environment = {
            "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
            "FAKETIME_TIMESTAMP_FILE": str(rate),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PUMPKIN_LOG__ORIGIN": "chaos.test/clock",
        }
        with scene(environment=environment) as here:
            with here.traffic() as traffic:
                for turn in range(times):
                    traffic.until(50)
                    rate.write_text(STEPS[turn % len(STEPS)] + "\n")
                    time.sleep(6)
                    traffic.until(50)
                    here.until_ready()
                here.note(f"steps: {', '.join(STEPS[:times])}, then back")
                rate.write_text("+0\n")
                time.sleep(3)
                here.judge(traffic)
            return here
