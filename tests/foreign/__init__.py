"""Foreign clients, unmodified, each in a virtual environment of its own below `.cache/` of the checkout."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"


def python_with(*requirements: str) -> Path:
    """The interpreter of a virtual environment that holds exactly these; made once, by one process at a time."""
    name = "-".join(one.replace("==", "_").replace("<", "_").replace(">", "_") for one in requirements)
    home = CACHE / name
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--clear", home], check=True)
            uv = Path(sys.executable).parent / "uv"
            subprocess.run(
                [uv, "pip", "install", "--quiet", "--python", home / "bin" / "python", *requirements],
                check=True,
                timeout=300,
            )
            (home / "made").touch()
    return home / "bin" / "python"


def spade() -> Path:
    """An interpreter with SPADE 4.1.4 (greenlet: its SQLAlchemy no longer brings it)."""
    return python_with("spade==4.1.4", "greenlet")
