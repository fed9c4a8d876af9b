"""Watches a phase through strace and reduces its calls to processes, files, sockets and attempts on the tracer.

strace runs as root, the package as a user that may not touch it. Calls that would let a package act unseen are made to
fail as if the kernel had none of them (io_uring, seccomp's user notification, userfaultfd), and ptrace to succeed
without effect, so that nothing learns of us. A child made with CLONE_UNTRACED finds every traced call missing (the
filter has no tracer to ask) and so cannot act either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pumpkin.runner.files import HEAD_BYTES, File, Files
from pumpkin.runner.lines import Call, End, Reader
from pumpkin.runner.processes import Process, Processes
from pumpkin.runner.sockets import Sockets
from pumpkin.runner.tampering import Tampering
from pumpkin.runner.telling import Teller

LINE_LIMIT = 1 << 20
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
DEADLY = "KILL,TERM,HUP,INT,PIPE,SEGV,BUS,ABRT,ILL,FPE,SYS"  # strace says of these only that a process ended by one
CALLS = ",".join((FILES, PROCESSES, SOCKETS, HIDING, TAMPERING))
_QUIET = re.compile(
    r'\d+ +\d+\.\d+ openat\(AT_FDCWD<[^<>"]*+>, "(/(?:usr|lib|lib64|etc|opt)/[^"\\]*+)", O_RDONLY[A-Z_|]*+\) = '
    r"(?:\d+<[^<>]*>|-1 (ENOENT) .*)$"
)


def command(argv: list[str], output: str) -> list[str]:
    """`argv` under strace, its lines going to the file or pipe at `output`, where the package may not go."""
    return [
        "/usr/bin/strace", "-q", "-f", "--seccomp-bpf", "--decode-fds=path,socket", "-ttt", "-s", str(HEAD_BYTES),
        "-e", f"signal={DEADLY}", "-e", "abbrev=!execve,execveat", "-e", f"trace={CALLS}",
        "-e", f"inject={HIDING}:error=ENOSYS", "-e", "inject=ptrace:retval=0",
        "-o", output, "--", *argv,
    ]  # fmt: skip


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
        nobody may touch; `watched` paths (decoys) whose touching is told at once."""
        self._reader, self._teller = Reader(), Teller(tell)
        self._processes = Processes(
            self._teller, self._reader, cwd=cwd, environment=dict(environment or {}), installer=installer
        )
        self._files = Files(self._teller, self._processes, frozenset(watched))
        self._handlers = _handlers(
            self._processes, self._files, Sockets(self._teller, self._processes),
            Tampering(self._teller, self._processes, frozenset(own)),
        )  # fmt: skip
        self.calls: dict[str, list[int]] = {}
        self.lines = 0

    @property
    def root(self) -> Process | None:
        """The first process."""
        return self._processes.root

    @property
    def files(self) -> dict[str, File]:
        """What was done to each path."""
        return self._files.known

    @property
    def cut(self) -> dict[str, int]:
        """What was over a bound, by kind."""
        return self._teller.cut

    def feed(self, line: str) -> None:
        """Take one line of strace, without its end."""
        self.lines += 1
        quiet = _QUIET.match(line)
        if quiet:
            self._count("openat", bool(quiet[2]))
            if quiet[2] or self._files.quietly(quiet[1]):
                return
        seen = self._reader.read(line)
        if isinstance(seen, Call):
            if not quiet:
                self._count(seen.name, bool(seen.error))
            for handler in self._handlers.get(seen.name, ()):
                handler(seen)
        elif isinstance(seen, End):
            self._processes.end(seen)

    def finish(self) -> dict[str, Any]:
        """The totals of the phase, as JSON."""
        if self._reader.unread:
            self.cut["unread_lines"] = self._reader.unread
        return {
            "processes": self._processes.everyone(),
            "files": self._files.everything(),
            "calls": self.calls,
            "cut": self.cut,
            "lines": self.lines,
        }

    def _count(self, name: str, failed: bool) -> None:
        count = self.calls.setdefault(name, [0, 0])
        count[0] += 1
        count[1] += failed


Handler = Callable[[Call], None]


def _handlers(
    processes: Processes, files: Files, sockets: Sockets, tampering: Tampering
) -> dict[str, tuple[Handler, ...]]:
    table: dict[str, tuple[Handler, ...]] = {}
    for names, *handlers in (
        ("open openat openat2 creat", tampering.open, files.open),
        ("write pwrite64 writev", files.write),
        ("unlink unlinkat rmdir", files.unlink),
        ("rename renameat renameat2 link linkat", files.rename),
        ("symlink symlinkat", files.symlink),
        ("mkdir mkdirat mknod mknodat", files.make),
        ("truncate", files.truncate),
        ("chmod fchmod fchmodat chown lchown fchownat", files.chmod),
        ("chdir fchdir", processes.chdir),
        ("execve execveat", processes.exec),
        ("fork vfork clone clone3", tampering.fork, processes.fork),
        ("kill tkill tgkill pidfd_send_signal", tampering.signal),
        ("prctl", tampering.prctl),
        ("memfd_create", tampering.memfd),
        (SOCKETS.replace(",", " "), sockets.take),
        (HIDING.replace(",", " "), tampering.hide),
        (TAMPERING.replace(",", " "), tampering.pry),
    ):
        table |= dict.fromkeys(str(names).split(), tuple(handlers))
    return table
