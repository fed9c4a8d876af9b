"""A forge is asked as listed and not otherwise: over TLS, by git itself, moves followed only among the listed hosts."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pumpkin.adapters import git
from pumpkin.adapters.forges import Forges, NotShown
from pumpkin.adapters.origins import Origins
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.analysis import static
from pumpkin.analysis.provenance import Provenance, State

BODY = "def answer():\n    return 42  # a body that is long enough to prove something\n"


def run(place: Path, *argv: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    return subprocess.run(["git", *who, *argv], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


class Forge:
    """A forge that serves one repository by git's own server program; it counts what it is asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.base, self.host, self.trust = root, "", "", True
        self.asked: list[str] = []
        self.secrets: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.secrets += [request.headers[key] for key in ("Authorization", "Cookie") if key in request.headers]
        if request.path.startswith("/old/"):
            raise web.HTTPMovedPermanently(request.path_qs.replace("/old/", "/a/", 1))
        if request.path.startswith("/away/"):
            raise web.HTTPFound("https://169.254.169.254/latest/info/refs?service=git-upload-pack")
        if request.path.startswith("/round/"):
            raise web.HTTPFound(request.path_qs)
        if request.path.startswith("/private/"):
            raise web.HTTPUnauthorized
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path, "QUERY_STRING": request.query_string, "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""), "GIT_CONFIG_GLOBAL": "/dev/null",
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""), "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowFilter", "GIT_CONFIG_VALUE_1": "true",
            "GIT_CONFIG_KEY_2": "uploadpack.allowReachableSHA1InWant", "GIT_CONFIG_VALUE_2": "true",
            "HTTP_GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
        )
        told, _ = await process.communicate(await request.read())
        head, _, body = told.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        return web.Response(status=status, headers=headers, body=body)


@pytest.fixture
async def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Forge]:
    made = Forge(tmp_path / "srv")
    place = made.root / "a" / "project"
    place.mkdir(parents=True)
    run(place, "init", "-q")
    (place / "a.py").write_text(BODY)
    (place / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = https://169.254.169.254/x\n')
    run(place, "add", ".")
    run(place, "commit", "-qm", "one")
    run(place, "tag", "v1.0.0")
    certificates = Certificates(tmp_path / "tls", "localhost")
    certificates.ensure()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.context())
    await site.start()
    port = runner.addresses[0][1]
    made.host, made.base = f"localhost:{port}", f"https://localhost:{port}"
    made.trust = ssl.create_default_context(cafile=str(certificates.ca_path))  # type: ignore[assignment]
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificates.ca_path))
    monkeypatch.setenv("NO_PROXY", "localhost")
    yield made
    await runner.cleanup()


async def test_a_listed_forge_gives_tag_and_commit_over_tls(forge: Forge) -> None:
    forges = Forges([forge.host], forge.trust)
    address = await forges.reach(f"{forge.base}/a/project")
    tree = await git.tag_tree(address, "1.0.0")
    assert tree is not None
    assert (tree.ref, sorted(tree.files)) == ("v1.0.0", [".gitmodules", "a.py"])
    assert (await git.commit_tree(address, tree.commit)).files == tree.files
    assert forge.secrets == []
    with pytest.raises(git.GitFailed):
        await git.commit_tree(address, "0" * 40)


async def test_a_repository_that_moved_is_followed_among_the_listed_hosts(forge: Forge) -> None:
    forges = Forges([forge.host], forge.trust)
    assert await forges.reach(f"{forge.base}/old/project") == f"{forge.base}/a/project"
    with pytest.raises(NotShown, match=r"169\.254\.169\.254 is none of the hosts"):
        await forges.reach(f"{forge.base}/away/project")
    with pytest.raises(git.GitFailed, match="on and on"):
        await forges.reach(f"{forge.base}/round/project")
    with pytest.raises(git.GitFailed):  # git itself follows nowhere
        await git.tag_tree(f"{forge.base}/old/project", "1.0.0")


@pytest.mark.parametrize("path", ["/a/nothing", "/private/project"])
async def test_what_is_not_shown_is_said(forge: Forge, path: str) -> None:
    with pytest.raises(NotShown, match="shows no such repository"):
        await Forges([forge.host], forge.trust).reach(forge.base + path)


async def test_why_a_host_gives_nothing_is_said(forge: Forge) -> None:
    with pytest.raises(git.GitFailed, match="certificate"):
        await Forges([forge.host]).reach(f"{forge.base}/a/project")
    with pytest.raises(git.GitFailed, match="is there a network"):
        await Forges(["forge.invalid"]).reach("https://forge.invalid/a/b")
    with pytest.raises(git.GitFailed, match="cannot be reached"):
        await Forges(["localhost:1"]).reach("https://localhost:1/a/b")


@pytest.mark.parametrize(
    "address",
    ["http://forge.example/a/b", "https://other.example/a/b", "https://user:word@forge.example/a/b", "file:///etc",
     "https://forge.example:8443/a/b", "https://evil-forge.example/a/b", "https://forge.example.evil.test/a/b",
     "ssh://forge.example/a/b", "--upload-pack=x", "https://[::1", "https://127.0.0.1/a/b", "", "https:///a"],
)  # fmt: skip
def test_no_other_address_is_asked(address: str) -> None:
    with pytest.raises(NotShown):
        Forges(["forge.example", "*.below.example"]).check(address)


def test_all_below_a_host_may_be_listed() -> None:
    forges = Forges(["*.below.example", "Forge.Example"])
    for host in ("a.below.example", "b.a.below.example", "forge.example", "FORGE.example"):
        assert forges.check(f"https://{host}/a/b")
    with pytest.raises(NotShown):
        forges.check("https://below.example/a/b")


async def test_an_attested_commit_is_compared_instead_of_a_tag(forge: Forge) -> None:
    place = forge.root / "a" / "project"
    commit = run(place, "rev-parse", "HEAD")
    run(place, "tag", "-d", "v1.0.0")
    scan = static.scan_files({"a.py": BODY.encode()}, "a-1.0.0", "pypi")
    signed = Provenance(State.VERIFIED, repository=f"{forge.base}/a/project", commit=commit)
    origins = Origins(Forges([forge.host], forge.trust))
    found = await origins.of(scan, "1.0.0", "a", signed)
    assert (found.state, found.compared["commit"], [one.rule for one in found.findings]) == (
        "attested", commit, ["source-verified"],
    )  # fmt: skip
    changed = static.scan_files({"a.py": BODY.encode(), "evil.py": BODY.encode() * 2}, "a-1.0.0", "pypi")
    found = await origins.of(changed, "1.0.0", "a", signed)
    assert (found.state, found.compared["phantom"]) == ("partly", ("evil.py",))


async def test_without_git_it_is_said(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(git.GitFailed, match="git is not installed"):
        await git.tag_tree(f"{forge.base}/a/project", "1.0.0")
