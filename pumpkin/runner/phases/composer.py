"""Packagist: the archive required by a project of its own, its autoloaded files loaded, its functions called."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from pumpkin.runner.phases import NotRun, Step, program

APP = "/work/app"
PROJECT = Path("/work/in/composer.json")
_EXERCISE = "/opt/exercise/php_exercise.php"
_ENV = {
    "COMPOSER_NO_INTERACTION": "1",
    "COMPOSER_HOME": "/tmp/.composer",  # noqa: S108
    "COMPOSER_DISABLE_NETWORK": "1",
    "COMPOSER_ROOT_VERSION": "1.0.0",  # or it asks git, hg, fossil and svn
}


class Steps:
    """Only an archive (zip): there is no mirror of this registry inside, what it requires is left out."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._archive = str(job.get("archive") or "")

    def steps(self, phase: str) -> list[Step]:
        php = program("/usr/bin/php", "packagist")
        if phase == "install":
            self._project(_name(self._archive))
            options = ["--ignore-platform-reqs", "--no-progress", "--no-ansi"]
            return [
                Step(["/usr/bin/cp", str(PROJECT), APP], installer=True),
                Step([php, "/usr/bin/composer", "install", *options], _ENV, cwd=APP, installer=True),
            ]
        return [Step([php, _EXERCISE, phase, "{results}", f"{APP}/vendor"], _ENV, cwd=APP, results=True)]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        return None

    def _project(self, name: str) -> None:
        package = {"name": name, "version": "1.0.0", "dist": {"type": "zip", "url": f"file://{self._archive}"}}
        inner = _manifest(self._archive)
        package |= {key: inner[key] for key in ("autoload", "type", "extra", "bin") if key in inner}
        about = {
            "repositories": [{"type": "package", "package": package}, {"packagist.org": False}],
            "require": {name: "*"},
            "config": {"allow-plugins": True, "secure-http": False},
            "minimum-stability": "dev",
        }
        PROJECT.write_text(json.dumps(about))


def _name(archive: str) -> str:
    name = _manifest(archive).get("name")
    if not isinstance(name, str) or name.count("/") != 1 or len(name) > 200:
        raise NotRun("its composer.json names no package")
    return name


def _manifest(archive: str) -> dict[str, Any]:
    """The archive's own composer.json, the one nearest its root. Raises NotRun where there is none."""
    if not archive:
        raise NotRun("a package of Packagist is run from its archive only")
    try:
        with zipfile.ZipFile(archive) as members:
            names = [one for one in members.namelist() if one.rpartition("/")[2] == "composer.json"]
            nearest = min(names, key=lambda one: one.count("/"))
            with members.open(nearest) as member:
                found = json.loads(member.read(1 << 20))
    except (OSError, ValueError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise NotRun(f"no composer.json can be read from the archive: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise NotRun("its composer.json is no object")
    return found
