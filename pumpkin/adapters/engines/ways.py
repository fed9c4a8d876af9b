"""The ways to an engine: a socket of this machine, TCP with TLS, or OpenSSH's client, as the address says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiodocker import Docker

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

CONTACT_S = 5.0
TLS_PORT = 2376
# as Docker's own client does; podman has the same command, and its path stands in the address
FAR = (
    "if command -v docker >/dev/null; then exec docker {host}system dial-stdio; fi; exec podman {url}system dial-stdio"
)
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files for an engine over TLS; an empty path is one that is not needed."""

    ca: str = ""
    certificate: str = ""
    key: str = ""

    @classmethod
    def of_environment(cls) -> Self | None:
        """Those that Docker's own variables name, where they ask for TLS."""
        if os.environ.get("DOCKER_TLS_VERIFY", "") in ("", "0"):
            return None
        folder = Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
        return cls(*(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")))

    def context(self) -> ssl.SSLContext:
        """What a client uses. Raises OSError (SSLError too) for files that cannot be used."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        return context


def client(address: str, certificates: Certificates | None) -> Docker:
    """A client that has not asked anything yet. Raises ValueError for an address that is none, OSError for files."""
    timeout = aiohttp.ClientTimeout(total=None, connect=2 * CONTACT_S, sock_connect=CONTACT_S)
    if address.startswith("ssh://"):
        return Docker(url="unix://localhost", connector=Ssh(command(address)), timeout=timeout)
    tls = _certificates(address, certificates)
    if tls is not None:
        address = f"https://{address.removeprefix('tcp://')}"  # aiodocker would speak plainly
    return Docker(url=address, ssl_context=tls.context() if tls else None, timeout=timeout)


def plainly(address: str, certificates: Certificates | None) -> str:
    """The same way as JSON, for the program that waits beside us. Raises ValueError for an address that is none."""
    if address.startswith("unix://"):
        return json.dumps({"path": address.removeprefix("unix://")})
    if address.startswith("ssh://"):
        return json.dumps({"argv": command(address)})
    tls, to = _certificates(address, certificates), urlsplit(address)
    way: dict[str, Any] = {"host": to.hostname or "", "port": to.port or TLS_PORT}
    return json.dumps(way | ({"pem": [tls.ca, tls.certificate, tls.key]} if tls else {}))


def command(address: str) -> list[str]:
    """OpenSSH's client, whose input and output are the engine at `ssh://[USER@]HOST[:PORT][/SOCKET]`. It asks nothing:
    a key that needs a word is its agent's, and the host is a known one. Raises ValueError."""
    to = urlsplit(address)
    path = to.path.rstrip("/")
    if not to.hostname or to.password or to.query or to.fragment or not _SAFE.issuperset(path):
        raise ValueError("by ssh it is ssh://USER@HOST, with :PORT and the path of the engine's socket where needed")
    far = FAR.format(host=f"-H unix://{path} " if path else "", url=f"--url unix://{path} " if path else "")
    return ["ssh", "-T", "-oBatchMode=yes", f"-oConnectTimeout={CONTACT_S:.0f}", "-oServerAliveInterval=5",
            "-oServerAliveCountMax=2", *_port(to), *_user(to), "--", to.hostname, far]  # fmt: skip


class Ssh(aiohttp.BaseConnector):
    """Each connection is one client of OpenSSH, which ends with it; `said` is what the last one complained of."""

    allowed_protocol_schema_set = aiohttp.BaseConnector.allowed_protocol_schema_set | {"unix"}

    def __init__(self, argv: list[str]) -> None:
        super().__init__()
        self._argv = argv
        self._hearing: set[asyncio.Task[None]] = set()
        self.said = ""

    async def _create_connection(self, req: object, traces: object, timeout: object) -> ResponseHandler:
        self.said = ""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        task = self._loop.create_task(self._hear(process))
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)
        _, protocol = await self._loop.create_unix_connection(self._factory, sock=ours)
        return protocol

    async def ended(self) -> None:
        """After it was closed: its clients have gone, or are ended."""
        if self._hearing:
            await asyncio.wait(self._hearing, timeout=CONTACT_S)
        for task in tuple(self._hearing):
            task.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        try:
            async for line in process.stderr:
                self.said = line.decode("utf-8", "replace").strip()[:300]
            await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def _certificates(address: str, given: Certificates | None) -> Certificates | None:
    return (given or Certificates.of_environment()) if address.startswith("tcp://") else None


def _port(to: SplitResult) -> list[str]:
    return ["-p", str(to.port)] if to.port else []


def _user(to: SplitResult) -> list[str]:
    return ["-l", to.username] if to.username else []
