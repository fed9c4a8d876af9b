"""What a package's own papers and plain files say: names, versions, dependencies, binaries, characters no eye sees."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import math
import pickletools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from email.parser import BytesHeaderParser
from email.policy import compat32

from pumpkin.analysis.paths import BIDI, INVISIBLE
from pumpkin.analysis.places import attack
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
_MAGICS = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS program or Java class"),
)
_LIBRARIES = (".so", ".pyd", ".dll", ".dylib", ".exe", ".node", ".class", ".o", ".a", ".lib", ".bin", ".elf")
_TEXT = (".py", ".pyw", ".js", ".cjs", ".mjs", ".ts", ".sh", ".json", ".toml", ".cfg", ".txt", ".md", ".rst", ".html")
_DANGEROUS_PICKLE = re.compile(
    r"^(?:os|posix|nt|subprocess|builtins|__builtin__|sys|socket|pty|shutil|runpy|importlib|webbrowser|ctypes) "
    r"(?:system|popen|Popen|call|run|check_output|exec|eval|compile|__import__|getattr|spawn|open|import_module|execfile)$"
)
_BIDI_BYTES = re.compile("|".join(map(re.escape, sorted(BIDI))).encode())
_HIDDEN_RUN = re.compile("(?:" + "|".join(map(re.escape, sorted(INVISIBLE - {"\ufeff", "\u00ad"}))) + "){8}")
_TAGS = re.compile("[\U000e0000-\U000e007f\U000e0100-\U000e01ef]{8}")
_PICKLED = re.compile(rb"^c(?:os|posix|nt|subprocess|builtins|__builtin__|runpy)\n\w+\n", re.MULTILINE)
_PICKLED_MARKS = tuple(b"c%s\n" % name for name in b"os posix nt subprocess builtins __builtin__ runpy".split())
_CODING = re.compile(
    rb"(?:[^\n]*\n)?[^\n]*#[^\n]*coding[:=][ \t]*(?:utf-?7|(?:raw_)?unicode[_-]escape|rot_?13"
    rb"|hex|base64|uu|zlib|punycode)\b"
)
_SYMBOLS = re.compile(rb"[\[\]()!+]{100}")
_BLANKS = b" " * 180
_SPACES = re.compile(rb"\S[ \t]{180,}\S")
_GIT_HOSTS = re.compile(
    r"://(?:[\w.-]+\.)?(?:github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/"
)
_COMMANDS = frozenset(
    ["npm", "node", "npx", "git", "ls", "cd", "sh", "bash", "sudo", "ssh", "curl", "wget", "python", "python3", "pip",
     "cat", "docker", "yarn", "pnpm", "make", "grep", "ps", "kubectl", "aws", "gh", "code"]
)  # fmt: skip
_DIRECT = re.compile(r"@\s*(?:https?|git\+\w+|ftp|file)://|^(?:git\+|https?:|file:)", re.IGNORECASE)


def examine(files: Mapping[str, bytes]) -> list[Finding]:
    """Findings of metadata over all files of one artifact."""
    found: list[Finding] = []
    for path, data in files.items():
        found += _binary(path, data)
        found += _characters(path, data)
        if path.endswith((".pkl", ".pickle", ".joblib", ".dill")) or _is_pickled(data[:100_000]):
            found += _pickle(path, data)
        if path.endswith((".py", ".pyw")) and (hit := _CODING.match(data)):
            reason = "its encoding has source read otherwise than it looks"
            found.append(_found("meta-coding", Level.HIGH, path, reason, "T1027", hit[0]))
        if path.endswith((".yml", ".yaml")) and (
            hit := re.search(rb"!!python/(?:object|name|module)[^\n]{0,80}", data)
        ):
            reason = "a YAML file that makes objects when loaded"
            found.append(_found("meta-yaml-object", Level.MEDIUM, path, reason, "T1059", hit[0]))
        if path.endswith((".dist-info/METADATA", "PKG-INFO")):
            found += _papers(path, data)
        if path.endswith(".dist-info/RECORD") and "_vendor" not in path:
            found += _record(path, data, files)
        if path.rsplit("/", 1)[-1] == "package.json" and path.count("/") <= 1:
            found += npm(path, package_json(data))
        script = re.search(r"\.data/scripts/([\w.-]+)$", path)
        if script is not None and script[1] in _COMMANDS:
            reason = "offers a program under the name of a well-known one"
            found.append(_found("meta-shadowing", Level.HIGH, path, reason, "T1574.008", script[1]))
        if (
            path.count("/") <= 1
            or re.search(r"(?:^|/)\.(?:cursor|github|devcontainer|windsurf)/", path)
            or "/.vscode/" in f"/{path}"
            or "/.cargo/" in f"/{path}"
            or "/.claude/" in f"/{path}"
        ):
            found += _project(path, data)
        if path.endswith(".pth"):
            found += _startup(path, data)
    return found


def _is_pickled(head: bytes) -> bool:
    """Does it hold a pickle's import of a dangerous module? The plain search first, at a tenth of the cost."""
    return any(mark in head for mark in _PICKLED_MARKS) and _PICKLED.search(head) is not None


