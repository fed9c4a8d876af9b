"""PyPI: `pip install`, then each module of the distribution imported, then its public functions and classes called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pumpkin.runner import harvest
from pumpkin.runner.phases import NotRun, Step
from pumpkin.runner.privileges import HOME

SITE = Path(HOME) / ".local/lib/python3.11/site-packages"
MODULE_LIMIT = 200
RESTARTS = 8
_EXERCISE = "/opt/exercise/python_exercise.py"
_MODULE = re.compile(
    r"(?:[A-Za-z_][A-Za-z0-9_]*/)*[A-Za-z_][A-Za-z0-9_]*(?:\.py|\.cpython-311[a-z0-9_-]*\.so|\.abi3\.so)"
)


class Steps:
    """`spec` (`six==1.17.0`) or `archive` (a path inside), `index` the mirror's address or empty."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._spec, self._index = str(job.get("spec") or ""), str(job.get("index") or "")
        self._archive = str(job.get("archive") or "")
        self._left = RESTARTS

    def steps(self, phase: str) -> list[Step]:
        if phase == "install":
            return [self._install()]
        modules = self._modules()
        if not modules:
            raise NotRun("the distribution has no module of Python")
        return [self._exercise(phase, modules)]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        """From the module after the one that was begun last."""
        done = {str(one.get("module")) for one in results}
        left = [module for module in self._modules() if module not in done]
        self._left -= 1
        return self._exercise(phase, left) if left and self._left >= 0 else None

    def _install(self) -> Step:
        argv = [
            "/usr/bin/python3", "-m", "pip", "install", "--user", "--no-input", "--disable-pip-version-check",
            "--no-cache-dir", "--no-compile", "--no-warn-script-location", "--progress-bar", "off", "--retries", "1",
            "--timeout", "60", "--ignore-installed",
        ]  # fmt: skip
        if self._index:
            argv += ["--index-url", self._index, "--trusted-host", "127.0.0.1"]
        else:
            argv += ["--no-index", "--no-build-isolation"]
        target = self._archive or self._spec
        if not target or target.startswith("-"):
            raise NotRun("neither an archive nor a name to install")
        return Step([*argv, "--", target], {"PIP_BREAK_SYSTEM_PACKAGES": "1"}, installer=True)

    def _exercise(self, phase: str, modules: list[str]) -> Step:
        argv = ["/usr/bin/python3", _EXERCISE, phase, "{results}", json.dumps(modules)]
        return Step(argv, {"PYTHONDONTWRITEBYTECODE": "1"}, results=True)

    def _modules(self) -> list[str]:
        found: dict[str, None] = {}
        for record in sorted(SITE.glob("*.dist-info/RECORD")) if SITE.is_dir() else ():
            if not (record.parent / "REQUESTED").exists():
                continue
            seen = harvest.read(str(record), 4 << 20)
            for line in seen.decode("utf-8", "replace").splitlines():
                path = line.partition(",")[0]
                if _MODULE.fullmatch(path):
                    found[_name(path)] = None
        modules = sorted((one for one in found if not one.endswith("__main__")), key=lambda one: (one.count("."), one))
        return modules[:MODULE_LIMIT]


def _name(path: str) -> str:
    folder, _, file = path.rpartition("/")
    stem = file.partition(".")[0]
    parts = [*folder.split("/"), stem] if folder else [stem]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
