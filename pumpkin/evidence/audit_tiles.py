"""The tiles that an audit expects: every complete row of 256 hashes, computed anew from the leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pumpkin.evidence.merkle import node_hash
from pumpkin.evidence.tiles import WIDTH

HASH = 32


@dataclass(frozen=True, slots=True)
class Expected:
    """One hash of a stored tile, `index` counted over its level; on level 0 the 256 hashes of a whole tile and
    `index` that of the first. The first record below it is `index * 256 ** level`."""

    level: int
    index: int
    hash: bytes

    @property
    def tile(self) -> tuple[int, int]:
        return self.level, self.index // WIDTH

    @property
    def record(self) -> int:
        return self.index * int(WIDTH**self.level)


@dataclass(slots=True)
class _Row:
    """Hashes of one level that do not yet make a whole tile; `first` is the level's index of the first of them."""

    first: int
    hashes: list[bytes] = field(default_factory=list)


class TileAudit:
    """Fed with leaf hashes in order, from record `start` on; `take` gives what the tiles above must hold by now.

    Only complete tiles count on the level below, so a stretch that begins inside a tile begins with the next one.
    """

    def __init__(self, start: int = 0) -> None:
        self._levels: list[_Row] = []
        self._start, self._skip = start, -start % WIDTH
        self._found: list[Expected] = []

    def feed(self, leaves: Iterable[bytes]) -> None:
        """The next leaf hashes."""
        whole = list(leaves)
        if self._skip:
            skipped = min(self._skip, len(whole))
            self._skip -= skipped
            del whole[:skipped]
        if whole:
            self._add(0, -(-self._start // WIDTH) * WIDTH, whole)

    def take(self) -> list[Expected]:
        """What became known since it was asked last."""
        found, self._found = self._found, []
        return found

    def _add(self, level: int, first: int, hashes: list[bytes]) -> None:
        if level == len(self._levels):
            self._levels.append(_Row(first))
        row = self._levels[level]
        row.hashes += hashes
        aligned = -row.first % WIDTH
        if aligned:  # a stretch that begins inside a tile of this level
            if len(row.hashes) < aligned:
                return
            del row.hashes[:aligned]
            row.first += aligned
        while len(row.hashes) >= WIDTH:
            if not level:
                self._found.append(Expected(0, row.first, b"".join(row.hashes[:WIDTH])))
            node = _root(row.hashes[:WIDTH])
            index = row.first // WIDTH
            del row.hashes[:WIDTH]
            row.first += WIDTH
            self._found.append(Expected(level + 1, index, node))
            self._add(level + 1, index, [node])


def differing(expected: Iterable[Expected], tiles: Mapping[tuple[int, int], bytes]) -> Iterator[Expected]:
    """Those whose hash is not the one in the tiles as stored. A tile that is missing differs too, but on level 0, where
    the rows themselves serve."""
    for one in expected:
        at = one.index % WIDTH * HASH
        stored = tiles.get(one.tile, b"" if one.level else one.hash)
        if stored[at : at + len(one.hash)] != one.hash:
            yield one


def _root(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
