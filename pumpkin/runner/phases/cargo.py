"""Crates: the archive built (its build script runs then) as what a small program depends on, and that program run."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

from pumpkin.runner.phases import NotRun, Step, program

APP = "/work/app"
USER = Path("/work/in/user")
_ENV = {"CARGO_HOME": "/tmp/.cargo", "CARGO_NET_OFFLINE": "true", "CARGO_INCREMENTAL": "0"}  # noqa: S108
_PACKAGE = re.compile(r"^\[package\]\s*$(?P<body>.*?)(?=^\[|\Z)", re.M | re.S)
_NAME = re.compile(r"^name\s*=\s*\"([A-Za-z0-9_-]{1,64})\"", re.M)


class Steps:
    """Only an archive (.crate): there is no mirror of this registry inside."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._archive = str(job.get("archive") or "")

    def steps(self, phase: str) -> list[Step]:
        cargo = program("/usr/bin/cargo", "crates")
        if phase == "execute":
            raise NotRun("a crate's functions cannot be called without knowing their types")
        if phase == "import":
            return [Step([f"{APP}/target/debug/user"], _ENV, cwd=APP)]
        self._user()
        return [
            Step(["/usr/bin/cp", "-r", f"{USER}/.", APP], installer=True),
            Step(["/usr/bin/tar", "--strip-components=1", "-xzf", self._archive, "-C", f"{APP}/crate"], installer=True),
            Step([cargo, "build", "--offline", "--quiet", "--bin", "user"], _ENV, cwd=APP, installer=True),
        ]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        return None

    def _user(self) -> None:
        for folder in (USER, USER / "src", USER / "crate"):
            folder.mkdir(exist_ok=True)
        (USER / "Cargo.toml").write_text(
            '[package]\nname = "user"\nversion = "0.0.0"\nedition = "2021"\n\n[dependencies]\n'
            f'subject = {{ package = {json.dumps(_name(self._archive))}, path = "{APP}/crate" }}\n'
        )
        (USER / "src/main.rs").write_text("#[allow(unused_imports)]\nuse subject as _;\nfn main() {}\n")


def _name(archive: str) -> str:
    """What the archive's Cargo.toml calls the package. Raises NotRun where nothing does."""
    if not archive:
        raise NotRun("a crate is run from its archive only")
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/Cargo.toml"):
                    text = members.extractfile(member)
                    package = _PACKAGE.search(text.read(1 << 20).decode("utf-8", "replace")) if text else None
                    name = _NAME.search(package["body"]) if package else None
                    if name:
                        return name[1]
    except (OSError, tarfile.TarError, EOFError, ValueError) as error:
        raise NotRun(f"the archive cannot be read: {type(error).__name__}") from error
    raise NotRun("no Cargo.toml in the archive names a package")
