"""YARA-X rules over single files: breadth where data flow has precision, and the place of an operator's own packs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import yara_x

from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
RULES = Path(__file__).parent / "rules"
TIMEOUT_S = 10
SIZE_LIMIT = 16 * 1024 * 1024

_LANGUAGES = {
    ".py": "python", ".pyw": "python", ".pth": "python",
    ".js": "javascript", ".cjs": "javascript", ".mjs": "javascript", ".ts": "javascript", ".jsx": "javascript",
    ".sh": "shell", ".bash": "shell", ".ps1": "shell", ".bat": "shell", ".cmd": "shell", ".vbs": "shell",
    ".json": "json", ".php": "php", ".rb": "ruby", ".pl": "perl",
}  # fmt: skip


class BadRule(ValueError):
    """A rule file does not compile; the text says where."""


class Rules:
    """Compiled rules and the hash of their sources, which stands in each report."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        compiler = yara_x.Compiler()
        compiler.define_global("lang", "")
        for name in sorted(sources):
            compiler.new_namespace(name)
            try:
                compiler.add_source(sources[name])
            except yara_x.CompileError as error:
                raise BadRule(f"{name}: {error}") from error
        self.compiled = compiler.build()
        self.digest = hashlib.sha256(
            b"".join(f"{name}\0{sources[name]}\0".encode() for name in sorted(sources))
        ).hexdigest()

    def scan(self, path: str, data: bytes, tool: str = TOOL) -> list[Finding]:
        """Findings in one file; TimeoutError when a rule takes longer than 10 seconds."""
        scanner = yara_x.Scanner(self.compiled)
        scanner.set_timeout(TIMEOUT_S)
        scanner.set_global("lang", language(path, data[:80]))
        try:
            hits = scanner.scan(data).matching_rules
        except yara_x.TimeoutError as error:
            raise TimeoutError(f"{path}: text rules took longer than {TIMEOUT_S} s") from error
        return [_finding(tool, path, data, hit) for hit in hits]


def _finding(tool: str, path: str, data: bytes, hit: yara_x.Rule) -> Finding:
    meta = dict(hit.metadata)
    offset, length = next(((m.offset, m.length) for p in hit.patterns for m in p.matches), (0, 0))
    try:
        level = Level(str(meta.get("level", "medium")))
    except ValueError:
        level = Level.MEDIUM
    line = data.count(b"\n", 0, offset) + 1
    reason = quoted(str(meta.get("reason", hit.identifier.replace("_", " "))))
    rule = f"text-{hit.identifier.replace('_', '-')}"
    tactic = str(meta.get("tactic", ""))
    return Finding(tool, rule, level, Group.TEXT, reason, tactic, path, line, quoted(data[offset : offset + length]))


def language(path: str, head: bytes) -> str:
    """The language of a file by its name, by `#!` when it has no suffix; `text` for documents and the rest."""
    name = path.rsplit("/", 1)[-1].lower()
    dot = name.rfind(".")
    if dot > 0:
        return _LANGUAGES.get(name[dot:], "text")
    if head.startswith(b"#!"):
        return "python" if b"python" in head else "javascript" if b"node" in head else "shell"
    return "text"


@lru_cache(maxsize=1)
def own() -> Rules:
    """Our own rules, compiled once a process."""
    return Rules({path.stem: path.read_text("utf-8") for path in sorted(RULES.glob("*.yar"))})


def worth_scanning(path: str, data: bytes) -> bool:
    """Source, scripts and package.json; documents, pictures and libraries say nothing that text rules should judge."""
    if len(data) > SIZE_LIMIT:
        return False
    kind = language(path, data[:80])
    return kind not in ("text", "json") or (kind == "json" and path.rsplit("/", 1)[-1] == "package.json")


def scan(files: Mapping[str, bytes], rules: Iterable[Rules]) -> tuple[list[Finding], list[str]]:
    """Findings of all rules over all files worth it, and where a rule had to be stopped."""
    found: list[Finding] = []
    failed: list[str] = []
    for path in sorted(files):
        data = files[path]
        if not worth_scanning(path, data):
            if len(data) > SIZE_LIMIT and language(path, data[:80]) != "text":
                failed.append(f"{path}: larger than {SIZE_LIMIT} bytes, text rules not run")
            continue
        for pack in rules:
            try:
                found += pack.scan(path, data)
            except TimeoutError as error:
                failed.append(str(error))
    return found, failed
