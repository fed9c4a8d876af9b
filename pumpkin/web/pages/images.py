"""Pictures by their first bytes: which of the four kinds browsers draw without running anything, and how large.

The type a stranger named is not asked. SVG is none of them: it is a document that may hold script, and shown as text.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

BYTES_MOST = 8 * 1024 * 1024
PIXELS_MOST = 40_000_000  # a few kilobytes of PNG can unfold to gigabytes; a browser takes four bytes for each of these
_SEGMENTS_MOST = 400
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Picture:
    """`kind` as people say it ("PNG"), `media` as browsers do; width and height in pixels."""

    kind: str
    media: str
    width: int
    height: int
    size: int

    @property
    def fits(self) -> bool:
        """Whether it may be shown: bounded in bytes and, unfolded, in pixels."""
        return self.size <= BYTES_MOST and self.width * self.height <= PIXELS_MOST


def picture(data: bytes) -> Picture | None:
    """What `data` is a picture of; None for what has no such first bytes, or no size within them."""
    for kind, read in (("PNG", _png), ("GIF", _gif), ("WebP", _webp), ("JPEG", _jpeg)):
        try:
            found = read(data)
        except struct.error:  # it ends within its head
            return None
        if found is not None and found[0] > 0 and found[1] > 0:
            return Picture(kind, f"image/{kind.casefold()}", *found, len(data))
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    """ISO/IEC 15948, 11.2.2: IHDR comes first."""
    if data[:8] != _PNG or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int] | None:
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int] | None:
    """RFC 9649 section 2: a lossy, a lossless or an extended one."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if data[12:16] == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """ITU-T T.81, B.2.2: the size stands in the frame's header, after any number of other segments."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    for _ in range(_SEGMENTS_MOST):
        while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] == b"\xff":
            at += 1
        mark, marker = struct.unpack_from(">BB", data, at)
        if mark != 0xFF or marker in (0xD9, 0xDA):
            return None
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 if marker in _JPEG_ALONE else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None
