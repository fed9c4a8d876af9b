"""Untrusted archives read member by member, in memory, under caps; whatever they try becomes a finding.

Read are zip (wheel, jar), tar bare or compressed by gzip, bzip2 or xz (sdist, npm, crate, Alpine's), and those inside
one another down to `Limits.depth`. Nothing is written, followed or run: links, devices and paths that climb are
reported and skipped. What could not be read stands in `Gap`s: a verdict over them is never clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pumpkin.analysis import paths, tar
from pumpkin.analysis.inflate import Damaged, Inflated, TooMuch, compression
from pumpkin.analysis.zips import BadZip, Slot, Zip
from pumpkin.model.findings import Finding, Group, Level

TOOL = "static"
_SAMPLE = 5
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PACKAGES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".whl", ".zip", ".crate", ".gem", ".apk", ".jar")
_OPAQUE = (".so", ".dll", ".pyd", ".dylib", ".exe", ".a", ".bin", ".onnx", ".pt", ".db", ".dat", ".npz", ".wasm")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes in all, bytes a member, members, archives inside archives."""

    total: int = 512 * 1024 * 1024
    member: int = 32 * 1024 * 1024
    members: int = 20_000
    depth: int = 2


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of the artifact: its path as found (untrusted), its bytes and its permission bits."""

    path: str
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Gap:
    """A part that was not looked at, and why."""

    what: str


Part = Member | Finding | Gap


def read(data: bytes, name: str, limits: Limits | None = None) -> Iterator[Part]:
    """All there is in the archive `data`, in its order; an unknown format is one Gap and never an exception."""
    yield from _Reader(limits or Limits()).archive(data, name, prefix="", depth=1)


def is_archive(head: bytes) -> bool:
    """Do the first 512 bytes begin an archive that `read` can look into?"""
    return head.startswith(_ZIP) or compression(head) is not None or tar.is_tar(head)


class _Reader:
    """One artifact being read: what is left of its caps, and how often each kind of fault was told."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.total
        self.members = limits.members
        self.told: dict[str, int] = {}

    def archive(self, data: bytes, name: str, prefix: str, depth: int) -> Iterator[Part]:
        kind = compression(data[:6])
        try:
            if data.startswith(_ZIP) or (kind is None and b"PK\x05\x06" in data[-66_000:]):
                yield from self._zip(Zip(data), prefix, depth)
            elif kind:
                yield from self._compressed(data, kind, name, prefix, depth)
            elif tar.is_tar(data[:512]):
                yield from self._tar(_Plain(data), prefix, depth)
            else:
                yield Gap(f"{paths.label(prefix + name)}: not an archive of a known format")
        except (BadZip, Damaged, tar.BadTar) as error:
            yield from self._fault("archive-damaged", Level.MEDIUM, prefix + name, f"the archive is broken: {error}")
            yield Gap(f"{paths.label(prefix + name)}: broken archive, what follows the damage was not read")
        except TooMuch as error:
            yield from self._bomb(prefix + name, str(error))

    def _compressed(self, data: bytes, kind: str, name: str, prefix: str, depth: int) -> Iterator[Part]:
        stream = Inflated(data, kind, self.left)
        head = stream.read(tar.BLOCK)
        if tar.is_tar(head):
            yield from self._tar(_Resumed(head, stream), prefix, depth)
            return
        inner = name.rsplit("/", 1)[-1].rsplit(".", 1)[0] or "content"
        body = head + stream.read(self.limits.member + 1 - len(head))
        if depth == 1 and name.lower().endswith(_PACKAGES):
            yield Gap(f"{paths.label(name)}: holds no archive")
        yield from self._member(f"{prefix}{inner}", body, 0o644, depth)

    def _tar(self, stream: tar.Readable, prefix: str, depth: int) -> Iterator[Part]:
        seen: set[str] = set()
        for entry, body in tar.walk(stream):
            if not self._take_one():
                yield from self._crowd(prefix)
                return
            path = prefix + entry.path
            if (reason := paths.fault(entry.path)) is not None:
                yield from self._fault("archive-path", Level.HIGH, path, f"a member {reason}", "T1222")
            if entry.kind in ("symlink", "link"):
                yield from self._link(path, entry.path, entry.link, hard=entry.kind == "link")
            elif entry.kind == "device":
                yield from self._fault("archive-device", Level.HIGH, path, "a member is a device, which no package has")
            elif entry.kind == "file":
                if entry.path in seen:
                    yield from self._double(path)
                seen.add(entry.path)
                data = body.read(min(entry.size, self.limits.member + 1))
                yield from self._member(path, data, entry.mode, depth)
            elif entry.kind == "other":
                reason = "a member of a kind that installers each read otherwise"
                yield from self._fault("archive-kind", Level.MEDIUM, path, reason, "T1036")
                yield Gap(f"{paths.label(path)}: of an unknown or sparse kind, not read")

    def _zip(self, archive: Zip, prefix: str, depth: int) -> Iterator[Part]:
        for name in archive.overlaps[:_SAMPLE]:
            yield from self._fault("archive-overlap", Level.HIGH, prefix + name, "members share their bytes (a bomb)")
        for name in archive.doubles[:_SAMPLE]:
            yield from self._double(prefix + name)
        if archive.overlaps:
            yield Gap(f"{paths.label(prefix) or 'the archive'}: overlapping members were not unpacked")
        if archive.hidden:
            where = prefix or "the archive"
            told = "members that its directory does not name: installers may each see another archive"
            yield from self._fault("archive-hidden", Level.MEDIUM, where, told, "T1036")
            yield Gap(f"{paths.label(where)}: members outside its directory")
        overlapping = set(archive.overlaps)
        if not overlapping and (archive.declared > self.left or archive.swells):
            raise TooMuch(f"{archive.declared} bytes")
        for slot in archive:
            if not self._take_one():
                yield from self._crowd(prefix)
                return
            path = prefix + slot.path
            if (reason := paths.fault(slot.path)) is not None:
                yield from self._fault("archive-path", Level.HIGH, path, f"a member {reason}", "T1222")
            if slot.kind == "device":
                yield from self._fault("archive-device", Level.HIGH, path, "a member is a device, which no package has")
            elif slot.encrypted:
                yield from self._fault("archive-encrypted", Level.MEDIUM, path, "a member is encrypted", "T1027.013")
                yield Gap(f"{paths.label(path)}: encrypted")
            elif slot.kind in ("file", "symlink") and slot.path not in overlapping:
                yield from self._unzip(archive, slot, path, depth)

    def _unzip(self, archive: Zip, slot: Slot, path: str, depth: int) -> Iterator[Part]:
        if self.left <= 0:
            raise TooMuch(f"more than {self.limits.total} bytes")
        try:
            data = archive.read(slot, min(self.limits.member, self.left))
        except BadZip:
            yield from self._fault("archive-damaged", Level.MEDIUM, path, "a member cannot be unpacked")
            yield Gap(f"{paths.label(path)}: damaged")
            return
        if slot.kind == "symlink":
            yield from self._link(path, slot.path, data[:4096].decode("utf-8", "backslashreplace"), hard=False)
        else:
            yield from self._member(path, data, slot.info.external_attr >> 16 & 0o7777, depth)

    def _member(self, path: str, data: bytes, mode: int, depth: int) -> Iterator[Part]:
        """The member itself, what is inside it, or why it is not shown."""
        self.left -= len(data)
        if self.left < 0:
            raise TooMuch(f"more than {self.limits.total} bytes")
        if len(data) > self.limits.member:
            level = Level.INFO if path.endswith(_OPAQUE) else Level.MEDIUM
            yield from self._fault("archive-large", level, path, "a member is too large to be looked at", "T1027.001")
            if level is not Level.INFO:
                yield Gap(f"{paths.label(path)}: larger than {self.limits.member} bytes")
            return
        yield Member(path, data, mode)
        if is_archive(data[:512]):
            if depth < self.limits.depth:
                yield from self.archive(data, path, f"{path}!", depth + 1)
            else:
                yield from self._fault("archive-deep", Level.LOW, path, "archives nested too deep to be looked into")
                yield Gap(f"{paths.label(path)}: nested deeper than {self.limits.depth} archives")

    def _take_one(self) -> bool:
        self.members -= 1
        return self.members >= 0

    def _crowd(self, prefix: str) -> Iterator[Part]:
        where = prefix or "the archive"
        yield from self._fault("archive-crowd", Level.MEDIUM, where, f"more than {self.limits.members} members")
        yield Gap(f"{paths.label(where)}: members past the first {self.limits.members}")

    def _bomb(self, path: str, why: str) -> Iterator[Part]:
        yield from self._fault("archive-bomb", Level.HIGH, path, f"unpacks to {why}", "T1499.004")
        yield Gap(f"{paths.label(path)}: unpacking was stopped at {why}")

    def _double(self, path: str) -> Iterator[Part]:
        reason = "the same name twice: installers and scanners may each see another file"
        yield from self._fault("archive-double", Level.MEDIUM, path, reason, "T1036")

    def _link(self, path: str, inside: str, target: str, *, hard: bool) -> Iterator[Part]:
        if hard and paths.fault(target) is None:
            return
        if hard or paths.escapes(inside, target):
            reason = f"a link points out of the package, to {paths.label(target)}"
            yield from self._fault("archive-link", Level.HIGH, path, reason, "T1574")

    def _fault(self, rule: str, level: Level, path: str, reason: str, tactic: str = "") -> Iterator[Part]:
        """The finding, for the first few of its kind: a million faults must not make a million lines."""
        self.told[rule] = self.told.get(rule, 0) + 1
        if self.told[rule] <= _SAMPLE:
            yield Finding(TOOL, rule, level, Group.METADATA, reason, tactic, paths.label(path))


class _Plain:
    """Bytes as a forward-only reader."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, size: int, /) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken


class _Resumed:
    """A stream whose first bytes were already taken out to look at them."""

    def __init__(self, head: bytes, stream: Inflated) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        taken, self._head = self._head[:size], self._head[size:]
        return taken if len(taken) == size else taken + self._stream.read(size - len(taken))
