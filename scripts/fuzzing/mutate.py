"""Bytes near good ones: flipped, cut, doubled, spliced with other seeds, and sown with what parsers stumble over."""

from __future__ import annotations

import random
from collections.abc import Sequence

WORDS = (
    *(b"\x00", b"\xff", b"\x80", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff"),
    *(b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999999999", b"null", b"true", b"[" * 200, b'{"a":' * 100),
    *(b'"', b"'", b"<", b">", b"&", b"&#0;", b"]]>", b"<!DOCTYPE a>", b"{", b"}", b"=", b";", b",", b"@", b"#", b"?"),
    *(b":", b"/" * 40, b" " * 100, b"\n", b"\r\n", b"\n\n", b"%00", b"%", b"%ZZ", b"../", b"\\u0000", b"\\ud800"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae"),
)
LONGEST = 200_000


def some(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One input, from one to eight changes away from a seed, or noise."""
    if chance.random() < 0.02:
        return chance.randbytes(chance.randrange(300))
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.6))):
        _change(chance, data, seeds)
    return bytes(data[:LONGEST])


def _change(chance: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    length = min(int(chance.expovariate(0.1)) + 1, len(data))
    match chance.randrange(8):
        case 0 if data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        case 1 if data:
            data[at % len(data)] = chance.randrange(256)
        case 2:
            del data[at : at + length]
        case 3:
            data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
        case 4:
            data[at:at] = chance.choice(WORDS)
        case 5:
            data[at : at + length] = chance.choice(WORDS)
        case 6:
            other = chance.choice(seeds)
            begin = chance.randrange(len(other) + 1)
            data[at:] = other[begin:]
        case _:
            del data[at:]
