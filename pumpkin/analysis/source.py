"""Where a package says its source lies, and how far the released files are what that source holds.

A claim is worth little; comparing git blob ids is worth a lot: the right repository matches, a wrong one does not. The
states, best first: *attested* (a signed statement names repository and commit), *verified* (each code file is at the
tag), *matched* (each stands somewhere in the history), *partly* (some files are only in the release), *claimed*
(a repository is named, nothing was compared), *mismatch* (it is another project's), *none*.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any

from pumpkin.analysis.scans import FileFact
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "source"
GOOD_STATES = frozenset({"attested", "verified", "matched"})
PEELING = "lastpymile"
LIST_LIMIT = 200
_HOSTS = (
    r"github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|git\.sr\.ht|opendev\.org|framagit\.org|salsa\.debian\.org"
)
_HOSTS += r"|(?:git|gitlab|gitea|forgejo)\.[\w.-]+"
_REPOSITORY = re.compile(
    rf"(?:https?|git|ssh)(?:\+\w+)?://(?:[\w.-]+@|www\.)?({_HOSTS})[/:]([\w.~-]+)/([\w.-]+)", re.IGNORECASE
)
_SHORT = re.compile(r"^(?:(github|gitlab|bitbucket):)?([\w.-]+)/([\w.-]+)$")
_NOT_REPOSITORIES = frozenset({"sponsors", "orgs", "features", "marketplace", "apps", "topics", "about"})
_INSIDE = frozenset({"-", "tree", "blob", "raw", "issues", "merge_requests", "wikis", "commits", "releases", "tags"})
_PART = re.compile(r"[\w.-]+[\w-]")
_LABELS = {
    "source": 5,
    "source code": 5,
    "repository": 5,
    "code": 5,
    "github": 4,
    "gitlab": 4,
    "homepage": 3,
    "home": 3,
}
_CODE = (".py", ".pyx", ".js", ".cjs", ".mjs", ".ts", ".rb", ".rs", ".php", ".java", ".go", ".c", ".h", ".cpp", ".sh",
         ".pth")  # fmt: skip
_GENERATED = re.compile(
    r"""\.dist-info/|\.egg-info/|(?:^|/)PKG-INFO$|(?:^|/)(?:_?version|__about__|_version_info)\.py$|\.min\.js$|\.map$|\.d\.[cm]?ts$
    |(?:^|/)(?:dist|build|lib|esm|cjs|umd|es|out|bundles?)/|(?:^|/)package\.json$|(?:^|/)setup\.cfg$|_pb2(?:_grpc)?\.pyi?$
    |\.(?:so|pyd|dll|dylib|mo|pyc)$|(?:^|/)Cargo\.(?:toml|lock)(?:\.orig)?$|\.cargo_vcs_info\.json$|(?:^|/)metadata\.gz$""",
    re.VERBOSE,
)
_TRIVIAL = 48


@dataclass(frozen=True, slots=True)
class Candidate:
    """A repository the package names: its address, where it is named, how likely it is the source, a folder in it."""

    url: str
    why: str
    score: int
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Files of the release beside a source tree, by path (at most 200 each); `ratio` of the code files that match."""

    state: str
    same: int
    generated: tuple[str, ...]
    changed: tuple[str, ...]
    phantom: tuple[str, ...]
    ratio: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def candidates(files: Mapping[str, bytes], name: str = "") -> list[Candidate]:
    """The repositories the package's papers and README name, likeliest first, each once."""
    found: dict[str, Candidate] = {}
    for candidate in (*_papers(files), *_readme(files, name)):
        known = found.get(candidate.url.lower())
        alike = 2 if name and _plain(name) in _plain(candidate.url.rsplit("/", 1)[-1]) else 0
        better = Candidate(candidate.url, candidate.why, candidate.score + alike, candidate.folder)
        if known is None or better.score > known.score:
            found[candidate.url.lower()] = better
    return sorted(found.values(), key=lambda one: (-one.score, one.url))[:10]


