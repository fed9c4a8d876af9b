"""The tree's tiles as they are kept: leaves in the rows of checks, the hashes above them in tiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def tiles(db: Database, places: Iterable[tuple[int, int]], size: int) -> dict[tuple[int, int], bytes]:
    """The hashes (32 bytes each, joined) of the tiles at these (level, n); on level 0 those of the first `size` leaves.

    A tile that is not there is left out; one may hold more than a tree of `size` has. Full tiles of leaves are kept
    too: to gather 256 leaves out of rows that are a kilobyte apart takes longer than all the rest.
    """
    wanted = sorted(set(places))
    if not wanted:
        return {}
    levels, ns = [level for level, _ in wanted], [n for _, n in wanted]
    async with db.reader() as connection:
        found = await connection.fetch(db.queries.tree_tiles.sql, size, levels, ns)
    return {(level, n): hashes for level, n, hashes in found if hashes is not None}
