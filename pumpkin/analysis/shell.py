"""Shell, batch and PowerShell scripts that a package runs: what their commands do, one by one and together."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from pumpkin.analysis.flow import Event, Reach, Sink
from pumpkin.analysis.places import ATTACKS
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
SUFFIXES = (".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs", ".command")
SCRIPT_LIMIT = 400_000
_NAMED = re.compile(r"[\w@.+/\\-]{1,200}\.(?:sh|bash|bat|cmd|ps1|vbs|command)\b|(?<=sh )\s*[\w./-]{1,100}")
_FETCHED = re.compile(
    r"\b(?:curl|wget|certutil|bitsadmin|Invoke-WebRequest|iwr)\b[^\n;&|]{0,300}?https?://[^\s\"']{3,200}[^\n]{0,120}",
    re.IGNORECASE,
)
_TARGET = re.compile(
    r"(?:-o|-O|--output|>|-OutFile)\s*[\"']?([^\s\"';|&]{2,100})|[\"'\s]([^\s\"'/\\]{2,60}\.exe)\s*$", re.IGNORECASE
)
_SET = re.compile(r"^\s*(?:export\s+|set\s+|local\s+)?([A-Za-z_]\w{0,40})=[\"']?([^\s\"'$`|;&]{1,300})", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:#(?!!)|rem\b|::).*$", re.IGNORECASE | re.MULTILINE)


def followed(events: list[Event], sources: Mapping[str, bytes]) -> Iterator[Finding]:
    """Findings in the scripts that started programs name, judged by when they are started."""
    seen: set[tuple[str, Reach]] = set()
    for event in events:
        if event.sink is not Sink.SPAWN:
            continue
        if re.match(r"\W*(?:\S*/)?(?:make|gmake|nmake)\b", event.text):
            for made in sorted(p for p in sources if p.rsplit("/", 1)[-1].lower() in ("makefile", "gnumakefile")):
                yield from examine(made, sources[made], event.reach)
        for word in _NAMED.findall(event.text[:4000]):
            path = _found(word.strip().replace("\\", "/").removeprefix("./"), event.file, sources)
            if path is not None and (path, event.reach) not in seen:
                seen.add((path, event.reach))
                yield from examine(path, sources[path], event.reach)


def _found(name: str, base: str, sources: Mapping[str, bytes]) -> str | None:
    """The package's file of that name: beside the caller, at the top, else anywhere by its last part."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(base), name))
    for path in (beside, name):
        if path in sources:
            return path
    last = name.rsplit("/", 1)[-1]
    return next((path for path in sorted(sources) if path.rsplit("/", 1)[-1] == last and "." in last), None)


def examine(path: str, data: bytes, reach: Reach) -> Iterator[Finding]:
    """Findings of one script: the attacks its lines are known as, and what is fetched first and run later."""
    text = _COMMENT.sub("", data[:SCRIPT_LIMIT].decode("utf-8", "replace")).replace("\\\n", " ").replace("^\n", " ")
    for name, value in _SET.findall(text)[:50]:
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value).replace(f"%{name}%", value)
    eager = reach >= Reach.IMPORT
    for known in ATTACKS:
        hit = known.pattern.search(text)
        if hit is not None:
            level = known.level if eager else Level.MEDIUM if known.level.rank >= Level.HIGH.rank else Level.LOW
            reason = f"a script {known.reason}, {reach.words}"
            yield _finding(f"flow-script-{known.rule}", level, known.tactic, reason, path, text, hit.start(), hit[0])
    for fetched in _FETCHED.finditer(text):
        for target in (one or other for one, other in _TARGET.findall(fetched[0])):
            name = target.replace("\\", "/").rsplit("/", 1)[-1]
            if name and _runs(text[fetched.end() :], name):
                level = Level.CRITICAL if eager else Level.MEDIUM
                reason = f"a script fetches a program and runs it, {reach.words}"
                yield _finding("flow-script-dropper", level, "T1105", reason, path, text, fetched.start(), fetched[0])
                return


def _runs(rest: str, name: str) -> bool:
    word = re.escape(name)
    starter = r"(?:start|call|nohup|exec|sudo|sh|bash|chmod\s+\S+|python\d?|\.)?[\s\"']*(?:\S{0,80}[/\\])?"
    pattern = rf"(?:^|[\s;&|/\\(\"']){starter}{word}(?=[\s\"';&|]|$)"
    return re.search(pattern, rest, re.MULTILINE) is not None


def _finding(rule: str, level: Level, tactic: str, reason: str, path: str, text: str, at: int, quote: str) -> Finding:
    line = text.count("\n", 0, at) + 1
    return Finding(TOOL, rule, level, Group.FLOW, reason, tactic, path, line, quoted(quote))
