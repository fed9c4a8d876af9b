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
TIMEOUT_S = 2
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
    """Compiled rules and the hash of their sources, which stands in each report.

    `tool` stands in the findings; `levels` maps a rule's tags to levels where its `level` metadata does not say.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        tool: str = TOOL,
        levels: Mapping[str, Level] | None = None,
        *,
        compiled: yara_x.Rules | None = None,
    ) -> None:
        self.tool, self.levels, self.foreign = tool, levels or {}, levels is not None
        self.names = tuple(sorted(sources))
        self.compiled = compiled if compiled is not None else _compile(sources)
        self.digest = self.digest_of(sources)

    @classmethod
    def saved(cls, path: Path, sources: Mapping[str, str], tool: str, levels: Mapping[str, Level]) -> Rules:
        """Rules compiled before, from the file that `save` wrote for these same sources."""
        with path.open("rb") as file:
            return cls(sources, tool, levels, compiled=yara_x.Rules.deserialize_from(file))

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            self.compiled.serialize_into(file)

    @staticmethod
    def digest_of(sources: Mapping[str, str]) -> str:
        """SHA-256 over names and texts, in hex."""
        parts = (f"{name}\0{sources[name]}\0".encode() for name in sorted(sources))
        return hashlib.sha256(b"".join(parts)).hexdigest()

    @property
    def count(self) -> int:
        return sum(1 for _ in self.compiled)

    def scan(self, path: str, data: bytes) -> list[Finding]:
        """Findings in one file; TimeoutError when a rule takes longer than 2 seconds."""
        scanner = yara_x.Scanner(self.compiled)
        scanner.set_timeout(TIMEOUT_S)
        scanner.set_global("lang", language(path, data[:80]))
        try:
            hits = scanner.scan(data).matching_rules
        except yara_x.TimeoutError as error:
            raise TimeoutError(f"{path}: text rules took longer than {TIMEOUT_S} s") from error
        return [self._finding(path, data, hit) for hit in hits]

    def wants(self, path: str, data: bytes) -> bool:
        """Are these bytes for these rules? Our own judge source and scripts, a pack all that a package carries."""
        return (self.foreign and len(data) <= SIZE_LIMIT) or worth_scanning(path, data)

    def _finding(self, path: str, data: bytes, hit: yara_x.Rule) -> Finding:
        meta = dict(hit.metadata)
        offset, length = next(((m.offset, m.length) for p in hit.patterns for m in p.matches), (0, 0))
        line = data.count(b"\n", 0, offset) + 1
        said = meta.get("reason") or meta.get("description") or hit.identifier.replace("_", " ")
        rule = f"{'pack' if self.foreign else 'text'}-{hit.identifier.replace('_', '-')}"
        tactic = quoted(str(meta.get("tactic", "")), 12)
        quote = quoted(data[offset : offset + length])
        level = self._level(str(meta.get("level", "")), hit)
        return Finding(self.tool, rule, level, Group.TEXT, quoted(str(said)), tactic, path, line, quote)

    def _level(self, word: str, hit: yara_x.Rule) -> Level:
        if not self.foreign:
            return Level(word) if word in set(Level) else Level.MEDIUM
        tagged = [self.levels[str(tag)] for tag in hit.tags if str(tag) in self.levels]
        return max(tagged, key=lambda level: level.rank, default=Level.LOW)


def _compile(sources: Mapping[str, str]) -> yara_x.Rules:
    """All files compiled, each in a namespace of its own; BadRule says which does not."""
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.define_global("lang", "")
    for name in sorted(sources):
        compiler.new_namespace(name)
        try:
            compiler.add_source(sources[name], origin=name)
        except yara_x.CompileError as error:
            raise BadRule(f"{name}: {error}") from error
    return compiler.build()


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
        if len(data) > SIZE_LIMIT and language(path, data[:80]) != "text":
            failed.append(f"{path}: larger than {SIZE_LIMIT} bytes, text rules not run")
        for pack in rules:
            if not pack.wants(path, data):
                continue
            try:
                found += pack.scan(path, data)
            except TimeoutError as error:
                failed.append(str(error))
    return found, failed
