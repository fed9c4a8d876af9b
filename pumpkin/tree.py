"""The log's tree as it is stored: paths through it, each read in one round trip whatever its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pumpkin.errors import Unavailable
from pumpkin.evidence import merkle, tiles
from pumpkin.evidence.merkle import Frontier, Node
from pumpkin.store import tree
from pumpkin.store.database import Database

T = TypeVar("T")


class Tree:
    """The tree over `db`'s log. Every size up to the newest checkpoint's may be asked for; IndexError beyond, and
    Unavailable where the tiles as stored do not hold what is asked (the log was changed from outside)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The path from leaf `index` to the root of the tree of `size` leaves, leaf to root."""
        return await self._over(size, lambda nodes: merkle.inclusion_from(nodes, index, size))

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `old` leaves is the beginning of that of `new`."""
        return await self._over(new, lambda nodes: merkle.consistency_from(nodes, old, new))

    async def frontier(self, size: int) -> Frontier:
        """The right edge of the tree of `size` leaves."""
        return await self._over(size, lambda nodes: Frontier.from_nodes(nodes, size))

    async def _over(self, size: int, work: Callable[[Node], T]) -> T:
        """`work` over the tree's nodes; run twice, first only to learn which tiles it asks for."""
        wanted = _Places()
        work(wanted)
        found = await tree.tiles(self._db, wanted.tiles, size)
        try:
            return work(tiles.TileNodes(lambda level, n: found[level, n]))
        except (KeyError, IndexError, ValueError):
            raise Unavailable("The log's tiles do not hold this path; run `pumpkin audit`.") from None


class _Places:
    """A `merkle.Node` that only notes which tiles are asked for."""

    def __init__(self) -> None:
        self.tiles: set[tuple[int, int]] = set()

    def __call__(self, level: int, index: int) -> bytes:
        tile_level, height = divmod(level, 8)
        self.tiles.add((tile_level, (index << height) // tiles.WIDTH))
        return bytes(32)