def _found(rule: str, level: Level, path: str, reason: str, tactic: str = "", quote: str | bytes = "") -> Finding:
    return Finding(TOOL, rule, level, Group.METADATA, reason, tactic, quoted(path, 300), 0, quoted(quote))


def _binary(path: str, data: bytes) -> Iterator[Finding]:
    """A program under another name hides; a program as such is only said."""
    for magic, what in _MAGICS:
        if not data.startswith(magic) or (magic == b"MZ" and (len(data) < 256 or b"PE\0\0" not in data[:4096])):
            continue
        if path.endswith(_TEXT) or path.endswith(
            (".png", ".jpg", ".gif", ".ico", ".svg", ".dat", ".log", ".tmp", ".css")
        ):
            yield _found(
                "meta-disguised-binary", Level.HIGH, path, f"{what} under the name of another kind of file", "T1036.008"
            )
        elif path.lower().endswith((".exe", ".scr", ".com")):
            yield _found("meta-program", Level.LOW, path, f"carries {what}", "T1204.002")
        elif not path.endswith(_LIBRARIES) and ".so." not in path:
            yield _found("meta-binary", Level.INFO, path, f"carries {what}")
        return


def _characters(path: str, data: bytes) -> Iterator[Finding]:
    """Text that shows its reader something else than it does."""
    if not path.endswith((".py", ".pyw", ".js", ".cjs", ".mjs", ".ts", ".sh")) or len(data) > 4_000_000:
        return
    if b"\xe2\x80" in data or b"\xe2\x81" in data:
        hit = _BIDI_BYTES.search(data)
        if hit is not None and not _aside(path):
            quote = data[max(0, hit.start() - 40) : hit.end() + 40]
            reason = "bidirectional controls make source read otherwise than it runs"
            packed = path.endswith("js") and len(data) > 200 * (data.count(b"\n") + 1)
            yield _found("meta-bidi", Level.LOW if packed else Level.MEDIUM, path, reason, "T1027.014", quote)
    if not data.isascii() and not _aside(path):
        text = data.decode("utf-8", "replace")
        if _HIDDEN_RUN.search(text) or _TAGS.search(text):
            packed = path.endswith("js") and len(data) > 200 * (data.count(b"\n") + 1)
            level = Level.LOW if packed or len(data) > 1_000_000 else Level.HIGH
            yield _found("meta-invisible", level, path, "invisible characters carry something", "T1027.018")
    if path.endswith(("js", ".ts")) and not _aside(path) and (symbols := _SYMBOLS.search(data)):
        reason = "code written in brackets and signs alone"
        yield _found("meta-symbols", Level.HIGH, path, reason, "T1027", symbols[0][:80])
    spaced = path.endswith((".py", ".js")) and not path.endswith(".min.js") and _BLANKS in data.replace(b"\t", b" ")
    hit = _SPACES.search(data) if spaced else None
    if hit is not None and re.search(
        rb"(?:exec|eval|import|require|subprocess|;)", data[hit.end() - 1 : hit.end() + 200]
    ):
        yield _found("meta-pushed-aside", Level.HIGH, path, "code is pushed out of sight by blanks", "T1027",
                     data[hit.end() - 1 : hit.end() + 100])  # fmt: skip