def repository(text: str) -> str | None:
    """The repository an address leads to, without what lies inside it; None for anything else."""
    text = text.strip().removeprefix("scm:git:").removeprefix("scm:").replace("git@github.com:", "https://github.com/")
    hit = _REPOSITORY.search(text if "://" in text else f"https://{text}")
    if hit is None:
        return None
    host, owner, project = hit[1].lower(), hit[2], hit[3].rstrip(".")
    if "gitlab" in host and not project.endswith(".git"):  # groups there have groups in them
        for part in hit.string[hit.end() :].split("/")[1:6]:
            if part in _INSIDE or not _PART.fullmatch(part):
                break
            project += f"/{part}"
    project = project.removesuffix(".git")
    return None if owner.lower() in _NOT_REPOSITORIES or not project else f"https://{host}/{owner}/{project}"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "", name.lower().rpartition("/")[2]).removeprefix("python").removesuffix("js")


def _papers(files: Mapping[str, bytes]) -> Iterator[Candidate]:
    for path, data in files.items():
        last = path.rsplit("/", 1)[-1]
        if path.count("/") > 1 and not path.endswith(".dist-info/METADATA"):
            continue
        if path.endswith((".dist-info/METADATA", "PKG-INFO")):
            yield from _python(data)
        elif last == "package.json":
            yield from _npm(data)
        elif last == "Cargo.toml":
            yield from _cargo(data)
        elif last == "composer.json":
            yield from _composer(data)
        elif last.endswith((".gemspec", "metadata", "pom.xml")):
            for url in _all(data.decode("utf-8", "replace")):
                yield Candidate(url, last, 4)


def _python(data: bytes) -> Iterator[Candidate]:
    headers = BytesHeaderParser(policy=compat32).parsebytes(data[:500_000])
    for line in headers.get_all("Project-URL", []):
        label, _, address = str(line).partition(",")
        if (url := repository(address)) is not None:
            yield Candidate(url, f"Project-URL {quoted(label, 40)}", _LABELS.get(label.strip().lower(), 2))
    for field in ("Home-page", "Download-URL"):
        if (url := repository(str(headers.get(field, "")))) is not None:
            yield Candidate(url, field, 3)


