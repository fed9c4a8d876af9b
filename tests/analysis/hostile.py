"""Archives that want to hurt whoever unpacks them, each made here in memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

GIBI = 1024**3


def tar_of(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_of(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def _header(size: int) -> bytes:
    info = tarfile.TarInfo("zeros.py")
    info.size = size
    return info.tobuf()


def _zeros(compress: Callable[[bytes], bytes], finish: Callable[[], bytes], size: int) -> bytes:
    block = bytes(1 << 20)
    return b"".join([compress(_header(size)), *(compress(block) for _ in range(size >> 20)), finish()])


def gzip_bomb() -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return _zeros(packer.compress, packer.flush, GIBI // 4)


def bzip2_bomb() -> bytes:
    packer = bz2.BZ2Compressor()
    return _zeros(packer.compress, packer.flush, 32 << 20)


def xz_bomb() -> bytes:
    packer = lzma.LZMACompressor(preset=0)
    return _zeros(packer.compress, packer.flush, GIBI // 8)


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            archive.writestr(f"zeros{number}.py", bytes(40 << 20))
    return out.getvalue()


def overlapping_zip(count: int = 250) -> bytes:
    """Fifield's construction in its plainest form: many directory lines that share one kernel of bytes."""
    kernel = zlib.compress(bytes(1 << 20))[2:-4]
    crc = zlib.crc32(bytes(1 << 20))
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(kernel), 1 << 20, 1, 0) + b"a" + kernel
    lines = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(kernel), 1 << 20, 4, 0, 0, 0, 0, 0, 0)
        + b"%04d" % number
        for number in range(count)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(lines), len(local), 0)
    return local + lines + end


def endless_names() -> bytes:
    """A PAX header that claims half a gibibyte."""
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", GIBI // 2
    return gzip.compress(info.tobuf() + bytes(4096))


def russian_dolls(depth: int = 40) -> bytes:
    data = b"print('innermost')"
    for number in range(depth):
        data = zip_of((f"doll{number}.zip" if number else "doll.py", data))
    return data


def quine_like() -> bytes:
    """A gzip inside a gzip, a thousand times: no tar in sight."""
    data = b"x"
    for _ in range(1000):
        data = gzip.compress(data)
    return data


@cache
def many_members(count: int = 100_000) -> bytes:
    """Empty files, written by hand: zipfile takes seconds for them."""
    entries, lines, at = [], [], 0
    for number in range(count):
        name = b"pkg/module%d.py" % number
        entries.append(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name)
        about = (20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at)
        lines.append(struct.pack("<4s6H3I5H2I", b"PK\1\2", *about) + name)
        at += len(entries[-1])
    directory = b"".join(lines)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), at, 0)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), at)
    where = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(directory), 1)
    return b"".join([*entries, directory, wide, where, end])


def encrypted_zip() -> bytes:
    data = bytearray(zip_of(("secret.py", b"print('hello')")))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)
