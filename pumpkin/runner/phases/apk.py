"""Wolfi: not run, since the image's distribution has no apk; such packages are read statically (rulings.md 33)."""

from __future__ import annotations

from typing import Any

from pumpkin.runner.phases import NotRun, Step


class Steps:
    """Says why."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job

    def steps(self, phase: str) -> list[Step]:
        raise NotRun("there is no apk in the sandbox image's distribution: packages of Wolfi are read statically only")

    def again(self, phase: str, results: list[dict[str, Any]]) -> Step | None:
        return None
