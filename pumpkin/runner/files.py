"""What was done to which path, with success or as an attempt."""

from __future__ import annotations

from typing import Any

from pumpkin.runner.lines import Call, data, decoration, parts, text
from pumpkin.runner.processes import Process, Processes
from pumpkin.runner.telling import Teller

PATH_LIMIT = 20_000
HEAD_BYTES = 512
COUNTS = ("read", "write", "create", "delete", "rename", "chmod", "tried", "size", "writes")
SYSTEM = ("/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/proc/self/", "/dev/", "/sys/", "/bin/")


class File:
    """What was done to one path: counts of calls that succeeded, `tried` those that failed."""

    __slots__ = (*COUNTS, "head", "installer")

    def __init__(self) -> None:
        self.read = self.write = self.create = self.delete = self.rename = self.chmod = 0
        self.tried = self.size = self.writes = 0
        self.head = b""
        self.installer = True

    def changed(self) -> bool:
        """Whether something was written there or may have been."""
        return bool(self.write or self.create or self.writes)


class Files:
    """Takes the calls on paths and descriptors. `watched` are paths (decoys) whose touching is told at once."""

    def __init__(self, teller: Teller, processes: Processes, watched: frozenset[str]) -> None:
        self._teller, self._processes, self.watched = teller, processes, watched
        self.known: dict[str, File] = {}

    def quietly(self, path: str) -> bool:
        """A library or the like was read: counted only. False where more is to be told of it."""
        file = self.file(path)
        if file is not None:
            file.read += 1
        return path not in self.watched

    def everything(self) -> list[dict[str, Any]]:
        """All of them as JSON."""
        return [_shown(path, file) for path, file in self.known.items()]

    def open(self, call: Call) -> None:
        given = parts(call.args)
        at = 0 if call.name in ("open", "creat") else 1
        if len(given) <= at:
            return
        process = self._processes.known(call.pid, call.time)
        path = self._processes.path(process, given[at], given[0] if at else "")
        flags = " ".join(given[at + 1 : at + 2]) if call.name != "creat" else "O_WRONLY|O_CREAT|O_TRUNC"
        changes = any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"))
        if call.error:
            self._failed(call, process, path, "write" if changes else "read")
            return
        if changes:
            self._did(call, process, path, "create" if "O_CREAT" in flags and path not in self.known else "write")
        else:
            self._did(call, process, path, "read")

    def write(self, call: Call) -> None:
        given = parts(call.args)
        path = decoration(given[0]) if given else ""
        if not path.startswith("/") or call.error or not call.result or path.startswith(("/dev/", "/proc/")):
            return
        file = self.file(path)
        if file is None:
            return
        file.size += call.result
        file.writes += 1
        if len(file.head) < HEAD_BYTES and len(given) > 1:
            file.head += data(given[1])[: HEAD_BYTES - len(file.head)]
        if not self._processes.known(call.pid, call.time).installer:
            file.installer = False

    def truncate(self, call: Call) -> None:
        self._changed(call, call.args, "", "write")

    def unlink(self, call: Call) -> None:
        given = parts(call.args)
        at = 1 if call.name == "unlinkat" else 0
        if len(given) > at:
            self._changed(call, given[at], given[0] if at else "", "delete")

    def rename(self, call: Call) -> None:
        given = parts(call.args)
        if call.name in ("renameat", "renameat2", "linkat"):
            if len(given) >= 4:
                self._moved(call, (given[1], given[0]), (given[3], given[2]))
        elif len(given) >= 2:
            self._moved(call, (given[0], ""), (given[1], ""))

    def _moved(self, call: Call, source: tuple[str, str], target: tuple[str, str]) -> None:
        process = self._processes.known(call.pid, call.time)
        old, new = self._processes.path(process, *source), self._processes.path(process, *target)
        if call.error:
            self._failed(call, process, new, "rename")
            return
        if call.name.startswith("rename"):
            self._did(call, process, old, "rename", target=new)
            gone, file = self.known.get(old), self.file(new)
            if gone and file:
                file.size, file.writes, file.head = gone.size, gone.writes, gone.head
        self._did(call, process, new, "create", source=old)

    def symlink(self, call: Call) -> None:
        given = parts(call.args)
        if len(given) >= 2:
            at = 1 if call.name == "symlinkat" else 0
            self._changed(call, given[-1], given[1] if at else "", "create", source=text(given[0]))

    def make(self, call: Call) -> None:
        given = parts(call.args)
        at = 1 if call.name.endswith("at") else 0
        if len(given) > at:
            self._changed(call, given[at], given[0] if at else "", "create")

    def chmod(self, call: Call) -> None:
        given = parts(call.args)
        if call.name == "fchmod":
            process = self._processes.known(call.pid, call.time)
            path = decoration(given[0]) if given else ""
            if path and not call.error:
                self._did(call, process, path, "chmod", mode=given[-1])
            return
        at = 1 if call.name.endswith("at") else 0
        if len(given) > at + 1:
            self._changed(call, given[at], given[0] if at else "", "chmod", mode=given[at + 1][:40])

    def _changed(self, call: Call, part: str, folder: str, what: str, **more: Any) -> None:
        process = self._processes.known(call.pid, call.time)
        path = self._processes.path(process, part, folder)
        if call.error:
            self._failed(call, process, path, what)
        else:
            self._did(call, process, path, what, **more)

    def _did(self, call: Call, process: Process, path: str, what: str, **more: Any) -> None:
        if process.boot:
            return
        file = self.file(path)
        if file is not None:
            setattr(file, what, getattr(file, what) + 1)
            if not process.installer:
                file.installer = False
        if path in self.watched and not process.installer:
            self._teller.first(("decoy", what, path), "decoy_touched", pid=call.pid, path=path, op=what)
        if process.installer or (what == "read" and path.startswith(SYSTEM)):
            return
        self._teller.first(("file", what, path), "file", pid=call.pid, op=what, path=path[:4096], **more)

    def _failed(self, call: Call, process: Process, path: str, what: str) -> None:
        if process.boot or (what == "read" and call.error == "ENOENT" and path.startswith(SYSTEM)):
            return
        if process.installer:
            return
        file = self.file(path)
        if file is not None:
            file.tried += 1
            file.installer = False
        quiet = what == "read" and call.error == "ENOENT"
        if not quiet:
            self._teller.first(
                ("file", what, path, call.error), "file", pid=call.pid, op=what, path=path[:4096], error=call.error
            )

    def file(self, path: str) -> File | None:
        file = self.known.get(path)
        if file is None:
            if len(self.known) >= PATH_LIMIT:
                self._teller.count("paths")
                return None
            file = self.known[path[:4096]] = File()
        return file


def _shown(path: str, file: File) -> dict[str, Any]:
    counts = {name: value for name in COUNTS if (value := getattr(file, name))}
    if file.head:
        counts["head"] = file.head.hex()
    if file.installer:
        counts["installer"] = 1
    return {"path": path, **counts}
