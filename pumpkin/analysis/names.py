"""Names that imitate others: which popular package a name could be taken for, by which edit, and how sure that is.

The lists of popular names lie in `popular/`, most popular first. Looking one name up costs a few dozen dictionary
look-ups: each list is indexed by what is left when one letter is taken out, by shape (no delimiters, look-alike
letters made one, doubled letters single), by sorted words and by scope. A name is a signal and never a verdict.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "typosquatting"
POPULAR = Path(__file__).parent / "popular"
ECOSYSTEMS = ("pypi", "npm", "gem", "cargo", "composer", "maven")
_DELIMITERS = re.compile(r"[-_.]+")
_PAIRS = "rn:m vv:w cl:d 0:o 1:l i:l 5:s 3:e q:g j:l"
_LOOKALIKES = tuple(pair.split(":") for pair in _PAIRS.split())
_WORDS = """
py python python2 python3 js node nodejs npm lib libs the my official real original new get pkg package module
dev devel core cli api sdk client tool tools util utils helper helpers plus pro lite beta test v2 v3 2 3 ts types es cjs
mjs rb ruby rs rust io org app kit ext fix patch update secure security extra x"""
_AFFIXES = frozenset(_WORDS.split())
_GLUED = ("python", "py", "js", "node", "lib", "rb", "rs", "2", "3", "s", "x")
_ROWS = """q:wa w:qes e:wrd r:etf t:ryg y:tuh u:yij i:uok o:ipl p:ol a:qsz s:awdx d:sefc f:drgv g:fthb h:gyjn j:hukm
k:jil l:kop z:asx x:zsdc c:xdfv v:cfgb b:vghn n:bhjm m:njk"""
_KEYS = {key: frozenset(beside) for key, _, beside in (row.partition(":") for row in _ROWS.split())}
_VOWELS = frozenset("aeiouy")
_NATIVE = re.compile(r"[-_.]?(?:js|node)$|^node-|^python\d?-|-py$")
"""Words that only say the language: with them a name is the same name."""

_TOP = 1500
_SCORES = {
    "homoglyph": 0.95,
    "delimiter": 0.9,
    "scope": 0.9,
    "transposition": 0.88,
    "repetition": 0.88,
    "omission": 0.82,
    "keyboard": 0.8,
    "word-order": 0.8,
    "vowel": 0.78,
    "addition": 0.72,
    "replacement": 0.7,
    "plural": 0.7,
    "digit": 0.7,
    "affix": 0.68,
    "two-edits": 0.6,
}
THRESHOLD = 0.55


@dataclass(frozen=True, slots=True)
class Candidate:
    """A popular name that this one could be taken for: by which kind of edit, how sure (0 to 1), and why in words."""

    target: str
    kind: str
    score: float
    why: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Index:
    """The popular names of one ecosystem, ready to be asked."""

    def __init__(self, names: Iterable[str]) -> None:
        self.rank: dict[str, int] = {}
        self.shapes: defaultdict[str, list[str]] = defaultdict(list)
        self.bare: defaultdict[str, list[str]] = defaultdict(list)
        self.shorter: defaultdict[str, list[str]] = defaultdict(list)
        self.words: defaultdict[str, list[str]] = defaultdict(list)
        self.scoped: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            if name in self.rank:
                continue
            self.rank[name] = len(self.rank)
            flat = _flat(name)
            self.bare[_DELIMITERS.sub("", flat)].append(name)
            self.shapes[shape(name)].append(name)
            self.words[_sorted(flat)].append(name)
            self.shorter[flat].append(name)
            if "/" in name:
                self.scoped[name.removeprefix("@").partition("/")[0]].append(name)
            if len(flat) > 3:
                for left in _less(flat):
                    self.shorter[left].append(name)

    def candidates(self, name: str, limit: int = 5) -> list[Candidate]:
        """The popular names it imitates, surest first; none when it is popular itself."""
        if name in self.rank:
            return []
        best: dict[str, Candidate] = {}
        for candidate in self._all(name):
            known = best.get(candidate.target)
            if candidate.score >= THRESHOLD and (known is None or candidate.score > known.score):
                best[candidate.target] = candidate
        return sorted(best.values(), key=lambda c: (-c.score, self.rank[c.target], c.target))[:limit]

    def _all(self, name: str) -> Iterator[Candidate]:
        flat = _flat(name)
        bare = _DELIMITERS.sub("", flat)
        scoped = name.startswith("@")
        for target in self.bare.get(bare, ()):
            if target.startswith("@") != scoped:
                why = "the scope of the original is written as part of the name"
                yield self._made(name, target, "scope", why)
            else:
                yield self._made(name, target, "delimiter", "the same letters with other delimiters")
        for target in self.shapes.get(shape(name), ()):
            if _bare(_flat(target)) != bare:
                yield self._shaped(name, target)
        if len(bare) > 3:
            yield from self._edited(name, flat)
        for target in self.words.get(_sorted(flat), ()):
            if _flat(target) != flat:
                yield self._made(name, target, "word-order", "the same words in another order")
        yield from self._affixed(name, flat)
        if scoped:
            yield from self._other_scope(name)
        elif "/" in name:
            yield from self._other_vendor(name)

    def _shaped(self, name: str, target: str) -> Candidate:
        one, other = _DELIMITERS.sub("", _flat(name)), _DELIMITERS.sub("", _flat(target))
        if len(one) != len(other) and _single(one) == _single(other):
            return self._made(name, target, "repetition", "a letter is doubled or single")
        return self._made(name, target, "homoglyph", "letters that look alike")

    def _edited(self, name: str, flat: str) -> Iterator[Candidate]:
        seen = set()
        for left in (flat, *_less(flat)):
            for target in self.shorter.get(left, ()):
                if target in seen or (
                    target.startswith("@") and not name.startswith("@") and "/" not in name and "-" not in name
                ):
                    continue
                seen.add(target)
                if (kind := edit(flat, _flat(target))) is not None:
                    if name.startswith("@") != target.startswith("@"):
                        kind = ("scope", "the scope of the original is written as part of the name, with an edit")
                    yield self._made(name, target, *kind)

    def _affixed(self, name: str, flat: str) -> Iterator[Candidate]:
        if name.startswith("@"):
            return
        words = _DELIMITERS.split(flat)
        cut = {word for word in (words[0], words[-1]) if word in _AFFIXES} if len(words) > 1 else set()
        for word in cut:
            rest = words[1:] if words[0] == word else words[:-1]
            for target in self.bare.get("".join(rest), ()):
                if not target.startswith("@"):
                    yield self._made(name, target, "affix", f"the original's name with {word!r} added")
        bare = "".join(words)
        for glued in _GLUED:
            if len(words) > 1 and glued not in ("s",):
                continue
            for left in (bare.removesuffix(glued), bare.removeprefix(glued)):
                if left != bare and len(left) > 3:
                    for target in self.bare.get(left, ()):
                        if not target.startswith("@"):
                            kind = "plural" if glued == "s" else "digit" if glued.isdigit() else "affix"
                            yield self._made(name, target, kind, f"the original's name with {glued!r} added")
        if len(words) > 2 and words[-1] in _AFFIXES:
            joined = "-".join(words[:-1])
            for target in self.shorter.get(joined, ()):
                if target.startswith("@") and _flat(target) == joined:
                    yield self._made(name, target, "scope", "a scoped original without its scope, with a word added")

    def _other_scope(self, name: str) -> Iterator[Candidate]:
        """`@evil/lodash` for `lodash`, `@type/node` for `@types/node`."""
        scope, _, rest = name[1:].partition("/")
        if self.rank.get(rest, 10**6) < 500:
            yield self._made(name, rest, "scope", "a popular name under a scope it does not have")
        for other, targets in self.scoped.items():
            if other == scope or len(other) < 4 or not _resembles(scope, other):
                continue
            near = min(targets, key=lambda target: _distance()(target.partition("/")[2], rest))
            yield self._made(name, near, "scope", f"a scope that looks like @{other}")

    def _other_vendor(self, name: str) -> Iterator[Candidate]:
        """`symfonny/console` for `symfony/console`, `org.fasterxml.x/y` for `com.fasterxml.x/y`: the same package below
        a vendor or group that looks like its own."""
        vendor, _, rest = name.rpartition("/")
        for other, targets in self.scoped.items():
            target = f"{other}/{rest}"
            if other != vendor and target in self.rank and target in targets and _alike(vendor, other):
                yield self._made(name, target, "scope", f"a vendor or group that looks like {other}")

    def _made(self, name: str, target: str, kind: str, why: str) -> Candidate:
        score = _SCORES[kind]
        rank, size = self.rank[target], len(_DELIMITERS.sub("", _flat(target)))
        if rank < 200:
            score += 0.08
        elif rank > 3 * _TOP:
            score -= 0.12 if size < 8 else 0.06
        if kind not in ("delimiter", "scope", "affix", "word-order"):
            score -= {1: 0.6, 2: 0.6, 3: 0.5, 4: 0.22, 5: 0.1}.get(size, 0.0)
        if kind == "affix" and rank > 1000 and not _NATIVE.search(name):
            score -= 0.15
        return Candidate(target, kind, round(max(0.0, min(score, 1.0)), 3), f"{why}: {quoted(name, 100)} for {target}")


def shape(name: str) -> str:
    """The name without delimiters, look-alike letters made one, doubled letters single."""
    text = _DELIMITERS.sub("", _flat(name))
    for one, other in _LOOKALIKES:
        text = text.replace(one, other)
    return _single(text)


def _single(text: str) -> str:
    return re.sub(r"(.)\1+", r"\1", text)


def _flat(name: str) -> str:
    """Lower case, scope and delimiters as `-`: `@Types/node_x` is `types-node-x`."""
    return _DELIMITERS.sub("-", name.lower().lstrip("@").replace("/", "-"))


def _bare(name: str) -> str:
    return _DELIMITERS.sub("", name)


def _sorted(flat: str) -> str:
    words = flat.split("-")
    return "-".join(sorted(words)) if len(words) > 1 else flat


def _less(text: str) -> list[str]:
    """The text with each one letter taken out."""
    return [text[:place] + text[place + 1 :] for place in range(len(text))]


@cache
def _distance() -> Callable[..., int]:
    """Edits between two texts (optimal string alignment); 3 MB, loaded when first asked for."""
    from rapidfuzz.distance import OSA

    return OSA.distance


def edit(name: str, target: str) -> tuple[str, str] | None:
    """Kind and words of the edit between two flat names; None when they are further apart than is confusing."""
    distance = _distance()(name, target, score_cutoff=2)
    if distance > 2 or distance == 0:
        return None
    if distance == 2:
        close = len(target) >= 7 and name[:1] == target[:1]
        return ("two-edits", "two letters differ") if close else None
    if len(name) == len(target):
        places = [place for place in range(len(name)) if name[place] != target[place]]
        if len(places) == 2:
            return "transposition", "two neighbouring letters are swapped"
        new, old = name[places[0]], target[places[0]]
        if new in _KEYS.get(old, ()):
            return "keyboard", f"{new!r} stands beside {old!r} on the keyboard"
        if new in _VOWELS and old in _VOWELS:
            return "vowel", f"the vowel {old!r} is {new!r}"
        return (
            ("digit", f"{old!r} is {new!r}")
            if new.isdigit() or old.isdigit()
            else ("replacement", f"{old!r} is {new!r}")
        )
    if len(name) < len(target):
        return "omission", "a letter is left out"
    place = next((i for i in range(len(target)) if name[i] != target[i]), len(target))
    new = name[place]
    if place and name[place - 1] == new:
        return "repetition", f"{new!r} is doubled"
    if place == len(target) and new in "s":
        return "plural", "an 's' is added"
    return ("digit", f"the digit {new!r} is added") if new.isdigit() else ("addition", f"{new!r} is added")


def _resembles(scope: str, other: str) -> bool:
    """Are two scopes an edit or two apart, or is one the other with a word added?"""
    one, two = _bare(scope), _bare(other)
    if abs(len(one) - len(two)) <= 2 and _distance()(one, two, score_cutoff=2) <= 2:
        return True
    words = _DELIMITERS.split(scope)
    return len(words) > 1 and other in (words[0], words[-1])


def _alike(vendor: str, other: str) -> bool:
    """Do two vendors or groups resemble each other, or differ in their first part only (`org.` for `com.`)?"""
    inner = [part.partition(".")[2] for part in (vendor, other)]
    return (len(other) >= 4 and _resembles(vendor, other)) or (inner[0] == inner[1] and "." in inner[0])


@lru_cache(maxsize=8)
def index(ecosystem: str) -> Index | None:
    """The index of an ecosystem's popular names, built once a process; None for one without a list."""
    if ecosystem not in ECOSYSTEMS:
        return None
    return Index((POPULAR / f"{ecosystem}.txt").read_text("utf-8").split())


