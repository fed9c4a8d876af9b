"""The log's tiles (C2SP tlog-tiles): 256 hashes each, their paths, and the tree nodes read out of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from pumpkin.evidence.merkle import node_hash

WIDTH = 256
MAX_LEVEL = 7

ReadTile = Callable[[int, int], bytes]
"""Gives the hashes (32 bytes each, joined, at least those the tree needs) of tile `n` on level `level`."""

_PATH = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?\Z")


class TileNodes:
    """A `merkle.Node` over tiles: each tile is read once and its inner hashes are remembered."""

    def __init__(self, read: ReadTile) -> None:
        self._read = read
        self._rows: dict[tuple[int, int], tuple[list[bytes], ...]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree. IndexError when the tile does not hold it (yet)."""
        tile_level, height = divmod(level, 8)
        n, offset = divmod(index << height, WIDTH)
        rows = self._rows.get((tile_level, n))
        if rows is None:
            rows = self._rows[tile_level, n] = _inner(self._read(tile_level, n))
        return rows[height][offset >> height]


@lru_cache(maxsize=128)
def _inner(tile: bytes) -> tuple[list[bytes], ...]:
    """The hashes over a tile, level by level; remembered by content, as a path shares its upper tiles with others."""
    rows = [split(tile)]
    while len(rows) <= 8:
        below = rows[-1]
        rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return tuple(rows)


def split(tile: bytes) -> list[bytes]:
    """The hashes of a tile. ValueError when it is no row of 1 to 256 hashes."""
    if len(tile) % 32 or not 0 < len(tile) <= WIDTH * 32:
        raise ValueError("a tile is 1 to 256 hashes of 32 bytes")
    return [tile[at : at + 32] for at in range(0, len(tile), 32)]


def updates(start: int, leaves: Sequence[bytes], read: ReadTile) -> dict[tuple[int, int], bytes]:
    """The tiles that change when leaf hashes are appended to a tree of `start` leaves: on level 0 those that become
    full (what is not full stands in the leaves themselves), above it every one.

    Keys are (level, n), values whole tile contents. `read` is asked only for partial tiles of the old tree, level 0
    included; a tile is asked for at most once.
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, first, fresh = 0, start, b"".join(leaves)
    while True:
        tile_n, filled = divmod(first, WIDTH)
        old = read(level, tile_n)[: filled * 32] if filled and fresh else b""
        if len(old) != (filled * 32 if fresh else 0):
            raise ValueError("a tile of the old tree is short")
        joined = old + fresh
        tiles = [joined[at : at + WIDTH * 32] for at in range(0, len(joined), WIDTH * 32)]
        for place, tile in enumerate(tiles):
            if level or len(tile) == WIDTH * 32:
                changed[level, tile_n + place] = tile
        full = [tile for tile in tiles if len(tile) == WIDTH * 32]
        if not full:
            return changed
        level, first, fresh = level + 1, tile_n, b"".join(map(_tile_root, full))


def sizes(size: int) -> list[int]:
    """How many hashes each level of tiles holds in a tree of `size` leaves, level 0 first."""
    counts = []
    while size:
        counts.append(size)
        size //= WIDTH
    return counts


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """`tile/0/x001/x234/067` and `tile/0/x001/x234/067.p/8`, as C2SP spells it."""
    return f"tile/{level}/{_number(n)}" + (f".p/{width}" if width < WIDTH else "")


def parse_tile(text: str) -> tuple[int, int]:
    """(n, width) of the part of a path after the level: `x001/067.p/8`. ValueError for any other spelling."""
    match = _PATH.match(text)
    if not match:
        raise ValueError("not a tile number")
    n, width = int(match[1].replace("x", "").replace("/", "")), int(match[2] or WIDTH)
    if _number(n) != match[1] or (match[2] and width >= WIDTH):
        raise ValueError("not a tile number")
    return n, width


def entry_bundle(records: Iterable[bytes]) -> bytes:
    """A C2SP entry bundle: each record with its length before it (2 bytes, big-endian)."""
    return b"".join(len(record).to_bytes(2) + record for record in records)


def entries(bundle: bytes) -> list[bytes]:
    """The records of an entry bundle. ValueError when it is cut short."""
    records, at = [], 0
    while at < len(bundle):
        stop = at + 2 + int.from_bytes(bundle[at : at + 2])
        if at + 2 > len(bundle) or stop > len(bundle):
            raise ValueError("the entry bundle is cut short")
        records.append(bundle[at + 2 : stop])
        at = stop
    return records


def _tile_root(tile: bytes) -> bytes:
    row = split(tile)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _number(n: int) -> str:
    groups = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        groups.append(f"x{n % 1000:03d}")
    return "/".join(reversed(groups))
