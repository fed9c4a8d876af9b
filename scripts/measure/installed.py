"""Start and idle memory of Pumpkin as people install it: its wheel and what it needs, nothing of the developers'.

The developers' environment brings libraries that others load where they find them (rich, Pygments, greenlet: 7 MB), and
often keeps Python from writing what it compiled, which costs a second and 5 MB at each start.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from scripts.measure import load
from tests.acceptance.product import ROOT, Product

IDLE_S = 30
STARTS = 3


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pumpkin-installed-") as name:
        pumpkin = installed(Path(name) / "venv")
        product = Product(Path(name) / "data", demo=True, program=pumpkin)
        first = started(product)
        later = []
        for _ in range(STARTS):
            product.stop()
            later.append(started(product))
        at_once = load.resident(int(product.facts["pid"]))
        time.sleep(IDLE_S)
        idle = load.resident(int(product.facts["pid"]))
        product.stop()
    print(f"first start to 200, an empty folder   {first:6.2f} s    at most 4 s")
    print(f"later starts, median of {STARTS}             {statistics.median(later):6.2f} s    at most 1.5 s")
    print(f"memory of the app when it is ready    {at_once:6.0f} MB")
    print(f"memory after {IDLE_S} s idle               {idle:6.0f} MB   at most 100 MB")


def installed(folder: Path) -> Path:
    """A new environment with the wheel of this tree and the locked versions; its `pumpkin`."""
    uv = Path(sys.executable).with_name("uv")
    wanted = folder.with_suffix(".txt")
    export = ["export", "--quiet", "--frozen", "--no-dev", "--extra", "speed", "--no-emit-project"]
    subprocess.run([uv, *export, "--output-file", wanted], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    place = ["--quiet", "--compile-bytecode", "--python", folder / "bin" / "python"]
    subprocess.run([uv, "pip", "install", *place, "-r", wanted], check=True)
    subprocess.run([uv, "pip", "install", *place, "--no-deps", ROOT], check=True)
    return folder / "bin" / "pumpkin"


def started(product: Product) -> float:
    """Seconds from the command to the first 200."""
    began = time.perf_counter()
    product.start()
    with urllib.request.urlopen(f"{product.url}/health", timeout=10) as answer:
        assert answer.status == 200
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
