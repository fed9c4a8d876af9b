"""DER in and out, as little as RFC 3161 and RFC 4998 need, and fast (X.690 section 10).

Reading is strict: definite minimal lengths, one-byte tags. An element is a tuple `(tag, at, start, stop)`: its tag,
where it begins, and where its contents begin and end in the buffer it was read from. Everything wrong raises NotDer.
`to_der` takes the BER that some authorities write in the unsigned parts and gives DER.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

Element = tuple[int, int, int, int]

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
BOOLEAN, GENERALIZED_TIME, UTF8_STRING, SEQUENCE, SET = 0x01, 0x18, 0x0C, 0x30, 0x31

_DEPTH = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class NotDer(ValueError):
    """The bytes are not the DER expected; the text says where."""


def element(data: bytes, at: int, end: int) -> Element:
    """The element that begins at `at` and must end by `end`."""
    start = at + 2
    if start > end:
        raise NotDer(f"truncated at {at}")
    tag = data[at]
    length = data[at + 1]
    if tag & 0x1F == 0x1F:
        raise NotDer(f"tag of more than one byte at {at}")
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise NotDer(f"length at {at}")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
        if length < 0x80 or length >> 8 * (count - 1) == 0:
            raise NotDer(f"length not minimal at {at}")
    stop = start + length
    if stop > end:
        raise NotDer(f"truncated at {at}")
    return tag, at, start, stop


def whole(data: bytes, tag: int) -> Element:
    """The one element that fills `data`; trailing bytes are an error."""
    found = element(data, 0, len(data))
    if found[0] != tag:
        raise NotDer(f"tag {found[0]:#04x} where {tag:#04x} belongs")
    if found[3] != len(data):
        raise NotDer(f"{len(data) - found[3]} bytes after the end")
    return found


def children(data: bytes, parent: Element) -> list[Element]:
    """The elements inside a constructed element, in order."""
    at, stop = parent[2], parent[3]
    found = []
    while at < stop:
        child = element(data, at, stop)
        found.append(child)
        at = child[3]
    return found


def expect(data: bytes, found: Element, tag: int) -> bytes:
    """The contents of an element that must have this tag."""
    if found[0] != tag:
        raise NotDer(f"tag {found[0]:#04x} where {tag:#04x} belongs at {found[1]}")
    return data[found[2] : found[3]]


def encoded(data: bytes, found: Element) -> bytes:
    """The element with its tag and length."""
    return data[found[1] : found[3]]


def read_integer(data: bytes, found: Element, tag: int = INTEGER) -> int:
    contents = expect(data, found, tag)
    if not contents or (len(contents) > 1 and contents[0] in (0, 0xFF) and (contents[0] ^ contents[1]) < 0x80):
        raise NotDer(f"integer not minimal at {found[1]}")
    return int.from_bytes(contents, "big", signed=True)


def read_boolean(data: bytes, found: Element) -> bool:
    contents = expect(data, found, BOOLEAN)
    if contents not in (b"\x00", b"\xff"):
        raise NotDer(f"boolean at {found[1]}")
    return contents == b"\xff"


def read_oid(data: bytes, found: Element) -> str:
    """Dotted text of an OBJECT IDENTIFIER."""
    return dotted(expect(data, found, OID))


def read_time(data: bytes, found: Element) -> int:
    """Microseconds since 1970 of a GeneralizedTime in UTC (`YYYYMMDDhhmmss[.f]Z`); finer digits are cut off."""
    text = expect(data, found, GENERALIZED_TIME)
    whole_seconds, fraction = text[:14], text[14:-1]
    digits = fraction[1:]
    if not (whole_seconds.isdigit() and len(whole_seconds) == 14 and text[-1:] == b"Z" and len(text) < 40) or not (
        fraction == b"" or (fraction[:1] == b"." and digits.isdigit())
    ):
        raise NotDer(f"time at {found[1]}")
    part = [int(whole_seconds[i:j]) for i, j in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))]
    try:
        moment = datetime(part[0], part[1], part[2], part[3], part[4], part[5], tzinfo=UTC)
    except ValueError as error:
        raise NotDer(f"time at {found[1]}") from error
    return (moment - _EPOCH) // _MICROSECOND + int(digits[:6].ljust(6, b"0") or b"0")


@lru_cache(maxsize=256)
def dotted(contents: bytes) -> str:
    """Dotted text of an OBJECT IDENTIFIER's contents. Arcs up to 128 bits (2.25 and a UUID) and somewhat more."""
    if not contents or contents[-1] & 0x80 or len(contents) > 128:
        raise NotDer("object identifier")
    arcs: list[int] = []
    arc = 0
    for byte in contents:
        if arc == 0 and byte == 0x80:
            raise NotDer("object identifier not minimal")
        arc = arc << 7 | byte & 0x7F
        if byte < 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def put(tag: int, *parts: bytes) -> bytes:
    """An element around the concatenated parts."""
    contents = b"".join(parts)
    length = len(contents)
    if length < 0x80:
        return bytes((tag, length)) + contents
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + contents


