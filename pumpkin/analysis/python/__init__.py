"""Python data flow: the sources of one package in, findings out."""

from __future__ import annotations

from collections.abc import Mapping

from pumpkin.analysis import shell
from pumpkin.analysis.judge import judge
from pumpkin.analysis.python.package import read
from pumpkin.model.findings import Finding, Group, Level, quoted


def analyse(sources: Mapping[str, bytes]) -> tuple[list[Finding], list[str], list[str]]:
    """Findings over all Python files together; what was not followed though it runs unasked, and what else was not."""
    reading = read(sources)
    broken = [
        Finding("static", "python-broken", Level.LOW, Group.METADATA, "a Python file does not parse", file=path,
                line=line, quote=quoted(reason))
        for path, line, reason in reading.broken
    ]  # fmt: skip
    return [*judge(reading.events), *shell.followed(reading.events, sources), *broken], reading.gaps, reading.skipped
