"""A Prosody of our own as a child process: configuration, certificates and accounts made by Pumpkin.

It listens where the embedded server would, for the same domain, with the same certificate authority. Accounts stay in
our store; Prosody gets their SCRAM verifiers (SHA-256) as files it reads at each authentication. It runs under a uid
that owns nothing else, dies with us, and is started again when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from pumpkin.adapters.xmppd.accounts import verifiers
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.errors import StartError, StartRefused

log = structlog.get_logger("pumpkin.prosody")
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_PR_SET_PDEATHSIG = 1
READY_S = 20.0
END_S = 5.0
PAUSES_S = (0.5, 30.0)
RENEW_S = 3_600.0
"""How often its certificate is looked at."""
SHARED = Path("/var/lib/pumpkin-prosody")
"""Where, as root, state lies that the data folder cannot hold: Prosody's uid may not go there."""

_CONFIG = """-- Made by Pumpkin at each start; changes are lost.
admins = {{ {admins} }}
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{folder}/prosody.log" }} }}
network_settings = {{ tcp_backlog = 1024, read_timeout = 900 }}
interfaces = {{ "{listen}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
modules_enabled = {{
    "disco", "roster", "saslauth", "tls", "pep", "ping", "register", "smacks", "offline", "admin_adhoc", "version"
}}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = true
c2s_stanza_size_limit = {stanza}
smacks_hibernation_time = 60
authentication = "internal_hashed"
password_hash = "SHA-256"
storage = "internal"
allow_registration = {registration}
ssl = {{ key = "{folder}/certs/server.key"; certificate = "{folder}/certs/server.pem" }}
{component}
VirtualHost "{domain}"
"""
_COMPONENT = """component_ports = {{ {port} }}
component_interfaces = {{ "127.0.0.1" }}
Component "{name}"
    component_secret = "{secret}"
"""


class Prosody:
    """A Prosody for `domain`, listening on `listen`. `folder` becomes its own; certificates come from `certificates`.

    With `port` 0 two free ones are taken. `component` is a name and secret to take a component by (XEP-0114), on
    `component_port`. `admins` are JIDs that may use XEP-0133.
    """

    def __init__(
        self,
        folder: Path,
        domain: str,
        listen: str,
        port: int,
        certificates: Certificates,
        *,
        stanza_size: int = 10 * 1024 * 1024,
        open_registration: bool = False,
        admins: tuple[str, ...] = (),
        component: tuple[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.domain = domain.casefold()
        self.port, self.tls_port, self.component_port = port, port + 1 if port else 0, 0
        self._listen, self._certificates = listen, certificates
        self._stanza_size, self._registration = stanza_size, open_registration
        self._admins, self._component = admins, component
        self._uid, self._gid = _whom()
        self._process: asyncio.subprocess.Process | None = None
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def ca_path(self) -> Path:
        """The authority clients verify the server with."""
        return self._certificates.ca_path

    async def start(self) -> None:
        """Until it takes connections. StartError when there is no Prosody, or it ends."""
        program = shutil.which("prosody")
        if program is None:
            raise StartRefused(
                "There is no Prosody here: install it (apt-get install prosody), or use --xmpp=embedded."
            )
        await asyncio.to_thread(self._prepare)
        self._process = await self._spawn(program)
        await self._ready(self._process)
        loop = asyncio.get_running_loop()
        self._keepers = [loop.create_task(self._keep(program)), loop.create_task(self._keep_certificate())]
        log.info("prosody listens", domain=self.domain, host=self._listen, port=self.port, tls_port=self.tls_port)

    async def stop(self) -> None:
        """End it, waiting a little for its goodbyes."""
        for keeper in self._keepers:
            keeper.cancel()
            await asyncio.wait([keeper])
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def renew(self) -> bool:
        """Make the certificate anew where it nears its end. Connections from now on are shown it; those that stand stay
        (Prosody takes keys anew by SIGHUP)."""
        if not await asyncio.to_thread(self._certificates.ensure):
            return False
        await asyncio.to_thread(self._place_certificate)
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGHUP)
        log.info("certificate renewed", file=str(self._certificates.chain_path))
        return True

    async def put_password(self, username: str, password: str) -> None:
        """An account by its password (one of ours, not in the store)."""
        scram = await asyncio.to_thread(verifiers, password)
        await self.put_account(username, scram)

    async def put_account(self, username: str, scram: Mapping[str, Any]) -> None:
        """Make an account, or replace its verifiers, from what the store keeps of it."""
        await asyncio.to_thread(self._write_account, username, scram["sha-256"])

    async def drop_account(self, username: str) -> None:
        """Let nobody in under this name any more; sessions that stand are ended by XEP-0133, not here."""
        await asyncio.to_thread(lambda: self._account(username).unlink(missing_ok=True))

    async def accounts(self) -> list[str]:
        """Who has an account now."""
        return await asyncio.to_thread(self._accounts)

    # -- its folder

    def _prepare(self) -> None:
        self._certificates.ensure()
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        for part in (self.folder, self.folder / "data", self.folder / "certs"):
            part.mkdir(exist_ok=True, mode=0o700)
            self._own(part)
        self._place_certificate()
        if not self.port:
            self.port, self.tls_port = _free_ports(self._listen)
        if self._component is not None and not self.component_port:
            self.component_port, _ = _free_ports("127.0.0.1")
        self._place(self.folder / "prosody.cfg.lua", self._config().encode())

    def _place_certificate(self) -> None:
        for name, path in (("pem", self._certificates.chain_path), ("key", self._certificates.key_path)):
            self._place(self.folder / "certs" / f"server.{name}", path.read_bytes())

    def _config(self) -> str:
        component = ""
        if self._component is not None:
            name, secret = self._component
            component = _COMPONENT.format(port=self.component_port, name=_plain(name), secret=_plain(secret))
        return _CONFIG.format(
            admins=", ".join(f'"{_plain(one)}"' for one in self._admins),
            folder=_plain(str(self.folder)),
            listen=_plain(self._listen),
            port=self.port,
            tls_port=self.tls_port,
            stanza=self._stanza_size,
            registration="true" if self._registration else "false",
            component=component,
            domain=_plain(self.domain),
        )

    def _account(self, username: str) -> Path:
        return self.folder / "data" / _encoded(self.domain) / "accounts" / f"{_encoded(username)}.dat"

    def _accounts(self) -> list[str]:
        folder = self._account("x").parent
        return [_decoded(one.stem) for one in folder.glob("*.dat")] if folder.is_dir() else []

    def _write_account(self, username: str, verifier: Mapping[str, Any]) -> None:
        path = self._account(username)
        for part in (path.parent.parent, path.parent):
            part.mkdir(exist_ok=True, mode=0o700)
            self._own(part)
        salt = "".join(f"\\{byte:03d}" for byte in b64decode(verifier["salt"]))
        keys = {one: b64decode(verifier[one]).hex() for one in ("stored_key", "server_key")}
        lines = [
            f'\t["iteration_count"] = {int(verifier["iterations"])};',
            f'\t["salt"] = "{salt}";',
            *(f'\t["{one}"] = "{key}";' for one, key in keys.items()),
        ]
        self._place(path, ("return {\n" + "\n".join(lines) + "\n};\n").encode())

    def _place(self, path: Path, content: bytes) -> None:
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        self._own(part)
        part.replace(path)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._uid, self._gid, follow_symlinks=False)

    # -- its process

    async def _spawn(self, program: str) -> asyncio.subprocess.Process:
        root, uid, gid, parent = os.geteuid() == 0, self._uid, self._gid, os.getpid()

        def become() -> None:
            if root:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            # After the uid is set, which would clear the signal (rulings.md 37).
            _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        return await asyncio.create_subprocess_exec(
            *(program, "-F", "--config", str(self.folder / "prosody.cfg.lua")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
            preexec_fn=become,
        )

    async def _keep_certificate(self, pause_s: float = RENEW_S) -> None:
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self.renew()
            except (StartError, OSError) as error:
                log.warning("certificate not taken", reason=str(error))

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._listen, self._listen)  # noqa: S104
        deadline = asyncio.get_running_loop().time() + READY_S
        while asyncio.get_running_loop().time() < deadline:
            if process.returncode is not None:
                raise StartError(f"Prosody ended at its start: {self._last_words()}")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, self.tls_port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise StartError(f"Prosody does not listen on {self._listen} port {self.port}: {self._last_words()}")

    async def _keep(self, program: str) -> None:
        pause_s = PAUSES_S[0]
        while self._process is not None:
            status = await self._process.wait()
            log.error("prosody ended; it is started again", status=status, said=self._last_words())
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSES_S[1])
            self._process = await self._spawn(program)
            with contextlib.suppress(StartError):
                await self._ready(self._process)
                pause_s = PAUSES_S[0]

    def _last_words(self) -> str:
        try:
            lines = (self.folder / "prosody.log").read_text("utf-8", "replace").splitlines()
        except OSError:
            return "it wrote no log"
        told = [line for line in lines[-50:] if "\terror\t" in line or "\twarn\t" in line] or lines
        return " ".join(told[-1].split())[:300] if told else "it wrote no log"


