"""docs/deploy/swarm.yaml on a swarm of two daemons, each in a network namespace of its own: another machine as far as
Docker can tell. PostgreSQL runs here, behind a port of the bridge between them.

usage: python -m scripts.trials.swarm IMAGE
"""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from tests.acceptance.product import ROOT
from tests.sandbox.samples import wheel

MIDDLE, NET = "pumpkin-swarm-0", "10.214.90"
STACK = ROOT / "docs" / "deploy" / "swarm.yaml"
SETTINGS = 'database = "{dsn}"\n[registries]\nosv = ""\n[packages]\norigins = false\n[sandbox]\nenabled = false\n'
TASKS = 12
SCOPES = ("packages:write", "packages:read")
UNTRUSTED = ssl._create_unverified_context()


class Failed(Exception):
    """Something is not as it must be; the text says what."""


class Daemon:
    """One dockerd in a namespace of its own, as machine `number` of the swarm."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number, self.folder = number, folder / f"daemon-{number}"
        self.space, self.ip = f"pumpkin-swarm-{number}", f"{NET}.{number + 10}"
        self.address = f"unix://{self.folder}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir()
        link = f"pkswarm{self.number}"
        ip("netns", "add", self.space)
        ip("-n", MIDDLE, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("-n", MIDDLE, "link", "set", link, "master", "between", "up")
        for words in (f"addr add {self.ip}/24 dev eth0", "link set eth0 up", "link set lo up",
                      f"route add default via {NET}.1"):  # fmt: skip
            ip("-n", self.space, *words.split())
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.space}", "dockerd", "--data-root", str(self.folder / "data"),
             "--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "pid"), "-H", self.address],
            stdout=log, stderr=log,
        )  # fmt: skip
        until(lambda: self.docker("info", "--format", "{{.ServerVersion}}", fails=True) != "", "a daemon", 60)

    def docker(self, *words: str, fails: bool = False, input: bytes | None = None) -> str:
        done = subprocess.run(["docker", "-H", self.address, *words], input=input, capture_output=True, check=False)
        if done.returncode and not fails:
            raise Failed(f"docker {' '.join(words)}: {done.stderr.decode()[-500:]}")
        return done.stdout.decode().strip() if not done.returncode else ""

    def running(self, service: str) -> list[str]:
        """The containers of one service here."""
        return self.docker(
            "ps", "--quiet", "--no-trunc", "--filter", f"label=com.docker.swarm.service.name=pumpkin_{service}"
        ).split()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.docker("swarm", "leave", "--force", fails=True)
            for one in self.docker("ps", "--quiet", fails=True).split():
                self.docker("rm", "--force", one, fails=True)
            self.process.terminate()
            self.process.wait(60)
        for mounted in (self.folder / "exec" / "netns").glob("*"):  # of networks that were not taken down in order
            subprocess.run(["umount", str(mounted)], check=False, capture_output=True)
        ip("netns", "del", self.space, fails=True)


def ip(*words: str, fails: bool = False) -> None:
    subprocess.run(["ip", *words], check=not fails, capture_output=fails)


def connect(stack: AsyncExitStack) -> None:
    """The wire between the machines and this one: a bridge in a namespace without rules, for the engine of this machine
    drops what it would forward."""
    ip("netns", "add", MIDDLE)
    stack.callback(ip, "netns", "del", MIDDLE, fails=True)
    ip("-n", MIDDLE, "link", "add", "between", "type", "bridge")
    ip("-n", MIDDLE, "link", "set", "between", "up")
    ip("link", "add", "pkswarm0", "type", "veth", "peer", "name", "here", "netns", MIDDLE)
    ip("-n", MIDDLE, "link", "set", "here", "master", "between", "up")
    ip("addr", "add", f"{NET}.1/24", "dev", "pkswarm0")
    ip("link", "set", "pkswarm0", "up")


def until(true: Callable[[], object], what: str, within_s: float = 120.0) -> float:
    """Seconds until it is so. Failed when it is not in time."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > within_s:
            raise Failed(f"not in {within_s:.0f} s: {what}")
        time.sleep(0.3)
    return time.monotonic() - began


