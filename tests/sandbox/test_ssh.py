"""An engine on another machine, reached by OpenSSH's client: the far side is a real SSH server on this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from pumpkin.adapters.engine import Engine, EngineSettings, Job
from pumpkin.adapters.engines import ways
from pumpkin.adapters.engines.guarding import PROGRAM
from pumpkin.adapters.engines.sandbox import LABEL
from pumpkin.model.reports import Artifact
from tests.sandbox import laboratory
from tests.sandbox.samples import wheel
from tests.sandbox.test_guardian import made

pytestmark = pytest.mark.timeout(120)


class Far(asyncssh.SSHServer):
    """Lets in who has the key, and remembers what was asked for."""

    def begin_auth(self, username: str) -> bool:
        return True


async def _pump(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
        target.write_eof()


@asynccontextmanager
async def host(folder: Path, asked: list[str]) -> AsyncIterator[int]:
    """An SSH server whose one user's commands run in this machine's shell; its port."""

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        asked.append(process.command or "")
        shell = await asyncio.create_subprocess_shell(
            process.command or "false", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert shell.stdin is not None
        assert shell.stdout is not None
        await asyncio.gather(_pump(process.stdin, shell.stdin), _pump(shell.stdout, process.stdout))
        process.exit(await shell.wait())

    client, server = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    client.write_private_key(str(folder / "key"))
    (folder / "key").chmod(0o600)
    client.write_public_key(str(folder / "allowed"))
    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Far, server_host_keys=[server], authorized_client_keys=str(folder / "allowed"),
        process_factory=run, encoding=None,
    )  # fmt: skip
    port = listener.get_port()
    known = server.export_public_key().decode().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {known[0]} {known[1]}\n")
    async with listener:
        yield port


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """OpenSSH's own client, with a configuration of this test's instead of this user's."""
    config = tmp_path / "config"
    config.write_text(f"IdentityFile {tmp_path}/key\nIdentitiesOnly yes\nUserKnownHostsFile {tmp_path}/known\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {shlex.quote(str(config))} "$@"\n')
    (tmp_path / "bin/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    return tmp_path


async def test_an_engine_by_ssh_is_used_like_a_near_one(engine_settings: EngineSettings, client: Path) -> None:
    asked: list[str] = []
    path = engine_settings.address.removeprefix("unix://")
    async with host(client, asked) as port:
        settings = replace(engine_settings, address=f"ssh://dev@127.0.0.1:{port}{path}")
        actor = await laboratory.supervisor(settings, warm=0, blank={})
        report = await actor.analyse(Job("pypi", archive=wheel("sample", "VALUE = 1\n")), Artifact("pypi"))
        await laboratory.stop(actor)
    assert [phase.status for phase in report.phases] == ["completed"] * 3
    assert not report.findings
    assert all(f"docker -H unix://{path} system dial-stdio" in one for one in asked)


async def test_the_guardian_goes_the_same_way(engine_settings: EngineSettings, client: Path) -> None:
    async with host(client, []) as port, Engine(engine_settings, laboratory.INSTANCE) as near:
        left = await near.sandbox()
        way = ways.plainly(f"ssh://dev@127.0.0.1:{port}", None)
        argv = (sys.executable, "-I", "-S", str(PROGRAM), f"{LABEL}.life={near.owner.life}", way)
        one = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)  # as of a killed server
        try:
            async with asyncio.timeout(10):
                while await made(near.docker, laboratory.INSTANCE):
                    await asyncio.sleep(0.05)
        finally:
            one.kill()
            await one.wait()
        await left.close()


async def test_a_host_nobody_knows_is_refused_and_the_reason_is_said(
    engine_settings: EngineSettings, client: Path
) -> None:
    async with host(client, []) as port:
        (client / "known").write_text("")
        async with Engine(replace(engine_settings, address=f"ssh://dev@127.0.0.1:{port}")) as engine:
            assert "Host key verification failed" in (await engine.check()).problem


async def test_a_host_that_does_not_answer_is_said(engine_settings: EngineSettings, client: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with Engine(replace(engine_settings, address=f"ssh://dev@127.0.0.1:{port}")) as engine:
        assert "Connection refused" in (await engine.check()).problem


@pytest.mark.parametrize("address", ["ssh://", "ssh://dev:word@host", "ssh://host/run/a;b", "ssh://host?x=1"])
async def test_what_is_no_address_by_ssh_is_said(engine_settings: EngineSettings, address: str) -> None:
    async with Engine(replace(engine_settings, address=address)) as engine:
        assert "by ssh it is ssh://USER@HOST" in (await engine.check()).problem


def test_no_host_is_taken_for_an_option() -> None:
    argv = ways.command("ssh://-oProxyCommand=x/run/docker.sock")
    assert argv[argv.index("--") + 1] == "-oproxycommand=x"
    assert json.loads(ways.plainly("ssh://host", None))["argv"][0] == "ssh"
