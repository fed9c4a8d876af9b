"""Who may do what inside: the runner is root with a few capabilities, the package uid 10001 with none."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Mapping
from typing import NoReturn

UID = 10001
HOME = "/home/dev"
WORK = "/work"
OPEN_FILES = 4096
_DROP = (
    *("/usr/bin/choom", "-n", "1000", "--"),  # when memory runs out, the package goes and the runner stays
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


class Reaper:
    """Ends every process of the package's user, whatever it is doing.

    A child that waits, made while there is room for one more process: after a fork storm there is none. When called it
    takes the package's uid and sends `kill(-1)`, which no storm outruns.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _reap(self._read, self._write)

    def __call__(self, patience_s: float = 2.0) -> int:
        """Do it, once; how many processes there were."""
        found = count()
        os.close(self._read)
        if found:
            os.write(self._write, b"!")
        os.close(self._write)
        _wait(self._pid)
        deadline = time.monotonic() + patience_s
        while count() and time.monotonic() < deadline:  # it was killed itself, in the moment that it could be
            time.sleep(0.005)
            with contextlib.suppress(OSError):
                if (child := os.fork()) == 0:
                    _kill()
                _wait(child)
        return found


def _reap(read: int, write: int) -> NoReturn:
    os.close(write)
    if os.read(read, 1):
        _kill()
    os._exit(0)


def _kill() -> NoReturn:
    try:
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)
        for _ in range(3):
            os.kill(-1, signal.SIGKILL)
    finally:
        os._exit(0)


def _wait(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


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
