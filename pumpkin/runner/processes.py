"""The tree of processes: who started whom, as what program, from where, and how each ended."""

from __future__ import annotations

import os
import re
from typing import Any

from pumpkin.runner.lines import Call, End, Reader, decoration, parts, strings, text
from pumpkin.runner.telling import Teller

PROCESS_LIMIT = 5_000
ARGV_LIMIT, ARG_LIMIT = 64, 2_000
BOOT = ("/usr/bin/choom", "/usr/bin/setpriv")  # what stands before the package's first program

_COMPILER = re.compile(
    r"rustc|cc|collect2|as|(?:[a-z0-9_]+-linux-gnu-)?(?:gcc(?:-\d+)?|ld(?:\.\w+)?|as)|lto-wrapper|unzip"
)


class Process:
    """One process as seen: `argv` of its last successful execve, `installer` while it is the installer itself, `boot`
    before the package's first program."""

    __slots__ = (
        *("pid", "ppid", "start", "argv", "path", "env", "cwd", "end", "status", "signal", "installer", "boot"),
        "execs",
    )

    def __init__(self, pid: int, ppid: int | None, start: float, *, cwd: str = "/") -> None:
        self.pid, self.ppid, self.start, self.cwd = pid, ppid, start, cwd
        self.argv: list[str] = []
        self.path = ""
        self.env: dict[str, str] = {}
        self.end: float | None = None
        self.status: int | None = None
        self.signal: str | None = None
        self.installer = self.boot = False
        self.execs = 0


class Processes:
    """Takes the calls that make, change and end processes."""

    def __init__(
        self, teller: Teller, reader: Reader, *, cwd: str, environment: dict[str, str], installer: bool
    ) -> None:
        self._teller, self._reader = teller, reader
        self._cwd, self._environment, self._with_installer = cwd, environment, installer
        self._living: dict[int, Process] = {}  # by thread, too
        self._ended: list[Process] = []
        self.root: Process | None = None

    def known(self, pid: int, time: float) -> Process:
        known = self._living.get(pid)
        if known is None:
            first = not self._living and not self._ended
            forking = None if first else self._reader.forking()
            parent = self._living.get(forking[0]) if forking else None
            if forking and forking[1] and parent:
                self._living[pid] = parent
                return parent
            known = Process(pid, None, time, cwd=self._cwd)
            known.installer, known.boot = first and self._with_installer, first
            # a parent in vfork returns only after its child's first exec
            if parent is not None:
                _inherit(known, parent)
            if len(self._living) + len(self._ended) >= PROCESS_LIMIT:
                self._teller.count("processes")
                self._ended.clear()
            self._living[pid] = known
            if first:
                self.root = known
        return known

    def end(self, end: End) -> None:
        process = self._living.pop(end.pid, None)
        if process and process.pid == end.pid:  # and not one of its threads
            process.end, process.status, process.signal = end.time, end.status, end.signal
            self._ended.append(process)
            if not process.installer and not process.boot:
                self._teller.event("exit", pid=end.pid, status=end.status, signal=end.signal)

    def exec(self, call: Call) -> None:
        process = self.known(call.pid, call.time)
        given = parts(call.args)
        at = 1 if call.name == "execveat" else 0
        if len(given) < at + 3:
            return
        path = self.path(process, given[at], given[0] if at else "")
        argv = [one[:ARG_LIMIT] for one in strings(given[at + 1])[:ARGV_LIMIT]]
        if process.boot and process.execs < len(BOOT) and path == BOOT[process.execs]:
            process.execs += 1
            return
        if call.error:
            if not process.boot and not process.installer:
                self._teller.event("exec", pid=call.pid, ppid=process.ppid, path=path, argv=argv, error=call.error)
            return
        first = process.boot
        process.boot = False
        process.execs += 1
        parent = self._living.get(process.ppid or -1)
        helper = bool(parent and parent.installer and _installs(argv, path))
        process.installer = (first and self._with_installer) or helper
        process.path, process.argv = path, argv
        process.env = self._difference(strings(given[at + 2]))
        if at and given[1].startswith('""'):
            path = process.path = decoration(given[0])
        fileless = "memfd:" in path
        self._teller.event(
            "exec", pid=call.pid, ppid=process.ppid, path=path, argv=argv, env=process.env,
            installer=process.installer, fileless=fileless,
        )  # fmt: skip

    def _difference(self, environment: list[str]) -> dict[str, str]:
        changed = {}
        for one in environment[:500]:
            name, _, value = one.partition("=")
            if self._environment.get(name) != value and name not in ("_", "PWD", "OLDPWD", "SHLVL"):
                changed[name[:200]] = value[:500]
        return changed

    def fork(self, call: Call) -> None:
        if call.error or not call.result or call.result < 0:
            if call.error in ("EAGAIN", "ENOMEM"):
                self._teller.first(
                    ("limit",), "limit", pid=call.pid, what="processes", call=call.name, error=call.error
                )
            return
        parent = self.known(call.pid, call.time)
        if "CLONE_THREAD" in call.args:
            self._living[call.result] = parent
            return
        child = self._living.get(call.result)
        if child is None or child is parent:
            child = self._living[call.result] = Process(call.result, call.pid, call.time)
        if child.execs:
            child.ppid = call.pid
        else:
            _inherit(child, parent)

    def chdir(self, call: Call) -> None:
        if call.error:
            return
        process = self.known(call.pid, call.time)
        process.cwd = decoration(call.args) if call.name == "fchdir" else self.path(process, call.args)

    def path(self, process: Process, part: str, folder: str = "") -> str:
        path = text(part)
        if path.startswith("/"):
            return os.path.normpath(path) if "/." in path or "//" in path else path
        base = decoration(folder) or process.cwd
        if folder.startswith("AT_FDCWD<"):
            process.cwd = base
        return os.path.normpath(os.path.join(base, path)) if path else base  # noqa: PTH118

    def everyone(self) -> list[dict[str, Any]]:
        """All of them as JSON, by start; the program that started the package is left out."""
        known = [*self._ended, *(one for pid, one in self._living.items() if one.pid == pid)]
        return [_shown(one) for one in sorted(known, key=lambda one: one.start) if not one.boot]


def _inherit(child: Process, parent: Process) -> None:
    child.ppid = parent.pid
    child.installer, child.argv, child.path = parent.installer, parent.argv, parent.path
    child.cwd, child.env, child.boot = parent.cwd, parent.env, False


def _installs(argv: list[str], path: str) -> bool:
    """Whether a child of the installer is the installer again: pip making an isolated build environment, or the
    compiler that cargo runs."""
    if path.startswith("/usr/bin/python3"):
        return any(
            one.startswith("/usr/lib/python3/dist-packages/pip/") and one.endswith(("__pip-runner__.py", "/pip"))
            for one in argv[1:3]
        )
    return path.startswith(("/usr/bin/", "/usr/lib/")) and _COMPILER.fullmatch(path.rpartition("/")[2]) is not None


def _shown(one: Process) -> dict[str, Any]:
    return {
        "pid": one.pid, "ppid": one.ppid, "path": one.path, "argv": one.argv, "env": one.env, "start": one.start,
        "end": one.end, "status": one.status, "signal": one.signal, "installer": one.installer,
    }  # fmt: skip
