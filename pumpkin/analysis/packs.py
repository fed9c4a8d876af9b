"""Rule packs of the operator: YARA-X rules from elsewhere, with their licence, run beside our own.

A pack is a folder of `.yar` and `.yara` files with a `pack.toml`: name, licence, source, and which of its rules' tags
mean which level. We ship none but our own rules. The compiled form lies beside it, named by the hash of its sources.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pumpkin.analysis.text import BadRule, Rules
from pumpkin.model.findings import Level

TOOL = "malcontent"
MANIFEST = "pack.toml"
LEVELS = {
    "critical": Level.HIGH, "high": Level.HIGH, "notable": Level.MEDIUM, "suspicious": Level.MEDIUM,
    "medium": Level.MEDIUM, "low": Level.LOW, "harmless": Level.INFO, "override": Level.INFO,
}  # fmt: skip
"""Tags of well-known packs; a foreign rule alone never decides, so `critical` counts as high."""

FILE_LIMIT = 5000
SIZE_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pack:
    """What is known of an installed pack: `digest` SHA-256 of its sources in hex, `rules` how many it has."""

    name: str
    licence: str
    source: str
    files: int
    rules: int
    digest: str


def sources(folder: Path) -> dict[str, str]:
    """The rule files below a folder by relative path; links are not followed. BadRule for none or too many."""
    found: dict[str, str] = {}
    total = 0
    for path in sorted(folder.rglob("*.yar*")):
        if path.suffix not in (".yar", ".yara") or path.is_symlink() or not path.is_file():
            continue
        total += path.stat().st_size
        if len(found) >= FILE_LIMIT or total > SIZE_LIMIT:
            raise BadRule(f"{folder.name}: more than {FILE_LIMIT} files or {SIZE_LIMIT} bytes of rules")
        found[path.relative_to(folder).as_posix()] = path.read_text("utf-8", "replace")
    if not found:
        raise BadRule(f"{folder.name}: no .yar or .yara file below it")
    return found


def add(store: Path, folder: Path, name: str, licence: str) -> Pack:
    """Compile the folder's rules and keep them as the pack `name` below `store`, in place of an earlier one.

    BadRule when a file does not compile; then nothing is changed. Only rule files are copied.
    """
    texts = sources(folder)
    compiled = Rules(texts, TOOL, LEVELS)
    home = store / name
    fresh = store / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for path, text in texts.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_text(text, "utf-8")
    quoted = {"name": name, "licence": licence, "source": folder.name}
    (fresh / MANIFEST).write_text("".join(f"{key} = {_toml(value)}\n" for key, value in quoted.items()), "utf-8")
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)
    compiled.save(_cache(home, compiled.digest))
    return _pack(home, compiled)


def remove(store: Path, name: str) -> bool:
    """Forget a pack; False when there was none."""
    home = store / name
    if not (home / MANIFEST).is_file():
        return False
    shutil.rmtree(home)
    return True


def installed(store: Path) -> list[tuple[Pack, Rules]]:
    """All packs, in order of name; BadRule when one's files no longer compile."""
    if not store.is_dir():
        return []
    found = []
    for home in sorted(store.iterdir()):
        if (home / MANIFEST).is_file() and not home.name.startswith("."):
            rules = _load(home)
            found.append((_pack(home, rules), rules))
    return found


def load(store: Path) -> list[Rules]:
    """The rules of all packs, ready to scan with."""
    return [rules for _, rules in installed(store)]


def _load(home: Path) -> Rules:
    texts = sources(home)
    cache = _cache(home, Rules.digest_of(texts))
    if cache.is_file():
        return Rules.saved(cache, texts, TOOL, LEVELS)
    return Rules(texts, TOOL, LEVELS)


def _cache(home: Path, digest: str) -> Path:
    return home / f"{digest[:32]}-{importlib.metadata.version('yara-x')}.yarx"


def _pack(home: Path, rules: Rules) -> Pack:
    manifest = tomllib.loads((home / MANIFEST).read_text("utf-8"))
    return Pack(
        str(manifest.get("name", home.name)), str(manifest.get("licence", "")), str(manifest.get("source", "")),
        len(rules.names), rules.count, rules.digest,
    )  # fmt: skip


def _toml(text: str) -> str:
    plain: Iterable[str] = (c if c.isprintable() and c not in '"\\' else " " for c in text)
    return f'"{"".join(plain)}"'
