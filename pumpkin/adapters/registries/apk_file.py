"""Whether an apk file is the one its index lists: the index has the SHA-1 of the control part, that has the data's.

An apk (version 2) is gzip streams behind each other: signatures, control (`.PKGINFO` with `datahash`), data.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pumpkin.errors import RegistryError

PART_LIMIT = 4 * 1024 * 1024
CHUNK = 1 << 18
SIGNATURES = 3


@dataclass(frozen=True, slots=True)
class _Part:
    """One gzip stream: its packed bytes and what they unpack to."""

    packed: bytes
    content: bytes


def check(path: Path, control_sha1: str) -> None:
    """RegistryError when control part or data are not those the index and the control part name."""
    with path.open("rb") as file:
        rest = b""
        for _ in range(SIGNATURES):
            part, rest = _next(file, rest)
            names = _names(part.content)
            if names and not names[0].startswith(".SIGN."):
                break
        else:
            raise RegistryError("The apk file has no control part.")
        if hashlib.sha1(part.packed, usedforsecurity=False).hexdigest() != control_sha1:
            raise RegistryError("The apk file's control part is not the one its index lists.")
        data = hashlib.sha256(rest)
        while chunk := file.read(CHUNK):
            data.update(chunk)
    if _datahash(part.content) != data.hexdigest():
        raise RegistryError("The apk file's data are not those its control part names.")


def _next(file: BinaryIO, rest: bytes) -> tuple[_Part, bytes]:
    """The next gzip stream, and what was read past its end."""
    stream = zlib.decompressobj(31)
    packed, content = bytearray(), bytearray()
    try:
        while not stream.eof:
            chunk = rest or file.read(CHUNK)
            rest = b""
            if not chunk:
                raise RegistryError("The apk file ends in the middle.")
            content += stream.decompress(chunk, PART_LIMIT - len(content) + 1)
            packed += chunk
            if len(content) > PART_LIMIT or stream.unconsumed_tail:
                raise RegistryError("The apk file's control part is too large.")
    except zlib.error as error:
        raise RegistryError("The apk file is none.") from error
    left = stream.unused_data
    return _Part(bytes(packed[: len(packed) - len(left)]), bytes(content)), left


def _names(content: bytes) -> list[str]:
    try:
        with tarfile.open(fileobj=BytesIO(content), mode="r:", ignore_zeros=True) as archive:
            first = archive.next()
            return [first.name] if first else []
    except (tarfile.TarError, ValueError, EOFError):
        raise RegistryError("The apk file's parts are no archives.") from None


def _datahash(control: bytes) -> str:
    try:
        with tarfile.open(fileobj=BytesIO(control), mode="r:") as archive:
            for _ in range(64):
                member = archive.next()
                if member is None:
                    break
                if member.name == ".PKGINFO" and member.isfile():
                    content = archive.extractfile(member)
                    lines = content.read(PART_LIMIT).decode("utf-8", "replace").splitlines() if content else []
                    pairs = (line.partition(" = ") for line in lines)
                    return next((value.strip() for key, _, value in pairs if key == "datahash"), "")
    except (tarfile.TarError, ValueError, EOFError):
        pass
    return ""
