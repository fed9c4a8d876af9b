"""Who may do what inside: the runner is root with a few capabilities, the package uid 10001 with none."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Mapping

UID = 10001
HOME = "/home/dev"
WORK = "/work"
OPEN_FILES = 4096
PROCESSES = 240
_DROP = (
    "/usr/bin/setpriv",
    f"--reuid={UID}",
    f"--regid={UID}",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
)


def dropped(argv: list[str]) -> list[str]:
    """`argv` run as the package's user, without groups, capabilities or a way to get any."""
    return [*_DROP, *argv]


def make_room(folders: tuple[str, ...]) -> None:
    """Hand the writable folders to the package's user (a tmpfs cannot be mounted as somebody's on every engine)."""
    for folder in folders:
        os.chown(folder, UID, UID)


def limit() -> None:
    """Limits that every child inherits, for engines that set none; a core dump would only fill the disk."""
    for what, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, OPEN_FILES)):
        try:
            resource.setrlimit(what, (value, value))
        except (OSError, ValueError):
            continue


def kill_all(patience_s: float = 2.0) -> int:
    """End every process of the package's user, whatever it is doing; how many there were.

    Done from a child with that uid by `kill(-1)`, which no fork storm outruns; repeated until none is left.
    """
    found = count()
    deadline = time.monotonic() + patience_s
    while count() and time.monotonic() < deadline:
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setresgid(UID, UID, UID)
                os.setresuid(UID, UID, UID)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass
        time.sleep(0.005)
    return found


def count() -> int:
    """Processes of the package's user that live (a zombie does not)."""
    return sum(1 for pid in os.listdir("/proc") if pid.isdigit() and _lives(pid))  # noqa: PTH208


def _lives(pid: str) -> bool:
    try:
        if os.stat(f"/proc/{pid}").st_uid != UID:  # noqa: PTH116
            return False
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return False


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a phase's process sees: nothing of the host's, the image's certificates, and the decoys."""
    base = {
        "PATH": f"{HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "dev",
        "LOGNAME": "dev",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",  # noqa: S108
    }
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        if name in os.environ:
            base[name] = os.environ[name]
    return base | dict(extra)