def _aside(path: str) -> bool:
    return re.search(r"(?:^|/)(?:tests?|testdata|fixtures)/", path) is not None


def _pickle(path: str, data: bytes) -> Iterator[Finding]:
    for name in pickled(data):
        yield _found("meta-pickle", Level.CRITICAL, path, "a pickle that runs a command when loaded", "T1059", name)


def pickled(data: bytes) -> Iterator[str]:
    """The dangerous name a pickle would import, read by its opcodes; nothing is loaded."""
    strings: list[str] = []
    try:
        for place, (opcode, argument, _at) in enumerate(pickletools.genops(data[:8_000_000])):
            if place > 500_000:
                return
            name = ""
            if opcode.name == "GLOBAL":
                name = str(argument)
            elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
                name = " ".join(strings[-2:])
            elif isinstance(argument, str):
                strings = [*strings[-8:], argument]
            if name and _DANGEROUS_PICKLE.match(name):
                yield name
                return
    except (ValueError, IndexError, KeyError, AttributeError, EOFError, UnicodeDecodeError):
        return


def _papers(path: str, data: bytes) -> Iterator[Finding]:
    """Dependencies taken from an address instead of the index, and versions that win every comparison."""
    headers = BytesHeaderParser(policy=compat32).parsebytes(data[:1_000_000])
    for line in headers.get_all("Requires-Dist", []):
        if _DIRECT.search(str(line)):
            reason = "depends on a file at an address, not in the index"
            grave = not _GIT_HOSTS.search(str(line)) and "file:" not in str(line)
            yield _found(
                "meta-direct-dependency", Level.HIGH if grave else Level.MEDIUM, path, reason, "T1195.001", str(line)
            )
    yield from odd_version(path, str(headers.get("Version", "")))


def odd_version(path: str, version: str) -> Iterator[Finding]:
    """9999.0.0 and its like: what dependency confusion needs."""
    first = re.match(r"v?(\d+)", version)
    if (
        first
        and (re.match(r"(\d)\1{2,}$", first[1]) or int(first[1][:9]) >= 90)
        and not 1990 <= int(first[1][:9]) <= 2100
    ):
        level = Level.HIGH if re.match(r"9{3,}|(\d)\1{3,}$", first[1]) else Level.MEDIUM
        level = level if re.match(r"9{2,}|(\d)\1{2,}$", first[1]) else Level.LOW
        yield _found("meta-odd-version", level, path, "a version number made to be the highest", "T1195.002", version)


