"""A backup: one age file that holds the database, the keys and a manifest, and a folder made of it again.

Outer form: a tar of `key.age`, a fresh X25519 identity under the passphrase, and `data.age`, the rest encrypted to it;
or with a recipient of yours the bare `data.age`. Either opens with any age tool (C2SP age). Inner form: a tar whose
first member is `manifest.json`, with the SHA-256 of each of the others: `database.dump` (pg_dump's custom
format) and `files/...`, what lies in the data folder.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

from pumpkin.adapters.dumping import Staged
from pumpkin.errors import InvalidRequest

FORMAT = "pumpkin-backup/1"
MANIFEST_LIMIT = 4 * 1024 * 1024
_LEFT_OUT = (
    *("postgres", "postgresql-*", "postgres-*.old", "postgres.part", "postgres.lock", "postgres.log*", "upgrade"),
    *("lock", "ready.json", "run", "cache", "restore.part", "log-seen.json", ".*"),
)
_BEGINNINGS = (b"age-encryption.org/v1", b"key.age\0")
_CHUNK = 1024 * 1024


class BackupBroken(InvalidRequest):
    """The backup cannot be opened: altered, cut off, or closed to what was given."""

    code = "backup_broken"


class Secret:
    """What closes and opens a backup: a passphrase, or age's own recipient (closing) and identity (opening)."""

    def __init__(self, *, passphrase: str = "", recipient: str = "", identity: str = "") -> None:
        try:
            self.recipient = pyrage.x25519.Recipient.from_str(recipient) if recipient else None
            self.identity = pyrage.x25519.Identity.from_str(identity) if identity else None
        except pyrage.RecipientError:
            raise InvalidRequest("The recipient is not one of age (age1...).") from None
        except pyrage.IdentityError:
            raise InvalidRequest("The identity is not one of age (AGE-SECRET-KEY-1...).") from None
        self.passphrase = passphrase


def files_of(data: Path) -> list[Path]:
    """What of a data folder belongs into a backup, relative to it: keys, certificates, settings; no database, and no
    backup that lies there."""
    found = []
    for top in sorted(data.iterdir()):
        if any(top.match(pattern) for pattern in _LEFT_OUT):
            continue
        inside = sorted(top.rglob("*")) if top.is_dir() and not top.is_symlink() else [top]
        found += [path.relative_to(data) for path in inside if _belongs(path)]
    return found


