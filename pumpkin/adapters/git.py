"""What a git repository holds, asked with as little trust and as few bytes as possible.

A tag is fetched shallow and without contents (`--filter=blob:none`): the tree names the blob ids, which is all a
comparison needs. Only https (and a folder given by the operator) may be spoken to, no hooks, no submodules, no
credentials, no prompts, no redirections; bytes and seconds are bounded. What a package names goes through
`adapters.forges` first.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pumpkin.errors import Unavailable

TIMEOUT_S = 60.0
OUTPUT_LIMIT = 64 * 1024 * 1024
DISK_LIMIT = 256 * 1024 * 1024
REFS_LIMIT = 100_000
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "credential.helper=",
         "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false", "-c", "gc.auto=0",
         "-c", "http.followRedirects=false", "-c", "transfer.bundleURI=false", "-c", "safe.directory=*")  # fmt: skip


class GitFailed(Unavailable):
    """The source repository could not be asked; it may be private, gone or out of reach."""

    code = "git_failed"


@dataclass(frozen=True, slots=True)
class Tree:
    """Files of one commit: path to blob id (SHA-1, hex). `ref` is the tag it was found by, empty for all history."""

    commit: str
    ref: str
    files: dict[str, str]


async def tag_tree(repository: str, version: str, name: str = "", *, timeout_s: float = TIMEOUT_S) -> Tree | None:
    """The tree at the tag of this version; None when the repository has no such tag. GitFailed when it cannot be asked.

    `repository` is an https address, or the path of a local one that the operator named.
    """
    async with asyncio.timeout(timeout_s):
        listed = await _git(None, "ls-remote", "--tags", "--", repository)
        refs = [line.partition("\t")[2] for line in listed.splitlines()[:REFS_LIMIT]]
        tag = best_tag(refs, version, name)
        return None if tag is None else await _tree(repository, tag, tag.removeprefix("refs/tags/"))


async def commit_tree(repository: str, commit: str, *, timeout_s: float = TIMEOUT_S) -> Tree:
    """The tree of one commit (its id in hex), as an attestation names it. GitFailed when it cannot be had."""
    if not _COMMIT.fullmatch(commit):
        raise GitFailed("the commit's id is none")
    async with asyncio.timeout(timeout_s):
        found = await _tree(repository, commit, "")
    if found.commit != commit:
        raise GitFailed("the repository answers with another commit")
    return found


async def _tree(repository: str, ref: str, name: str) -> Tree:
    with tempfile.TemporaryDirectory(prefix="pumpkin-git-") as folder:
        place = Path(folder)
        await _git(place, "init", "-q", "--bare", ".")
        await _git(place, "fetch", "-q", "--depth=1", "--no-tags", "--filter=blob:none", "--", repository, ref)
        commit = (await _git(place, "rev-parse", "FETCH_HEAD^{commit}")).strip()
        listed = await _git(place, "ls-tree", "-r", "-z", "FETCH_HEAD")
        return Tree(commit, name, _files(listed))


async def history(repository: str, *, timeout_s: float = TIMEOUT_S) -> Tree:
    """Every blob there ever was on any branch or tag, by its path of one time. GitFailed when it cannot be asked."""
    async with asyncio.timeout(timeout_s):
        with tempfile.TemporaryDirectory(prefix="pumpkin-git-") as folder:
            place = Path(folder)
            await _git(None, "clone", "-q", "--bare", "--filter=blob:none", "--", repository, str(place / "git"))
            listed = await _git(place / "git", "rev-list", "--objects", "--all", "--missing=print")
            files = {f"{number}/{path}": blob for number, (blob, _, path) in
                     enumerate(line.lstrip("?").partition(" ") for line in listed.splitlines())}  # fmt: skip
            return Tree("", "", files)


def best_tag(refs: list[str], version: str, name: str = "") -> str | None:
    """The tag that names the version: `1.2.3`, `v1.2.3`, `name-1.2.3`, `name@1.2.3`, `release/1.2.3`."""
    wanted = re.compile(rf"(?:^|[^0-9.]){re.escape(version)}$", re.IGNORECASE)
    tags = {ref.removesuffix("^{}") for ref in refs if ref.startswith("refs/tags/")}
    fitting = [ref for ref in tags if wanted.search(ref.removeprefix("refs/tags/"))]
    plain = name.lower().rpartition("/")[2]

    def distance(ref: str) -> tuple[int, int, str]:
        rest = ref.removeprefix("refs/tags/")[: -len(version)].lower().strip("-_@/v.")
        return (0 if rest in ("", plain, "release", "rel", "version") else 1, len(rest), ref)

    return min(fitting, key=distance, default=None)


def _files(listed: str) -> dict[str, str]:
    files = {}
    for line in listed.split("\0"):
        about, _, path = line.partition("\t")
        parts = about.split(" ")
        if len(parts) == 3 and parts[1] == "blob":
            files[path] = parts[2]
    return files


async def _git(place: Path | None, *arguments: str) -> str:
    """git's standard output; GitFailed when it ends otherwise than well or says more than it may."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
        "GIT_ALLOW_PROTOCOL": "https:file", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ASKPASS": "/bin/false", "GIT_LFS_SKIP_SMUDGE": "1",
        **{key: os.environ[key] for key in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy") if key in os.environ},
    }  # fmt: skip
    authorities = os.environ.get("GIT_SSL_CAINFO") or os.environ.get("SSL_CERT_FILE")
    if authorities:
        environment["GIT_SSL_CAINFO"] = authorities
    where = ("-C", str(place)) if place is not None else ()
    try:
        process = await asyncio.create_subprocess_exec(
            "git", *_SAFE, *where, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env=environment, preexec_fn=_limits(),
        )  # fmt: skip
    except FileNotFoundError:
        raise GitFailed("git is not installed") from None
    try:
        if process.stdout is None:
            raise GitFailed
        told = await process.stdout.read(OUTPUT_LIMIT + 1)
        while len(told) <= OUTPUT_LIMIT and (more := await process.stdout.read(OUTPUT_LIMIT + 1 - len(told))):
            told += more
        if len(told) > OUTPUT_LIMIT:
            raise GitFailed("the source repository is too large to be compared")
        if await process.wait() != 0:
            raise GitFailed
        return told.decode("utf-8", "surrogateescape")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _limits() -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_LIMIT, DISK_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return limit