def folder_for(data: Path) -> Path:
    """Where a Prosody for the data folder `data` keeps its own: inside it, or where its user cannot go there, below
    `SHARED` under a name made of the data folder's."""
    place = data.resolve()
    reachable = all(one.stat().st_mode & 0o001 for one in (place, *place.parents))
    if os.geteuid() != 0 or reachable:
        return place / "prosody"
    return SHARED / hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


def make_password() -> str:
    """A password for an account of ours."""
    return secrets.token_urlsafe(24)


def _whom() -> tuple[int, int]:
    """The uid and gid it runs under: the distribution's `prosody`, or us when we are no root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    for name in ("prosody", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    raise StartError("No user was found to run Prosody as; start Pumpkin as an ordinary user.")


def _plain(text: str) -> str:
    """`text` for a Lua string; StartError for what does not belong there."""
    if not re.fullmatch(r"[A-Za-z0-9 ._~/@:+,=%\-\[\]]*", text):
        raise StartError(f"{text[:80]!r} cannot stand in Prosody's configuration.")
    return text


def _encoded(name: str) -> str:
    """A file name as Prosody's store writes it: all but letters and digits as %xx."""
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02x}" for byte in name.encode())


def _decoded(name: str) -> str:
    plain = re.sub(rb"%([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), name.encode())
    return plain.decode("utf-8", "replace")


def _free_ports(listen: str) -> tuple[int, int]:
    """Two free ports in a row."""
    family = socket.AF_INET6 if ":" in listen else socket.AF_INET
    for _ in range(200):
        first = 15_000 + secrets.randbelow(15_000)
        try:
            for port in (first, first + 1):
                with socket.socket(family, socket.SOCK_STREAM) as one:
                    one.bind((listen, port))
        except OSError:
            continue
        return first, first + 1
    raise StartError(f"No two free ports were found on {listen}.")