def _belongs(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return not file.read(22).startswith(_BEGINNINGS)


def close(
    target: Path, data: Path, database: Staged, facts: dict[str, Any], secret: Secret, outside: Sequence[Path] = ()
) -> dict[str, Any]:
    """Write the backup to `target`, whole or not at all (mode 0600); its manifest. `facts` go into that as they are.

    Files `outside` the data folder (absolute paths) come back as `outside/PATH` in it.
    """
    sources = {f"files/{path}": data / path for path in files_of(data)}
    sources |= {f"files/outside{path}": path for path in outside}
    members = {"database.dump": {"size": database.size, "sha256": database.sha256}}
    members |= {name: _weighed(path) for name, path in sources.items()}
    manifest = {"format": FORMAT, **facts, "members": members}
    part = target.with_name(f".{target.name}.part")
    identity = None if secret.recipient else pyrage.x25519.Identity.generate()
    recipient = identity.to_public() if identity else secret.recipient
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b") as out:
            with _written_by(lambda pipe: _tar(pipe, manifest, database, sources)) as plain:
                if identity is None:
                    pyrage.encrypt_io(plain, out, [recipient])
                else:
                    _two(out, pyrage.passphrase.encrypt(str(identity).encode(), secret.passphrase), plain, recipient)
            out.flush()
            os.fsync(out.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _two(out: BinaryIO, key: bytes, plain: BinaryIO, recipient: Any) -> None:
    """The outer tar; the size of its second member is known only when that is written, so its header is set then."""
    out.write(_header("key.age", len(key)) + key + bytes(-len(key) % 512))
    place = out.tell()
    out.write(bytes(512))
    pyrage.encrypt_io(plain, out, [recipient])
    size = out.tell() - place - 512
    out.write(bytes(-size % 512 + 1024))
    out.seek(place)
    out.write(_header("data.age", size))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _tar(pipe: BinaryIO, manifest: dict[str, Any], database: Staged, sources: dict[str, Path]) -> None:
    with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        text = json.dumps(manifest, indent=2).encode()
        tar.addfile(_member("manifest.json", len(text), 0o600), io.BytesIO(text))
        with _written_by(database.write) as dump:
            tar.addfile(_member("database.dump", database.size, 0o600), dump)
        for name, path in sources.items():
            with path.open("rb") as file:
                tar.addfile(_member(name, manifest["members"][name]["size"], path.stat().st_mode & 0o777), file)


def _member(name: str, size: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, mode
    return info


def _weighed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def open_into(source: Path, folder: Path, secret: Secret) -> dict[str, Any]:
    """The members of a backup into `folder` (empty, ours alone), each held against the manifest, which is returned.

    BackupBroken for anything that is not exactly what was written.
    """
    try:
        with source.open("rb") as file, _written_by(lambda pipe: _decrypt(file, pipe, secret)) as plain:
            return _unpack(plain, folder)
    except (pyrage.DecryptError, tarfile.TarError, OSError, EOFError, ValueError, KeyError) as error:
        raise BackupBroken(f"The backup {source.name} cannot be opened: {str(error)[:200]}.") from None


def _decrypt(file: BinaryIO, pipe: BinaryIO, secret: Secret) -> None:
    begin = file.read(22)
    file.seek(0)
    if begin.startswith(b"age-encryption.org/v1"):
        if secret.identity is None:
            raise ValueError("it was closed to a recipient, so its identity is needed")
        pyrage.decrypt_io(file, pipe, [secret.identity])
        return
    if not secret.passphrase:
        raise ValueError("it was closed with a passphrase, which is needed")
    with tarfile.open(fileobj=file, mode="r:") as outer:
        key, content = outer.extractfile("key.age"), outer.extractfile("data.age")
        if key is None or content is None:
            raise ValueError("it is not of the known form")
        _exact(file, *(outer.getmember(name).size for name in ("key.age", "data.age")))
        try:
            opened = pyrage.passphrase.decrypt(key.read(10_000), secret.passphrase)
        except pyrage.DecryptError as error:
            raise ValueError(f"a wrong passphrase, or not this file's, or it was altered ({error})") from None
        pyrage.decrypt_io(content, pipe, [pyrage.x25519.Identity.from_str(opened.decode())])


def _exact(file: BinaryIO, key: int, content: int) -> None:
    """Hold headers and padding of the outer tar, which nothing encrypts, against what `_two` writes. ValueError."""
    for name, size, after in (("key.age", key, 0), ("data.age", content, 1024)):
        file.seek(0 if name == "key.age" else 512 + key + -key % 512)
        header = file.read(512)
        file.seek(size, os.SEEK_CUR)
        padding = -size % 512 + after
        if header != _header(name, size) or file.read(padding + 1)[: padding + (after > 0)] != bytes(padding):
            raise ValueError("its outer form was altered")


def _unpack(plain: BinaryIO, folder: Path) -> dict[str, Any]:
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        first = tar.next()
        if first is None or first.name != "manifest.json" or first.size > MANIFEST_LIMIT:
            raise ValueError("it does not begin with its manifest")
        manifest: dict[str, Any] = json.load(tar.extractfile(first))  # type: ignore[arg-type]
        if manifest.get("format") != FORMAT:
            raise ValueError(f"it is of the form {str(manifest.get('format'))[:40]!r}, and this Pumpkin reads {FORMAT}")
        missing = dict(manifest["members"])
        while (member := tar.next()) is not None:
            known = missing.pop(member.name)
            _take(tar, member, known, folder)
    if missing:
        raise ValueError(f"{len(missing)} members are missing")
    return manifest


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, known: dict[str, Any], folder: Path) -> None:
    place = (folder / member.name).resolve()
    content = tar.extractfile(member) if member.isreg() else None
    if content is None or not place.is_relative_to(folder.resolve()) or member.size != known["size"]:
        raise ValueError(f"the member {member.name[:80]!r} is not what the manifest says")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, member.mode & 0o777), "wb") as out:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    if digest.hexdigest() != known["sha256"]:
        raise ValueError(f"the member {member.name[:80]!r} was altered")


def put_files(folder: Path, data: Path) -> None:
    """The files of an opened backup into an empty data folder, modes kept."""
    shutil.copytree(folder / "files", data, dirs_exist_ok=True)
    data.chmod(0o755)


@contextmanager
def _written_by(write: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """A reader of what `write` puts into the other end from a thread of its own; what that raised is raised here."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                write(pipe)
        except BrokenPipeError:
            pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as plain:
            try:
                yield plain
            except (tarfile.TarError, OSError, EOFError, ValueError, KeyError):
                thread.join(5)
                if failed:
                    raise failed[0] from None
                raise
    finally:
        thread.join()
    if failed:
        raise failed[0]