def put_set(tag: int, members: list[bytes]) -> bytes:
    """A SET OF in DER: members ascending (X.690 section 11.6)."""
    return put(tag, *sorted(members))


def put_integer(value: int, tag: int = INTEGER) -> bytes:
    return put(
        tag,
        value.to_bytes(
            value.bit_length() // 8 + 1 if value >= 0 else (value + 1).bit_length() // 8 + 1, "big", signed=True
        ),
    )


def put_oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER from dotted text; ValueError when it is none."""
    arcs = [int(arc) for arc in text.split(".")]
    if len(arcs) < 2 or min(arcs) < 0 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError(f"no object identifier: {text!r:.80}")
    contents = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        contents += bytes(reversed(groups))
    return put(OID, bytes(contents))


def put_time(moment: int) -> bytes:
    """GeneralizedTime of microseconds since 1970, in DER: no trailing zeros (X.690 section 11.7)."""
    seconds, fraction = divmod(moment, 1_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%S")
    if fraction:
        text += f".{fraction:06d}".rstrip("0")
    return put(GENERALIZED_TIME, text.encode() + b"Z")


def to_der(data: bytes) -> bytes:
    """DER of one BER element that fills `data`: lengths made definite and minimal, octet strings joined.

    Order inside sets and the values themselves are left as they are. Raises NotDer when it is not BER either.
    """
    out, end = _convert(data, 0, len(data), 0)
    if end != len(data):
        raise NotDer(f"{len(data) - end} bytes after the end")
    return out


def _convert(data: bytes, at: int, end: int, depth: int) -> tuple[bytes, int]:
    if depth > _DEPTH or at + 2 > end or data[at] & 0x1F == 0x1F:
        raise NotDer(f"not BER at {at}")
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        if not tag & 0x20:
            raise NotDer(f"not BER at {at}")
        members, stop = _convert_members(data, start, end, depth, indefinite=True)
        return _joined(tag, members), stop
    if length > 0x80:
        count = length & 0x7F
        if count > 8 or start + count > end:
            raise NotDer(f"not BER at {at}")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    stop = start + length
    if stop > end:
        raise NotDer(f"truncated at {at}")
    if not tag & 0x20:
        return put(tag, data[start:stop]), stop
    members, _ = _convert_members(data, start, stop, depth, indefinite=False)
    return _joined(tag, members), stop


def _convert_members(data: bytes, at: int, end: int, depth: int, *, indefinite: bool) -> tuple[list[bytes], int]:
    members: list[bytes] = []
    while at < end:
        if indefinite and data[at : at + 2] == b"\x00\x00":
            return members, at + 2
        member, at = _convert(data, at, end, depth + 1)
        members.append(member)
    if indefinite:
        raise NotDer("no end of contents")
    return members, at


def _joined(tag: int, members: list[bytes]) -> bytes:
    if tag != OCTET_STRING | 0x20:
        return put(tag, *members)
    return put(OCTET_STRING, *(expect(member, whole(member, OCTET_STRING), OCTET_STRING) for member in members))
