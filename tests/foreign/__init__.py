"""Foreign clients, unmodified, each in a virtual environment of its own below `.cache/` of the checkout."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache"


def python_with(*requirements: str, instead: tuple[str, str] | None = None) -> Path:
    """The interpreter of a virtual environment that holds exactly these; made once, by one process at a time.

    `instead` names a distribution to take out again and a requirement to put in its place.
    """
    name = "-".join(one.replace("==", "_").replace("<", "_").replace(">", "_") for one in requirements)
    if instead is not None:
        name += f"-{instead[1].replace('==', '_')}"
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
            if instead is not None:
                python = home / "bin" / "python"
                subprocess.run([uv, "pip", "uninstall", "--quiet", "--python", python, instead[0]], check=True)
                subprocess.run(
                    [uv, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--python", python, instead[1]],
                    check=True,
                    timeout=300,
                )
            (home / "made").touch()
    return home / "bin" / "python"


def spade(*, newest: bool = False) -> Path:
    """An interpreter with SPADE 4.1.4 (greenlet: its SQLAlchemy no longer brings it), on the slixmpp it comes with
    (1.12, a fork under another name) or on the newest."""
    instead = ("slixmpp-multiplatform", "slixmpp==1.17.0") if newest else None
    return python_with("spade==4.1.4", "greenlet", instead=instead)


def node_with(*packages: str) -> Path:
    """A folder with these npm packages below `node_modules`; made once, by one process at a time."""
    name = "-".join(one.replace("/", "_").replace("@", "") for one in packages)
    home = CACHE / f"node-{name}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"node-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            home.mkdir(exist_ok=True)
            (home / "package.json").write_text('{"private": true}')
            subprocess.run(
                ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages],
                cwd=home,
                check=True,
                timeout=300,
            )
            (home / "made").touch()
    return home
