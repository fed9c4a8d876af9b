"""Watches a phase through strace and reduces its calls to processes, files, sockets and attempts on the tracer.

strace runs as root, the package as a user that may not touch it. Calls that would let a package act unseen are made to
fail as if the kernel had none of them (io_uring, seccomp's user notification, userfaultfd), and ptrace to succeed
without effect, so that nothing learns of us. A child made with CLONE_UNTRACED finds every traced call missing (the
filter has no tracer to ask) and so cannot act either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pumpkin.runner.lines import Call, End, Reader, data, decoration, parts, strings, text

EVENTS_A_KIND = 500
PATH_LIMIT = 20_000
PROCESS_LIMIT = 5_000
LINE_LIMIT = 1 << 20
ARGV_LIMIT, ARG_LIMIT = 64, 2_000
HEAD_BYTES = 512
FILES = (
    "open,openat,openat2,creat,unlink,unlinkat,rmdir,rename,renameat,renameat2,mkdir,mkdirat,link,linkat,symlink,symlinkat,"
    "chmod,fchmod,fchmodat,chown,lchown,fchownat,truncate,mknod,mknodat,write,pwrite64,writev,chdir,fchdir"
)
PROCESSES = "execve,execveat,fork,vfork,clone,clone3,kill,tkill,tgkill,pidfd_send_signal,prctl,memfd_create"
SOCKETS = "connect,bind,sendto,sendmsg,sendmmsg"
HIDING = "io_uring_setup,io_uring_enter,io_uring_register,seccomp,userfaultfd"
TAMPERING = (
    "ptrace,process_vm_readv,process_vm_writev,mount,umount2,pivot_root,chroot,setns,unshare,bpf,init_module,"
    "finit_module,perf_event_open"
)
CALLS = ",".join((FILES, PROCESSES, SOCKETS, HIDING, TAMPERING))
_QUIET = re.compile(
    r'\d+ +\d+\.\d+ openat\(AT_FDCWD<[^<>"]*+>, "(/(?:usr|lib|lib64|etc|opt)/[^"\\]*+)", O_RDONLY[A-Z_|]*+\) = '
    r"(?:\d+<[^<>]*>|-1 (ENOENT) .*)$"
)
_PRIVATE = re.compile(r"/proc/(\d+)/(mem|environ|fd|maps|root|cwd|task/\d+/mem|syscall|stack)(?:/|$)")
_ADDRESS = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([0-9.]+)"\)')
_ADDRESS6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([0-9a-fA-F:.]+)"')
_UNIX = re.compile(r'sun_path=(@?"(?:[^"\\]|\\.)*")')
SYSTEM = ("/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/proc/self/", "/dev/", "/sys/", "/bin/")


def command(argv: list[str], output: str) -> list[str]:
    """`argv` under strace, its lines going to the file or pipe at `output`, where the package may not go."""
    return [
        "/usr/bin/strace", "-q", "-f", "--seccomp-bpf", "-yy", "-ttt", "-s", str(HEAD_BYTES),
        "-e", "signal=none", "-e", "abbrev=!execve,execveat", "-e", f"trace={CALLS}",
        "-e", f"inject={HIDING}:error=ENOSYS", "-e", "inject=ptrace:retval=0",
        "-o", output, "--", *argv,
    ]  # fmt: skip


@dataclass(slots=True)
class Process:
    """One process as seen: `argv` of its last successful execve, `installer` while it is the installer itself."""

    pid: int
    ppid: int | None
    start: float
    argv: list[str] = field(default_factory=list)
    path: str = ""
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"
    end: float | None = None
    status: int | None = None
    signal: str | None = None
    installer: bool = False
    boot: bool = False
    execs: int = 0


@dataclass(slots=True)
class File:
    """What was done to one path: counts of calls that succeeded, `tried` those that failed."""

    read: int = 0
    write: int = 0
    create: int = 0
    delete: int = 0
    rename: int = 0
    chmod: int = 0
    tried: int = 0
    size: int = 0
    writes: int = 0
    head: bytes = b""
    installer: bool = True

    def changed(self) -> bool:
        """Whether something was written there or may have been."""
        return bool(self.write or self.create or self.writes)


class Trace:
    """The reduction of one phase. `tell` receives live events; `finish()` gives the totals."""

    def __init__(
        self,
        tell: Callable[[dict[str, Any]], None],
        *,
        cwd: str = "/",
        environment: dict[str, str] | None = None,
        installer: bool = False,
        own: tuple[int, ...] = (),
        watched: tuple[str, ...] = (),
    ) -> None:
        """`installer`: the first program is a package manager, whose own deeds are not the package's; `own` the pids
        nobody may touch; `watched` paths (decoys) whose reading is told at once."""
        self._tell, self._cwd, self._environment = tell, cwd, dict(environment or {})
        self._with_installer, self._own, self._watched = installer, frozenset(own), frozenset(watched)
        self._reader = Reader()
        self._told: dict[str, int] = {}
        self._once: set[tuple[Any, ...]] = set()
        self.processes: dict[int, Process] = {}
        self.ended: list[Process] = []
        self.files: dict[str, File] = {}
        self.calls: dict[str, list[int]] = {}
        self.cut: dict[str, int] = {}
        self.lines = 0
        self.root: Process | None = None

    # -- reading

    def feed(self, line: str) -> None:
        """Take one line of strace, without its end."""
        self.lines += 1
        quiet = _QUIET.match(line)
        if quiet:
            count = self.calls.setdefault("openat", [0, 0])
            count[0] += 1
            if quiet[2]:
                count[1] += 1
                return
            file = self.files.get(quiet[1])
            if file is None:
                file = self._file(quiet[1])
            if file is not None:
                file.read += 1
                if quiet[1] not in self._watched:
                    return
        seen = self._reader.read(line)
        if isinstance(seen, Call):
            count = self.calls.setdefault(seen.name, [0, 0])
            if not quiet:
                count[0] += 1
                count[1] += bool(seen.error)
            handler = _HANDLERS.get(seen.name)
            if handler:
                handler(self, seen)
        elif isinstance(seen, End):
            self._ended(seen)

    def finish(self) -> dict[str, Any]:
        """The totals of the phase, as JSON."""
        everyone = [*self.ended, *(one for pid, one in self.processes.items() if one.pid == pid)]
        everyone.sort(key=lambda one: one.start)
        if self._reader.unread:
            self.cut["unread_lines"] = self._reader.unread
        return {
            "processes": [_process(one) for one in everyone if not one.boot],
            "files": [_file(path, file) for path, file in self.files.items()],
            "calls": self.calls,
            "cut": self.cut,
            "lines": self.lines,
        }

    # -- processes

    def _process(self, pid: int, time: float) -> Process:
        known = self.processes.get(pid)
        if known is None:
            first = not self.processes and not self.ended
            forking = None if first else self._reader.forking()
            parent = self.processes.get(forking[0]) if forking else None
            if forking and forking[1] and parent:
                self.processes[pid] = parent
                return parent
            known = Process(pid, None, time, cwd=self._cwd, installer=first and self._with_installer, boot=first)
            # a parent in vfork returns only after its child's first exec
            if parent is not None:
                _inherit(known, parent)
            if len(self.processes) + len(self.ended) >= PROCESS_LIMIT:
                self.cut["processes"] = self.cut.get("processes", 0) + 1
                self.ended.clear()
            self.processes[pid] = known
            if first:
                self.root = known
        return known

    def _ended(self, end: End) -> None:
        process = self.processes.pop(end.pid, None)
        if process and process.pid == end.pid:  # and not one of its threads
            process.end, process.status, process.signal = end.time, end.status, end.signal
            self.ended.append(process)
            if not process.installer and not process.boot:
                self._event("exit", pid=end.pid, status=end.status, signal=end.signal)

    def _exec(self, call: Call) -> None:
        process = self._process(call.pid, call.time)
        given = parts(call.args)
        at = 1 if call.name == "execveat" else 0
        if len(given) < at + 3:
            return
        path = self._path(process, given[at], given[0] if at else "")
        argv = [one[:ARG_LIMIT] for one in strings(given[at + 1])[:ARGV_LIMIT]]
        if path.startswith("/usr/bin/setpriv") and process.boot and process.execs == 0:
            process.execs = 1
            return
        if call.error:
            if not process.boot and not process.installer:
                self._event("exec", pid=call.pid, ppid=process.ppid, path=path, argv=argv, error=call.error)
            return
        first = process.boot
        process.boot = False
        process.execs += 1
        parent = self.processes.get(process.ppid or -1)
        helper = bool(parent and parent.installer and _installs(argv, path))
        process.installer = (first and self._with_installer) or helper
        process.path, process.argv = path, argv
        process.env = self._difference(strings(given[at + 2]))
        if at and given[1].startswith('""'):
            path = process.path = decoration(given[0])
        fileless = "memfd:" in path
        self._event(
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

    def _fork(self, call: Call) -> None:
        if "CLONE_UNTRACED" in call.args:
            self._tamper(call, "a child nobody may trace (CLONE_UNTRACED)")
        if call.error or not call.result or call.result < 0:
            if call.error in ("EAGAIN", "ENOMEM"):
                self._event("limit", pid=call.pid, call=call.name, error=call.error)
            return
        parent = self._process(call.pid, call.time)
        if "CLONE_THREAD" in call.args:
            self.processes[call.result] = parent
            return
        child = self.processes.get(call.result)
        if child is None or child is parent:
            child = self.processes[call.result] = Process(call.result, call.pid, call.time)
        if child.execs:
            child.ppid = call.pid
        else:
            _inherit(child, parent)

    def _chdir(self, call: Call) -> None:
        if call.error:
            return
        process = self._process(call.pid, call.time)
        process.cwd = decoration(call.args) if call.name == "fchdir" else self._path(process, call.args)

    # -- attempts on us, and on being seen

    def _signal(self, call: Call) -> None:
        given = parts(call.args)
        target = given[0].partition("<")[0] if given else ""
        if target.lstrip("-").isdigit() and (int(target) in self._own or (target == "-1" and call.name == "kill")):
            self._tamper(call, f"{call.name} at process {target}")

    def _hide(self, call: Call) -> None:
        process = self._process(call.pid, call.time)
        if call.name.startswith("io_uring") and process.path.rpartition("/")[2] in ("node", "npm", "npx"):
            return  # node asks for it by itself
        self._tamper(call, f"{call.name}, by which calls could go unseen")

    def _pry(self, call: Call) -> None:
        self._tamper(call, call.name)

    def _prctl(self, call: Call) -> None:
        if call.args.startswith(("PR_SET_SECCOMP", "PR_SET_PTRACER", "PR_SET_MM")):
            self._tamper(call, call.args.partition(",")[0])

    def _memfd(self, call: Call) -> None:
        self._event("memfd", pid=call.pid, name=text(call.args), error=call.error)

    def _tamper(self, call: Call, what: str) -> None:
        if self._process(call.pid, call.time).boot:
            return
        self._first(
            ("tamper", what), "tamper", pid=call.pid, what=what, call=call.name, args=call.args[:300], error=call.error
        )

    # -- files

    def _open(self, call: Call) -> None:
        given = parts(call.args)
        at = 0 if call.name in ("open", "creat") else 1
        if len(given) <= at:
            return
        process = self._process(call.pid, call.time)
        path = self._path(process, given[at], given[0] if at else "")
        flags = " ".join(given[at + 1 : at + 2]) if call.name != "creat" else "O_WRONLY|O_CREAT|O_TRUNC"
        changes = any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))
        private = _PRIVATE.match(path)
        if private and int(private[1]) in self._own:
            self._tamper(call, f"opening {path[:200]}")
        if call.error:
            self._failed(call, process, path, "write" if changes else "read")
            return
        if changes:
            self._did(call, process, path, "create" if "O_CREAT" in flags and path not in self.files else "write")
        else:
            self._did(call, process, path, "read")

    def _write(self, call: Call) -> None:
        given = parts(call.args)
        path = decoration(given[0]) if given else ""
        if not path.startswith("/") or call.error or not call.result or path.startswith(("/dev/", "/proc/")):
            return
        file = self._file(path)
        if file is None:
            return
        file.size += call.result
        file.writes += 1
        if len(file.head) < HEAD_BYTES and len(given) > 1:
            file.head += data(given[1])[: HEAD_BYTES - len(file.head)]
        if not self._process(call.pid, call.time).installer:
            file.installer = False

    def _unlink(self, call: Call) -> None:
        given = parts(call.args)
        at = 1 if call.name == "unlinkat" else 0
        if len(given) > at:
            self._changed(call, given[at], given[0] if at else "", "delete")

    def _rename(self, call: Call) -> None:
        given = parts(call.args)
        if call.name in ("renameat", "renameat2", "linkat"):
            if len(given) >= 4:
                self._moved(call, (given[1], given[0]), (given[3], given[2]))
        elif len(given) >= 2:
            self._moved(call, (given[0], ""), (given[1], ""))

    def _moved(self, call: Call, source: tuple[str, str], target: tuple[str, str]) -> None:
        process = self._process(call.pid, call.time)
        old, new = self._path(process, *source), self._path(process, *target)
        if call.error:
            self._failed(call, process, new, "rename")
            return
        if call.name.startswith("rename"):
            self._did(call, process, old, "rename", target=new)
            gone, file = self.files.get(old), self._file(new)
            if gone and file:
                file.size, file.writes, file.head = gone.size, gone.writes, gone.head
        self._did(call, process, new, "create", source=old)

    def _symlink(self, call: Call) -> None:
        given = parts(call.args)
        if len(given) >= 2:
            at = 1 if call.name == "symlinkat" else 0
            self._changed(call, given[-1], given[1] if at else "", "create", source=text(given[0]))

    def _make(self, call: Call) -> None:
        given = parts(call.args)
        at = 1 if call.name.endswith("at") else 0
        if len(given) > at:
            self._changed(call, given[at], given[0] if at else "", "create")

    def _chmod(self, call: Call) -> None:
        given = parts(call.args)
        if call.name == "fchmod":
            process = self._process(call.pid, call.time)
            path = decoration(given[0]) if given else ""
            if path and not call.error:
                self._did(call, process, path, "chmod", mode=given[-1])
            return
        at = 1 if call.name.endswith("at") else 0
        if len(given) > at + 1:
            self._changed(call, given[at], given[0] if at else "", "chmod", mode=given[at + 1][:40])

    def _changed(self, call: Call, part: str, folder: str, what: str, **more: Any) -> None:
        process = self._process(call.pid, call.time)
        path = self._path(process, part, folder)
        if call.error:
            self._failed(call, process, path, what)
        else:
            self._did(call, process, path, what, **more)

    def _did(self, call: Call, process: Process, path: str, what: str, **more: Any) -> None:
        if process.boot:
            return
        file = self._file(path)
        if file is not None:
            setattr(file, what, getattr(file, what) + 1)
            if not process.installer:
                file.installer = False
        if path in self._watched and not process.installer:
            self._first(("decoy", what, path), "decoy_touched", pid=call.pid, path=path, op=what)
        if process.installer or (what == "read" and path.startswith(SYSTEM)):
            return
        self._first(("file", what, path), "file", pid=call.pid, op=what, path=path[:4096], **more)

    def _failed(self, call: Call, process: Process, path: str, what: str) -> None:
        if process.boot or (what == "read" and call.error == "ENOENT" and path.startswith(SYSTEM)):
            return
        if process.installer:
            return
        file = self._file(path)
        if file is not None:
            file.tried += 1
            file.installer = False
        quiet = what == "read" and call.error == "ENOENT"
        if not quiet:
            self._first(
                ("file", what, path, call.error), "file", pid=call.pid, op=what, path=path[:4096], error=call.error
            )

    def _file(self, path: str) -> File | None:
        file = self.files.get(path)
        if file is None:
            if len(self.files) >= PATH_LIMIT:
                self.cut["paths"] = self.cut.get("paths", 0) + 1
                return None
            file = self.files[path[:4096]] = File()
        return file

    def _path(self, process: Process, part: str, folder: str = "") -> str:
        path = text(part)
        if path.startswith("/"):
            return os.path.normpath(path) if "/." in path or "//" in path else path
        base = decoration(folder) or process.cwd
        if folder.startswith("AT_FDCWD<"):
            process.cwd = base
        return os.path.normpath(os.path.join(base, path)) if path else base  # noqa: PTH118

    # -- sockets

    def _socket(self, call: Call) -> None:
        process = self._process(call.pid, call.time)
        given = call.args
        if process.boot:
            return
        if unix := _UNIX.search(given):
            path = text(unix[1])
            quiet = call.error in ("ENOENT",) and path.startswith(("/var/run/nscd", "/run/nscd", "/run/systemd"))
            if call.name == "connect" and not process.installer and not quiet:
                self._first(("unix", path), "connect", pid=call.pid, family="unix", path=path, error=call.error)
            return
        found = _ADDRESS.search(given) or _ADDRESS6.search(given)
        if not found:
            return
        port, address = int(found[1]), found[2]
        head = given[:120]
        transport = "udp" if "<UDP" in head else "tcp" if "<TCP" in head else "raw" if "RAW" in head else "other"
        error = "" if call.error == "EINPROGRESS" else call.error
        kind = {"connect": "connect", "bind": "bind"}.get(call.name, "send")
        key = (kind, transport, address, port, error)
        self._first(
            key, kind, pid=call.pid, family="ipv6" if ":" in address else "ipv4", transport=transport,
            address=address, port=port, error=error, installer=process.installer,
        )  # fmt: skip

    # -- telling

    def _first(self, key: tuple[Any, ...], kind: str, **fields: Any) -> None:
        if key in self._once:
            return
        if len(self._once) < 4 * PATH_LIMIT:
            self._once.add(key)
        self._event(kind, **fields)

    def _event(self, kind: str, **fields: Any) -> None:
        told = self._told[kind] = self._told.get(kind, 0) + 1
        if told > EVENTS_A_KIND:
            self.cut[kind] = self.cut.get(kind, 0) + 1
            return
        self._tell({"kind": kind, **{name: value for name, value in fields.items() if value not in (None, "", False)}})


def _inherit(child: Process, parent: Process) -> None:
    child.ppid = parent.pid
    child.installer, child.argv, child.path = parent.installer, parent.argv, parent.path
    child.cwd, child.env, child.boot = parent.cwd, parent.env, False


def _installs(argv: list[str], path: str) -> bool:
    """Whether a child of the installer is the installer again: pip making an isolated build environment."""
    return path.startswith("/usr/bin/python3") and any(
        one.startswith("/usr/lib/python3/dist-packages/pip/") and one.endswith(("__pip-runner__.py", "/pip"))
        for one in argv[1:3]
    )


def _process(one: Process) -> dict[str, Any]:
    return {
        "pid": one.pid, "ppid": one.ppid, "path": one.path, "argv": one.argv, "env": one.env, "start": one.start,
        "end": one.end, "status": one.status, "signal": one.signal, "installer": one.installer,
    }  # fmt: skip


def _file(path: str, file: File) -> dict[str, Any]:
    counts = {
        name: value
        for name in ("read", "write", "create", "delete", "rename", "chmod", "tried", "size", "writes")
        if (value := getattr(file, name))
    }
    if file.head:
        counts["head"] = file.head.hex()
    if file.installer:
        counts["installer"] = 1
    return {"path": path, **counts}


_HANDLERS: dict[str, Callable[[Trace, Call], None]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), Trace._open),
    **dict.fromkeys(("write", "pwrite64", "writev"), Trace._write),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), Trace._unlink),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat"), Trace._rename),
    **dict.fromkeys(("symlink", "symlinkat"), Trace._symlink),
    **dict.fromkeys(("mkdir", "mkdirat", "mknod", "mknodat"), Trace._make),
    "truncate": lambda trace, call: trace._changed(call, call.args, "", "write"),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat", "chown", "lchown", "fchownat"), Trace._chmod),
    **dict.fromkeys(("chdir", "fchdir"), Trace._chdir),
    **dict.fromkeys(("execve", "execveat"), Trace._exec),
    **dict.fromkeys(("fork", "vfork", "clone", "clone3"), Trace._fork),
    **dict.fromkeys(("kill", "tkill", "tgkill", "pidfd_send_signal"), Trace._signal),
    "prctl": Trace._prctl,
    "memfd_create": Trace._memfd,
    **dict.fromkeys(SOCKETS.split(","), Trace._socket),
    **dict.fromkeys(HIDING.split(","), Trace._hide),
    **dict.fromkeys(TAMPERING.split(","), Trace._pry),
}
