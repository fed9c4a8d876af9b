"""The server's clock put forward and back under it (libfaketime; the monotonic clock goes on as it should)."""

from __future__ import annotations

import tempfile
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

from scripts.faults.scene import Broken, Scene, scene

STEPS = {"+1h": 3600, "-1h": -3600, "+3d": 259_200, "-3d": -259_200, "+0": 0, "-400d": -34_560_000, "+30s": 30}
TOLERANCE_S = 5.0


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
                made = [list(STEPS)[turn % len(STEPS)] for turn in range(times)]
                for step in made:
                    traffic.until(50)
                    rate.write_text(f"{step}\n")
                    time.sleep(6)
                    _meets(here, STEPS[step])
                    traffic.until(50)
                    here.until_ready()
                here.note(f"steps, each told by the server's own clock: {', '.join(made)}, then back")
                rate.write_text("+0\n")
                time.sleep(3)
                _meets(here, 0)
                here.judge(traffic)
            return here


def _meets(here: Scene, offset_s: float) -> None:
    """The server's clock must be off by so much now, or nothing was tried."""
    told = parsedate_to_datetime(here.product.request("/health")[1]["Date"]).timestamp() - time.time()
    if abs(told - offset_s) > TOLERANCE_S:
        raise Broken(f"the server's clock is off by {told:.0f} s and not by {offset_s:.0f} s")
