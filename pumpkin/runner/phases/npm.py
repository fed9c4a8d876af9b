"""npm: `npm install` with lifecycle scripts, then `require` and `import`, then what the package exports called."""

from __future__ import annotations

import json
import re
from typing import Any

from pumpkin.runner import harvest
from pumpkin.runner.phases import NotRun, Step

APP = "/work/app"
_NPM = "/opt/node/lib/node_modules/npm/bin/npm-cli.js"
_EXERCISE = "/opt/exercise/node_exercise.js"
_NAME = re.compile(r"(?:@[a-z0-9~_-][a-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*")
_QUIET = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_progress": "false",
    "npm_config_cache": "/tmp/.npm",  # noqa: S108
    "npm_config_fetch_retries": "1",
    "npm_config_loglevel": "warn",
    "NODE_DISABLE_COMPILE_CACHE": "1",
}


class Steps:
    """`spec` (`is-number@7.0.0`) or `archive` (a path inside), `index` the mirror's address or empty."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._spec, self._index = str(job.get("spec") or ""), str(job.get("index") or "")
        self._archive = str(job.get("archive") or "")
        self._left = 4

    def steps(self, phase: str) -> list[Step]:
        if phase == "install":
            return [self._install()]
        return [self._exercise(phase, self._name(), "require")]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        """The other way of loading when `require` ended the process."""
        self._left -= 1
        ways = {str(one.get("way")) for one in results}
        if self._left < 0 or "import" in ways:
            return None
        return self._exercise(phase, self._name(), "import")

    def _install(self) -> Step:
        target = self._archive or self._spec
        if not target or target.startswith("-"):
            raise NotRun("neither an archive nor a name to install")
        more = {"npm_config_registry": self._index} if self._index else {"npm_config_offline": "true"}
        argv = ["/usr/local/bin/node", _NPM, "install", "--foreground-scripts", "--", target]
        return Step(argv, _QUIET | more, cwd=APP, installer=True)

    def _exercise(self, phase: str, name: str, way: str) -> Step:
        argv = ["/usr/local/bin/node", _EXERCISE, phase, "{results}", name, way]
        return Step(argv, {"NODE_DISABLE_COMPILE_CACHE": "1"}, cwd=APP, results=True)

    def _name(self) -> str:
        raw = harvest.read(f"{APP}/package.json", 1 << 20)
        try:
            names = list(json.loads(raw)["dependencies"])
        except (ValueError, KeyError, TypeError):
            names = []
        if not names or not _NAME.fullmatch(str(names[0])):
            raise NotRun("npm left no dependency in package.json")
        return str(names[0])
