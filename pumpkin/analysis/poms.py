"""What a pom.xml has a build run: commands of plugins, tasks of ant, scripts in its text; told by pattern, never parsed
as XML (no entities, no schema), so that a broken one is read as well."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pumpkin.analysis.places import attack
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
_PLUGIN = re.compile(r"<plugin>(.{0,20000}?)</plugin>", re.DOTALL)
_WORDS = re.compile(
    r"<(?:executable|argument|commandlineArgs|arg|commandLineArgs)>\s*([^<]{1,2000}?)\s*</"
    r"|<(?:exec|arg)\b[^>]{0,400}?\b(?:executable|value|line)\s*=\s*(\"[^\"]{1,2000}\"|'[^']{1,2000}')"
)
_SCRIPT = re.compile(r"<(?:script|source)>\s*(?:<!\[CDATA\[)?(.{1,10000}?)(?:\]\]>)?\s*</(?:script|source)>", re.DOTALL)
_NETWORK = re.compile(r"new\s+(?:java\.net\.)?URL\s*\(|\.toURL\(\)|HttpClient|openStream|openConnection|Socket\s*\(")
_RUNS = re.compile(
    r"GroovyShell|\bEval\.|\bevaluate\s*\(|GroovyClassLoader|\.execute\s*\(|Runtime|ProcessBuilder|\.eval\s*\("
)
_COMMENT = re.compile(r"<!--.{0,20000}?-->", re.DOTALL)


def examine(path: str, data: bytes) -> Iterator[Finding]:
    """Findings over the plugins of one pom.xml; whoever builds the package runs them."""
    text = _COMMENT.sub("", data[:1_000_000].decode("utf-8", "replace"))
    for plugin in _PLUGIN.finditer(text):
        words = [html.unescape((one or other).strip("\"'")) for one, other in _WORDS.findall(plugin[1])]
        scripts = [html.unescape(script) for script in _SCRIPT.findall(plugin[1])]
        line = text.count("\n", 0, plugin.start()) + 1
        for command in (" ".join(words), *scripts):
            known = attack(command)
            if known is not None and known.level.rank >= Level.HIGH.rank:
                yield _found(f"hook-{known.rule}", known.level, known.tactic, path, line,
                             f"a plugin of the build has a command that {known.reason}", command)  # fmt: skip
        for script in scripts:
            if _NETWORK.search(script) and _RUNS.search(script):
                reason = "a script of the build runs what it got from the network"
                yield _found("hook-remote-code", Level.CRITICAL, "T1105", path, line, reason, script)


def _found(rule: str, level: Level, tactic: str, path: str, line: int, reason: str, quote: str) -> Finding:
    return Finding(TOOL, rule, level, Group.FLOW, f"{reason}, on installation", tactic, path, line, quoted(quote))