def normal(ecosystem: str, name: str) -> str:
    """The name as the ecosystem compares it (PEP 503 for PyPI; `_` is `-` for crates; `group:artifact` of Maven)."""
    if ecosystem == "pypi":
        return _DELIMITERS.sub("-", name).lower()
    if ecosystem == "cargo":
        return name.lower().replace("_", "-")
    if ecosystem == "maven":
        return name.lower().replace(":", "/")
    return name.lower()


def candidates(ecosystem: str, name: str, limit: int = 5) -> list[Candidate]:
    """What the name imitates among the ecosystem's popular ones; KeyError when there is no list for it."""
    popular = index(ecosystem)
    if popular is None:
        raise KeyError(ecosystem)
    found = popular.candidates(normal(ecosystem, name), limit)
    if not name.islower() and normal(ecosystem, name) not in popular.rank:
        found += popular.candidates(normal(ecosystem, name.replace("I", "l")), limit)
        exact = name.replace("I", "l").lower()
        if exact in popular.rank:
            found.insert(
                0, Candidate(exact, "homoglyph", 0.97, f"a capital I for an l: {quoted(name, 100)} for {exact}")
            )
    return found[:limit]


def findings(ecosystem: str, name: str) -> list[Finding]:
    """At most one finding: the surest candidate. A name without a list of popular ones says nothing."""
    if index(ecosystem) is None:
        return []
    found = candidates(ecosystem, name, 1)
    if not found:
        return []
    best = found[0]
    reason = f"the name could be taken for {best.target} ({best.kind})"
    return [
        Finding(TOOL, "name-imitates", Level.MEDIUM, Group.NAME, quoted(reason), "T1036.005", quote=quoted(best.why))
    ]
