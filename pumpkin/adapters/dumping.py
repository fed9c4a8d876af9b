"""A database as one file and from it again, by PostgreSQL's own programs, with the password out of their arguments."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pyrage

from pumpkin.adapters.embedded import binaries
from pumpkin.errors import StartError

_CHUNK = 1024 * 1024
_UNKNOWN = b"SET transaction_timeout = 0;\n"
"""What pg_restore of 17 and later always says first, and servers before 17 do not know; it is their default anyway."""
_HEAD = 4096
"""Bytes within which that stands."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A dump that waits on disk, closed to a key that only this process has: what a killed one leaves opens to nobody.
    `size` (bytes) and `sha256` (hex) are of what `write` gives again."""

    path: Path
    size: int
    sha256: str
    _identity: Any

    def write(self, pipe: BinaryIO) -> None:
        """The dump itself."""
        with self.path.open("rb") as file:
            pyrage.decrypt_io(file, pipe, [self._identity])


async def dump(dsn: str, place: Path) -> None:
    """The whole database into `place`, as one snapshot; those who write go on. StartError where pg_dump fails."""
    process = await _program("pg_dump", dsn, *_DUMP, f"--file={place}")
    await _ended("pg_dump", process)


async def stage(dsn: str, place: Path, snapshot: str) -> Staged:
    """As `dump`, of the moment that `snapshot` names, and closed on its way to the disk."""
    identity = pyrage.x25519.Identity.generate()
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as plain:
        try:
            process = await _program("pg_dump", dsn, *_DUMP, f"--snapshot={snapshot}", stdout=writing)
        finally:
            os.close(writing)
        weighed = _Weighed(plain)
        closed = asyncio.ensure_future(asyncio.to_thread(_close, weighed, place, identity.to_public()))
        try:
            await _ended("pg_dump", process)  # ends the pipe, and so the thread
        finally:
            await asyncio.wait([closed])
        closed.result()
    return Staged(place, weighed.size, weighed.digest.hexdigest(), identity)


_DUMP = ("--format=custom", "--compress=gzip:1", "--no-owner")


def _close(plain: _Weighed, place: Path, recipient: Any) -> None:
    try:
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
            pyrage.encrypt_io(plain, out, [recipient])
    except (OSError, pyrage.EncryptError) as error:
        while plain.read(_CHUNK):  # pg_dump must not wait for a reader
            pass
        raise StartError(f"{place.parent} cannot be written: {str(error)[:200]}.") from None


class _Weighed:
    """A reader that counts and digests what goes through it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.size, self.digest = source, 0, hashlib.sha256()

    def read(self, most: int = -1) -> bytes:
        data = self._source.read(most)
        self.size += len(data)
        self.digest.update(data)
        return data


async def load(dsn: str, place: Path) -> None:
    """A dump into an empty database, all or nothing. StartError where PostgreSQL refuses it.

    pg_restore writes SQL, psql runs it: so a server older than pg_restore takes it too.
    """
    source = await _program("pg_restore", "", "--no-owner", "--file=-", str(place), stdout=asyncio.subprocess.PIPE)
    target = await _program(
        "psql", dsn, "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
        stdin=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told = asyncio.ensure_future(_ended("pg_restore", source))
    ended = asyncio.ensure_future(_ended("psql", target))
    try:
        try:
            await _pour(source.stdout, target.stdin)
        except ConnectionError:  # psql has ended, and says why
            await ended
        await told
        target.stdin.close()  # type: ignore[union-attr]  # commits, so only once all of it was read
        await ended
    finally:
        for process in (target, source):  # in this order: half of it must not be committed
            if process.returncode is None:
                process.kill()
        await asyncio.wait([told, ended])
        for task in (told, ended):
            task.cancelled() or task.exception()


async def _pour(source: Any, target: Any) -> None:
    head = b""
    while len(head) < _HEAD and (more := await source.read(_CHUNK)):
        head += more
    target.write(head.replace(_UNKNOWN, b"", 1))
    while chunk := await source.read(_CHUNK):
        await target.drain()
        target.write(chunk)
    await target.drain()


async def _program(name: str, dsn: str, *arguments: str, **pipes: Any) -> asyncio.subprocess.Process:
    _, home = binaries.choose(None)
    bare, secret = apart(dsn)
    given = {key: value for key, value in os.environ.items() if key.startswith("PG") or key == "PATH"}
    own = {"LC_ALL": "C", "HOME": "/nonexistent", "PGPASSFILE": str(Path.home() / ".pgpass")}
    return await asyncio.create_subprocess_exec(
        str(home / "bin" / name), *arguments, *([f"--dbname={bare}"] if bare else []),
        env={**own, **given, **secret}, stderr=asyncio.subprocess.PIPE,
        **({"stdin": asyncio.subprocess.DEVNULL} | pipes),
    )  # fmt: skip


def apart(dsn: str) -> tuple[str, dict[str, str]]:
    """A DSN without its password, and the environment that has it: any user may read a process's arguments."""
    parts = urlsplit(dsn)
    query = parse_qsl(parts.query, keep_blank_values=True)
    named = dict(query).get("password", "")
    user, _, host = parts.netloc.rpartition("@")
    name, _, word = user.partition(":")
    netloc = f"{name}@{host}" if user else host
    rest = urlencode([(key, value) for key, value in query if key != "password"])
    secret = unquote(word) or named
    bare = f"{parts.scheme}://{netloc}{parts.path}{'?' if rest else ''}{rest}" if dsn else ""
    return bare, ({"PGPASSWORD": secret} if secret else {})


async def _ended(name: str, process: asyncio.subprocess.Process) -> None:
    """Wait for its end. StartError with what it said first, where that was a failure."""
    try:
        if process.stderr is None:
            raise StartError(f"{name} has no voice.")
        said = await process.stderr.read()
        await process.wait()
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        fault = next((line for line in lines if "error:" in line.lower()), (lines or ["no word why"])[-1])
        if "already exists" in fault:
            raise StartError("The database to restore into is not empty; name an empty one.")
        raise StartError(f"{name} failed: {fault[:300]}")