@asynccontextmanager
async def reachable(socket: Path) -> AsyncIterator[int]:
    """PostgreSQL's socket as a port of the bridge."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_unix_connection(str(socket))

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while chunk := await source.read(65_536):
                    target.write(chunk)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(pump(reader, outer), pump(inner, writer))

    server = await asyncio.start_server(forward, f"{NET}.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Maker:
    """One server of the image beside the swarm, which makes keys and schema first (docs/nodes.md)."""

    def __init__(self, image: str, settings: Path) -> None:
        self.image, self.volume = image, subprocess.check_output(["docker", "volume", "create"], text=True).strip()
        self.settings = settings

    def keys(self) -> tuple[str, bytes]:
        """An API key, and the files of the installation's keys in a tar."""
        name = f"pumpkin-swarm-maker-{uuid.uuid4().hex[:8]}"
        subprocess.run(
            ["docker", "run", "--detach", "--name", name, *self._here(), self.image,
             "run", "--listen", "127.0.0.1:0", "--xmpp-port", "0", "--no-demo"], check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            there = ["docker", "exec", name, "test", "-e", "/var/lib/pumpkin/ready.json"]
            until(lambda: subprocess.run(there, check=False).returncode == 0, "the first server", 90)
            add = ["key", "add", "--name", "trial", "--json", *(one for each in SCOPES for one in ("--scope", each))]
            said = self._said(["docker", "exec", name, "/opt/pumpkin/bin/pumpkin", *add])
        finally:
            subprocess.run(["docker", "stop", "--time", "30", name], check=False, stdout=subprocess.DEVNULL)
            subprocess.run(["docker", "rm", "--force", name], check=False, stdout=subprocess.DEVNULL)
        script = "cd /var/lib/pumpkin && tar -c log-* tsa-* fleet-* xmpp"
        packed = subprocess.check_output(
            ["docker", "run", "--rm", *self._here(), "--entrypoint", "sh", self.image, "-c", script]
        )
        return str(json.loads(said)["key"]), packed

    def audit(self) -> str:
        """What `pumpkin audit` says of the log of all. Failed where it does not hold."""
        return self._said(["docker", "run", "--rm", *self._here(), self.image, "audit"]).strip()

    def remove(self) -> None:
        subprocess.run(["docker", "volume", "rm", "--force", self.volume], check=False, stdout=subprocess.DEVNULL)

    def _here(self) -> list[str]:
        volumes = ["--volume", f"{self.volume}:/var/lib/pumpkin", "--volume", f"{self.settings}:/run/settings:ro"]
        return ["--network", "host", *volumes, "--env", "PUMPKIN_CONFIG=/run/settings"]

    @staticmethod
    def _said(command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(command[-3:])}: {done.stdout}{done.stderr}")
        return done.stdout


def ask(daemon: Daemon, path: str, key: str = "", body: bytes | None = None, media: str = "") -> tuple[int, Any]:
    """One request to the server on that machine."""
    headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **({"Content-Type": media} if media else {})}
    asked = urllib.request.Request(f"https://{daemon.ip}:8000{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20, context=UNTRUSTED) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read()[:300]
    except (OSError, ValueError):
        return 0, None


def upload(daemon: Daemon, key: str, number: int) -> str:
    """A package handed in; its task."""
    name, content = wheel(f"swarmed{number}", f"NUMBER = {number}\n" + "x = 1\n" * 2_000)
    edge = uuid.uuid4().hex
    fields = {"ecosystem": "pypi", "package_name": f"swarmed{number}", "package_version": "1.0"}
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{one}"\r\n\r\n{value}\r\n' for one, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    status, said = ask(daemon, "/api/v1/upload/", key, body, f"multipart/form-data; boundary={edge}")
    if status not in (200, 202):
        raise Failed(f"an upload is answered {status}: {said}")
    return str(said["data"]["task_id"])


def ended(daemons: list[Daemon], key: str, task: str) -> bool:
    for daemon in daemons:
        status, said = ask(daemon, f"/api/v1/task/{task}/", key)
        if status == 200:
            if said["data"]["status"] == "failed":
                raise Failed(f"a task failed: {said['data']}")
            return bool(said["data"]["status"] == "completed")
    return False


def placed(first: Daemon) -> str:
    lines = first.docker(
        "service", "ps", "pumpkin_server", "pumpkin_worker", "--filter", "desired-state=running",
        "--format", "{{.Name}} on {{.Node}}: {{.CurrentState}}",
    )  # fmt: skip
    return "\n".join(f"    {line}" for line in sorted(lines.splitlines()))


async def main(image: str) -> int:
    with tempfile.TemporaryDirectory(prefix="pumpkin-swarm-", ignore_cleanup_errors=True) as name:
        async with AsyncExitStack() as stack:
            try:
                await trial(Path(name), image, stack)
            except Failed as error:
                print(f"FAILED: {error}")
                return 1
    print("passed: the stack file on a swarm of two daemons")
    return 0


async def trial(folder: Path, image: str, stack: AsyncExitStack) -> None:
    postgres = EmbeddedPostgres(folder / "postgres")
    (folder / "postgres").mkdir(mode=0o755)
    folder.chmod(0o755)
    await postgres.start()
    stack.push_async_callback(postgres.stop)
    connect(stack)
    port = await stack.enter_async_context(reachable(postgres.run / ".s.PGSQL.5432"))
    settings = folder / "pumpkin.toml"
    settings.write_text(SETTINGS.format(dsn=f"postgresql://pumpkin@{NET}.1:{port}/postgres"))
    daemons = [Daemon(folder, number) for number in (1, 2)]
    maker = Maker(image, settings)
    stack.callback(maker.remove)
    key, packed = await asyncio.to_thread(maker.keys)
    for daemon in daemons:
        stack.callback(daemon.stop)
    try:
        await asyncio.to_thread(run, daemons, image, key, settings, packed)
    except Failed:
        last_words(daemons)
        raise
    print(f"the log of all nodes: {await asyncio.to_thread(maker.audit)}")


def last_words(daemons: list[Daemon]) -> None:
    """What the swarm and the containers say, for who must find out."""
    shown = ["--no-trunc", "--format", "{{.Name}} {{.CurrentState}} {{.Error}}"]
    print(daemons[0].docker("stack", "ps", *shown, "pumpkin", fails=True))
    for daemon in daemons:
        for one in daemon.docker("ps", "--all", "--quiet", fails=True).split()[:6]:
            said = subprocess.run(["docker", "-H", daemon.address, "logs", "--tail", "8", one], capture_output=True,
                                  text=True, check=False)  # fmt: skip
            print(f"  {daemon.space} {one}: {said.stdout}{said.stderr}")


def run(daemons: list[Daemon], image: str, key: str, secret: Path, keys: bytes) -> None:
    first, second = daemons
    saved = secret.with_name("image.tar")
    subprocess.run(["docker", "save", "--output", str(saved), image], check=True)
    for daemon in daemons:
        daemon.start()
        daemon.docker("load", "--input", str(saved))
        place = ["--user", "0", "--entrypoint", "tar", "--volume", "pumpkin_server:/var/lib/pumpkin"]
        into = ["run", "--rm", "--interactive", "--network", "none", *place, image, "-x", "-C", "/var/lib/pumpkin"]
        daemon.docker(*into, input=keys)
    saved.unlink()
    first.docker("swarm", "init", "--advertise-addr", first.ip)
    token = first.docker("swarm", "join-token", "--quiet", "worker")
    second.docker("swarm", "join", "--token", token, f"{first.ip}:2377")
    print(f"a swarm of {len(first.docker('node', 'ls', '--quiet').split())} daemons", flush=True)

    first.docker("secret", "create", "pumpkin_database", str(secret))
    environment = {"PUMPKIN_IMAGE": image, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    deploy = ["stack", "deploy", "--resolve-image", "never", "--compose-file", str(STACK), "pumpkin"]
    subprocess.run(["docker", "-H", first.address, *deploy], env=environment, check=True, stdout=subprocess.DEVNULL)
    took = until(lambda: all(ask(one, "/ready")[0] == 200 for one in daemons), "both servers ready", 180)
    until(lambda: all(one.running("worker") for one in daemons), "a worker on each", 60)
    print(f"deployed: both servers ready after {took:.0f} s\n{placed(first)}", flush=True)

    task = upload(first, key, 0)
    took = until(lambda: ended([second], key, task), "a package's report", 90)
    print(f"a package handed to one server, its report read from the other after {took:.1f} s", flush=True)

    first.docker("service", "scale", "--detach", "pumpkin_worker=4")
    took = until(lambda: sum(len(one.running("worker")) for one in daemons) == 4, "four workers", 90)
    print(
        f"scaled to four workers in {took:.0f} s: {[len(one.running('worker')) for one in daemons]} on each", flush=True
    )

    tasks = [upload(daemons[number % 2], key, number) for number in range(1, TASKS + 1)]
    victims = [one.running("worker")[0] for one in daemons]
    for daemon, victim in zip(daemons, victims, strict=True):
        daemon.docker("kill", "--signal", "KILL", victim)
    took = until(lambda: all(ended(daemons, key, one) for one in tasks), "every task at its end", 180)
    print(f"{TASKS} packages, two workers killed meanwhile: all completed after {took:.0f} s", flush=True)
    until(lambda: sum(len(one.running("worker")) for one in daemons) == 4, "four workers again", 60)
    print("the swarm started both again: four workers run", flush=True)

    victim = first.running("server")[0]
    first.docker("kill", "--signal", "KILL", victim)
    task = upload(second, key, 99)
    took = until(lambda: ended([second], key, task), "a package while one server is away", 90)
    print(f"a server killed: the other serves, a package completed after {took:.1f} s", flush=True)
    took = until(lambda: ask(first, "/ready")[0] == 200, "the killed server again", 120)
    print(f"the killed one is ready again after {took:.0f} s more\n{placed(first)}", flush=True)

    first.docker("stack", "rm", "pumpkin")
    until(lambda: not any(one.docker("ps", "--quiet") for one in daemons), "every container gone", 90)
    print("removed: no container left", flush=True)


if __name__ == "__main__":
    if shutil.which("docker") is None or len(sys.argv) != 2:
        raise SystemExit("usage: python -m scripts.trials.swarm IMAGE (docker and root needed)")
    raise SystemExit(asyncio.run(main(sys.argv[1])))
