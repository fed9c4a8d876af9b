"""JavaScript data flow: the sources of one package in, findings out."""

from __future__ import annotations

from collections.abc import Mapping

from pumpkin.analysis import shell
from pumpkin.analysis.javascript.package import SUFFIXES, read
from pumpkin.analysis.judge import judge
from pumpkin.model.findings import Finding, Group, Level, quoted

__all__ = ["SUFFIXES", "analyse"]


def analyse(sources: Mapping[str, bytes]) -> tuple[list[Finding], list[str], list[str]]:
    """Findings over all JavaScript files and the install scripts of package.json; what was not followed though it runs
    unasked, and what else was not."""
    reading = read(sources)
    broken = [
        Finding("static", "javascript-broken", Level.LOW, Group.METADATA, "a JavaScript file does not parse",
                file=path, line=line, quote=quoted(text))
        for path, line, text in reading.broken
    ]  # fmt: skip
    return [*judge(reading.events), *shell.followed(reading.events, sources), *broken], reading.gaps, reading.skipped
