"""Maven: the jar laid where classes are found, each class loaded, and its static methods without arguments called."""

from __future__ import annotations

from typing import Any

from pumpkin.runner.phases import NotRun, Step, program

JAR = "/work/app/package.jar"
_EXERCISE = "/opt/exercise/JavaExercise.java"


class Steps:
    """Only an archive (.jar): there is no mirror of this registry inside, dependencies are left out."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._archive = str(job.get("archive") or "")

    def steps(self, phase: str) -> list[Step]:
        java = program("/usr/bin/java", "maven")
        if phase == "install":
            if not self._archive:
                raise NotRun("a jar is run from its archive only")
            return [Step(["/usr/bin/cp", self._archive, JAR], installer=True)]
        argv = [java, "-Xshare:auto", "-XX:-UsePerfData", "-Xmx160m", "-cp", JAR, _EXERCISE, phase, "{results}", JAR]
        return [Step(argv, results=True)]

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        return None
