"""Order among versions, each ecosystem by its own rule, as far as picking the newest needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from packaging.version import InvalidVersion
from packaging.version import Version as Pep440

_TOKEN = re.compile(r"\d+|[A-Za-z]+")
_BEFORE = {"dev": -6, "snapshot": -6, "nightly": -6, "alpha": -5, "a": -5, "beta": -4, "b": -4, "milestone": -3}
_BEFORE |= {"m": -3, "cr": -2, "rc": -2, "pre": -2, "preview": -2, "canary": -6, "next": -5, "experimental": -6}
_AFTER = {"final": 0, "ga": 0, "release": 0, "sp": 1, "patch": 1, "p": 1, "post": 1}
_PATHOLOGICAL = 400
EQUAL = frozenset({"pypi", "gem", "composer"})
"""The ecosystems in which one version may be written in more than one way."""


def order(ecosystem: str, number: str) -> tuple[Any, ...]:
    """A key to sort versions by, oldest first. PEP 440 for PyPI; for the others numbers by value, words as Maven and
    Composer read them, a SemVer prerelease before its release. Total: strange versions sort first, none is refused."""
    number = number[:_PATHOLOGICAL]
    if ecosystem == "pypi":
        try:
            return (1, Pep440(number))
        except InvalidVersion:
            return (0, _pieces(number))
    return (1, _pieces(number))


def same(ecosystem: str, wanted: str, published: Iterable[str]) -> str | None:
    """The published spelling of a version that is written otherwise and equal by the ecosystem's own rules (PyPI: PEP
    440; RubyGems: zeros at the end; Composer: a `v` before it); None where there is none. In the other ecosystems two
    spellings are two versions."""
    numbers = tuple(published)
    if wanted in numbers:
        return wanted
    if ecosystem == "composer":
        bare = wanted.removeprefix("v")
        return next((number for number in numbers if number.removeprefix("v") == bare), None)
    if ecosystem not in EQUAL:
        return None
    key = order(ecosystem, wanted)
    return next((number for number in numbers if order(ecosystem, number) == key), None) if key[0] else None


def prerelease(ecosystem: str, number: str) -> bool:
    """Whether an installer passes this version over when none is asked for."""
    number = number[:_PATHOLOGICAL]
    if ecosystem == "pypi":
        try:
            return Pep440(number).is_prerelease
        except InvalidVersion:
            return True
    if ecosystem == "apk":
        return any(mark in number for mark in ("_alpha", "_beta", "_pre", "_rc"))
    if ecosystem == "gem":  # RubyGems: any letter makes a prerelease
        return any(c.isalpha() for c in number)
    if ecosystem in ("npm", "cargo"):
        return "-" in number.partition("+")[0]
    return any(word.lower() in _BEFORE for word in _TOKEN.findall(number) if not word.isdigit())


def newest(ecosystem: str, numbers: Iterable[str]) -> str | None:
    """The newest final version, else the newest of all, else None."""
    ordered = sorted(numbers, key=lambda number: order(ecosystem, number))
    final = [number for number in ordered if not prerelease(ecosystem, number)]
    return (final or ordered)[-1] if ordered else None


def _pieces(number: str) -> tuple[tuple[int, int, str], ...]:
    main, _, _ = number.partition("+")
    found: list[tuple[int, int, str]] = []
    for token in _TOKEN.findall(main.removeprefix("v")):
        if token.isdigit():
            found.append((2, int(token[:40]), ""))
        else:
            word = token.lower()
            rank = _BEFORE.get(word, _AFTER.get(word))
            found.append((0 if rank is None or rank < 0 else 1, rank or 0, word if rank is None else ""))
    while found and found[-1] in ((2, 0, ""), (1, 0, "")):
        found.pop()  # 1.0.0 is 1.0, and 1.0-final too
    return (*found, (1, 0, ""))  # an end sorts after a prerelease's word and before a further number