def _npm(data: bytes) -> Iterator[Candidate]:
    paper = _json(data)
    listed = paper.get("repository")
    address = str(listed.get("url", "")) if isinstance(listed, dict) else str(listed or "")
    folder = str(listed.get("directory", "")) if isinstance(listed, dict) else ""
    short = _SHORT.match(address)
    if short is not None:
        host = {"gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}.get(short[1] or "", "github.com")
        address = f"https://{host}/{short[2]}/{short[3]}"
    if (url := repository(address)) is not None:
        yield Candidate(url, "repository", 5, folder.strip("/"))
    bugs = paper.get("bugs")
    told = {"homepage": paper.get("homepage"), "bugs": bugs.get("url") if isinstance(bugs, dict) else bugs}
    for field, value in told.items():
        if (url := repository(str(value or ""))) is not None:
            yield Candidate(url, field, 3)


def _cargo(data: bytes) -> Iterator[Candidate]:
    try:
        package = tomllib.loads(data.decode("utf-8", "replace")).get("package", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for field, score in (("repository", 5), ("homepage", 3)):
        if isinstance(package, dict) and (url := repository(str(package.get(field, "")))) is not None:
            yield Candidate(url, field, score)


def _composer(data: bytes) -> Iterator[Candidate]:
    paper = _json(data)
    support = paper.get("support")
    named = support.get("source") if isinstance(support, dict) else ""
    for field, value in (("support.source", named), ("homepage", paper.get("homepage"))):
        if (url := repository(str(value or ""))) is not None:
            yield Candidate(url, field, 5 if field != "homepage" else 3)


def _readme(files: Mapping[str, bytes], name: str) -> Iterator[Candidate]:
    """Links of the README to a repository of the package's own name."""
    for path, data in files.items():
        if re.search(r"(?:^|/)readme[^/]*$", path, re.IGNORECASE) and path.count("/") <= 1 and name:
            for url in _all(data[:200_000].decode("utf-8", "replace")):
                if _plain(url.rsplit("/", 1)[-1]) == _plain(name):
                    yield Candidate(url, "README", 2)


def _all(text: str) -> list[str]:
    return list(dict.fromkeys(url for hit in _REPOSITORY.finditer(text) if (url := repository(hit[0])) is not None))[
        :50
    ]


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data[:2_000_000])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def compare(files: Mapping[str, FileFact], tree: Mapping[str, str], *, whole_history: bool = False) -> Comparison:
    """Each file of the release beside the source's blob ids by path (SHA-1 in hex).

    `whole_history` says that the tree holds all blobs ever, not those of one tag. Empty and tiny files prove nothing
    and are not counted.
    """
    blobs = set(tree.values())
    names = {path.rsplit("/", 1)[-1] for path in tree}
    same, code = 0, 0
    generated: list[str] = []
    changed: list[str] = []
    phantom: list[str] = []
    for path, fact in sorted(files.items()):
        inner = inside(path)
        if fact.size < _TRIVIAL or "!" in path:
            continue
        matches = fact.blob in blobs or (fact.unix and fact.unix in blobs)
        counted = inner.endswith(_CODE) and not _GENERATED.search(f"/{inner}")
        code += counted
        if matches:
            same += counted
        elif not counted:
            generated.append(inner)
        elif inner.rsplit("/", 1)[-1] in names and _near(inner, tree):
            changed.append(inner)
        else:
            phantom.append(inner)
    ratio = same / code if code else 0.0
    state = "none" if not code else _state(ratio, bool(changed or phantom), whole_history=whole_history)
    made, other, only = (tuple(paths[:LIST_LIMIT]) for paths in (generated, changed, phantom))
    return Comparison(state, same, made, other, only, round(ratio, 3))


def _near(inner: str, tree: Mapping[str, str]) -> bool:
    """Is there a file of that name below a folder of that name, as with `src/` layouts?"""
    tail = "/".join(inner.split("/")[-2:])
    return any(path == tail or path.endswith(f"/{tail}") for path in tree)


def _state(ratio: float, rest: bool, *, whole_history: bool) -> str:
    if not rest:
        return "matched" if whole_history else "verified"
    return "partly" if ratio >= 0.3 else "mismatch"


def inside(path: str) -> str:
    """The path without the folder sdists, npm tarballs and crates put around everything."""
    head, slash, rest = path.partition("/")
    around = head == "package" or re.search(r"-v?\d", head) is not None
    return rest if slash and around and not head.endswith((".dist-info", ".data")) else path


def findings(compared: Comparison, url: str, static: Iterable[Finding] = ()) -> list[Finding]:
    """What the comparison means: good evidence, or files only the release has, heavier where rules speak of them."""
    if compared.state in GOOD_STATES:
        reason = f"every code file is in the source repository ({compared.same} files)"
        return [_found("source-verified", Level.GOOD, reason, url)]
    if compared.state == "mismatch":
        reason = "the repository named is not the source of this release"
        return [_found("source-mismatch", Level.MEDIUM, reason, url)]
    only = set(compared.phantom)
    risky = [one for one in static if inside(one.file) in only and one.level.rank >= Level.MEDIUM.rank]
    found = [
        Finding(PEELING, "source-phantom-risky", Level.HIGH, Group.PROVENANCE,
                quoted(f"only the release has it: {one.reason}", 300), one.tactic, one.file, one.line, one.quote)
        for one in risky[:10]
    ]  # fmt: skip
    if compared.phantom or compared.changed:
        reason = (
            f"{len(compared.phantom)} code files are only in the release, {len(compared.changed)} differ from the tag"
        )
        shown = quoted(", ".join((*compared.phantom, *compared.changed)[:5]))
        found.append(Finding(PEELING, "source-phantom", Level.LOW, Group.PROVENANCE, reason, "T1195.002", quote=shown))
    return found


def _found(rule: str, level: Level, reason: str, url: str) -> Finding:
    return Finding(TOOL, rule, level, Group.PROVENANCE, reason, quote=quoted(url))
