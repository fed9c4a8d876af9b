"""RubyGems: `gem install` of the archive, its files required, then the methods its modules offer called."""

from __future__ import annotations

from typing import Any

from pumpkin.runner.phases import NotRun, Step, program
from pumpkin.runner.privileges import HOME

GEMS = f"{HOME}/.gems"
_ENV = {"GEM_HOME": GEMS, "GEM_PATH": f"{GEMS}:/usr/share/rubygems-integration/all"}
_EXERCISE = "/opt/exercise/ruby_exercise.rb"


class Steps:
    """Only an archive: there is no mirror of this registry inside, dependencies are left out."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._archive = str(job.get("archive") or "")

    def steps(self, phase: str) -> list[Step]:
        ruby = program("/usr/bin/ruby", "rubygems")
        if phase == "install":
            if not self._archive:
                raise NotRun("a gem is run from its archive only")
            options = ["--local", "--ignore-dependencies", "--no-document", "--install-dir", GEMS]
            return [Step([ruby, "/usr/bin/gem", "install", *options, self._archive], _ENV, installer=True)]
        return [Step([ruby, _EXERCISE, phase, "{results}", GEMS], _ENV, results=True)]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        return None