def _record(path: str, data: bytes, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Files of a wheel that its RECORD does not know, or knows otherwise."""
    root = path.rsplit(".dist-info/", 1)[0].rpartition("/")[0]
    prefix = f"{root}/" if root else ""
    lines = {row[0]: row for row in csv.reader(io.StringIO(data.decode("utf-8", "replace"))) if len(row) >= 2}
    changed, unknown = [], []
    for name, content in files.items():
        inner = name.removeprefix(prefix)
        if "!" in inner or inner.endswith(
            (".dist-info/RECORD", "RECORD.jws", "RECORD.p7s", ".pyc", "INSTALLER", "REQUESTED")
        ):
            continue
        row = lines.get(inner)
        if row is None:
            if name.startswith(prefix) and "direct_url.json" not in inner:
                unknown.append(inner)
        elif row[1].startswith("sha256=") and row[1][7:] != _digest(content):
            changed.append(inner)
    if changed:
        yield _found(
            "meta-record-differs",
            Level.MEDIUM,
            path,
            "files differ from the wheel's RECORD",
            "T1565.001",
            ", ".join(changed[:5]),
        )
    if unknown and any(name.endswith((".py", ".pth", ".so", ".pyd", ".dll", ".exe")) for name in unknown):
        yield _found("meta-record-misses", Level.MEDIUM, path, "code that the wheel's RECORD does not list", "T1036",
                     ", ".join(unknown[:5]))  # fmt: skip


def _project(path: str, data: bytes) -> Iterator[Finding]:
    """Files of a project that steer tools: dependencies by address, other registries, commands that editors start."""
    name = path.rsplit("/", 1)[-1]
    text = data[:400_000].decode("utf-8", "replace")
    if name in ("setup.py", "setup.cfg", "pyproject.toml", "requirements.txt"):
        hit = re.search(r"[\w.\]-]\s*@\s*(https?://[^\s\"',;]+)|dependency_links\s*=\s*\[?\s*[\"']([^\"']+)", text)
        if hit is not None and not _GIT_HOSTS.search(hit[0]):
            reason = "depends on a file at an address, not in the index"
            yield _found("meta-direct-dependency", Level.HIGH, path, reason, "T1195.001", hit[0])
        for command in re.findall(r"(?m)^\s*[\"']?([\w-]{2,12})[\"']?\s*=\s*[\"']?[\w.]+:\w+", text):
            if command in _COMMANDS:
                reason = "offers a program under the name of a well-known one"
                yield _found("meta-shadowing", Level.HIGH, path, reason, "T1574.008", command)
    if name in (
        "npm-shrinkwrap.json",
        "package-lock.json",
        "requirements.txt",
        "setup.cfg",
        "pyproject.toml",
        ".npmrc",
    ):
        yield from _elsewhere(path, name, text)
    if name in (".npmrc", ".yarnrc", ".yarnrc.yml", "pip.conf", "config.toml", "config", "nuget.config"):
        hit = re.search(
            r"(?im)^\s*(?:@[\w-]+:)?(?:registry|npmRegistryServer|index-url|extra-index-url|proxy)\W+(https?://\S+)",
            text,
        )
        if hit is not None:
            grave = hit[1].startswith("http://") or re.search(r"://\d+\.\d+\.\d+\.\d+", hit[1]) is not None
            reason = "sends installers to a registry of its own"
            yield _found("meta-registry", Level.HIGH if grave else Level.MEDIUM, path, reason, "T1195.002", hit[0])
    if name == "tasks.json" and re.search(r"\"runOn\"\s*:\s*\"folderOpen\"", text):
        yield _found(
            "meta-editor-task", Level.HIGH, path, "has an editor run a command when the folder is opened", "T1204"
        )
    if name == "devcontainer.json" and (known := attack(text)) is not None and known.level.rank >= Level.HIGH.rank:
        yield _found("meta-editor-task", Level.HIGH, path, f"has an editor run a command that {known.reason}", "T1204")
    if name.lower() in _ASSISTANTS or name.endswith((".mdc", "rules")):
        hit = _INJECTION.search(text)
        if hit is not None:
            reason = "tells coding assistants to act against their user"
            yield _found("meta-injection", Level.HIGH, path, reason, "T1204",
                         hit[0])  # fmt: skip


_ASSISTANTS = frozenset(
    [
        "skill.md",
        "llms.txt",
        ".windsurfrules",
        ".clinerules",
        "agents.md",
        "claude.md",
        ".cursorrules",
        "gemini.md",
        "settings.json",
        "copilot-instructions.md",
    ]
)
_INJECTION = re.compile(
    r"ignore (?:all |any )?(?:previous|prior|earlier) instructions|do not (?:tell|mention|inform)[^\n.]{0,40}user"
    r"|(?:curl|wget)\s[^\n]{0,200}\|\s*(?:ba)?sh|base64\s+-d\s*\|\s*(?:ba)?sh",
    re.IGNORECASE,
)


_USUAL = re.compile(
    r"://(?:[\w.-]+\.)?(?:npmjs\.(?:org|com)|yarnpkg\.com|npmmirror\.com|pypi\.org|pythonhosted\.org|pytorch\.org|nvidia\.com"
    r"|github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org|codeberg\.org|localhost|127\.0\.0\.1)[:/]"
)
_FROM = re.compile(
    r"\"resolved\"\s*:\s*\"((?:git\+)?https?://[^\"\s]+)|(?:--(?:extra-)?index-url|--find-links|\b(?:index|find)[_-](?:url|links))"
    r"\s*[=\s]\s*[\"']?(https?://[^\s\"',]+)"
)
_STARTED = re.compile(r"(?im)^\s*(?:script-shell|node-options|onload-script|init-module)\s*=\s*\S+")


def _elsewhere(path: str, name: str, text: str) -> Iterator[Finding]:
    """Lock files and requirements that take packages from a host nobody knows; settings that start code."""
    places = [one or other for one, other in _FROM.findall(text)[:5000]]
    strange = next((place for place in places if not _USUAL.search(f"{place}/")), "")
    if strange:
        reason = "takes packages from a host of its own"
        yield _found("meta-elsewhere", Level.HIGH, path, reason, "T1195.001", strange)
    started = _STARTED.search(text)
    if name == ".npmrc" and started is not None:
        yield _found("meta-npmrc-code", Level.HIGH, path, "has npm load or start something", "T1574", started[0])


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _startup(path: str, data: bytes) -> Iterator[Finding]:
    """.pth lines that run at each start of Python; a few well-known ones are ordinary."""
    for line in data.splitlines():
        if line.startswith((b"import ", b"import\t")) and not _ORDINARY_PTH.match(line):
            level = (
                Level.HIGH if re.search(rb"urlopen|subprocess|os\.system|b64|socket|requests", line) else Level.MEDIUM
            )
            yield _found("meta-pth-code", level, path, "runs code at each start of Python", "T1546.018", line)
            return


_ORDINARY_PTH = re.compile(
    rb"""import\ (?:os;\ var\ =\ 'SETUPTOOLS_USE_DISTUTILS'|__editable__|_virtualenv|coverage|matplotlib|distutils
    |hunter|sys,\ ?types,\ ?os;\s*(?:has_mfs|p\ =\ os\.path|importlib)|pywin32_bootstrap|pytest_cov|protobuf|site\b
    |zope|\w*_editable)""",
    re.VERBOSE,
)


def npm(path: str, package: Mapping[str, object]) -> Iterator[Finding]:
    """The same of a package.json: direct dependencies, odd versions, names that look like others."""
    name = str(package.get("name", ""))
    if not name.isascii():
        reason = "a name in which letters of several scripts stand"
        yield _found("meta-mixed-name", Level.HIGH, path, reason, "T1036.005", name)
    yield from odd_version(path, str(package.get("version", "")))
    for key in ("dependencies", "optionalDependencies"):
        wanted = package.get(key)
        for name, source in wanted.items() if isinstance(wanted, dict) else ():
            if re.match(r"(?:git\+)?(?:https?|ssh|git)://", str(source)) and not _GIT_HOSTS.search(str(source)):
                reason, quote = "depends on a file at an address, not in the index", f"{name}: {source}"
                yield _found("meta-direct-dependency", Level.HIGH, path, reason, "T1195.001", quote)
    offered = package.get("bin")
    for name in offered if isinstance(offered, dict) else ():
        if name in _COMMANDS and str(package.get("name", "")) not in _COMMANDS:
            reason = "offers a program under the name of a well-known one"
            yield _found("meta-shadowing", Level.HIGH, path, reason, "T1574.008", name)


def entropy(data: bytes) -> float:
    """Shannon's, in bits a byte."""
    if not data:
        return 0.0
    total = len(data)
    return -sum(n / total * math.log2(n / total) for n in Counter(data).values())


def package_json(data: bytes) -> dict[str, object]:
    """A package.json's object, empty when it is none (deep nesting and all)."""
    try:
        value = json.loads(data[:2_000_000])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
