"""Names and versions of packages as they were seen, and the search among them.

Search is by prefix (an index in byte order), then by part (trigrams as numbers in a GIN index, no extension). Trigrams
that stand in many names narrow nothing and cost most, so the rare ones of a text are asked for only; PostgreSQL's own
statistics say which those are.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pumpkin.model.purl import ECOSYSTEMS

if TYPE_CHECKING:
    from pumpkin.store.database import Database

LIMIT = 1_000
ASKED_GRAMS = 2  # reading a third and fourth list costs more than the few rows it spares (p99 12.6 against 3.3 ms)
LIKE_GRAMS = 12
LIKE_SHARE = 0.005  # candidates for a misspelt name are read from at most this share of all names
RARE = 0.0001  # the share of a trigram that the statistics do not list
COMMON = 0.02  # a trigram in a larger share of all names is left out where a rarer one is there
SCANNED = 20_000
CANDIDATES = 600
STATISTICS_S = 600.0
_END = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """One name with its newest version, where that is known."""

    name: str
    latest: str | None


@dataclass(slots=True)
class _Shares:
    """How large a share of all names has a trigram; those not listed are rare."""

    read: float = -STATISTICS_S
    by_gram: dict[int, float] = field(default_factory=dict)


_shares: WeakKeyDictionary[Database, _Shares] = WeakKeyDictionary()


def grams(ecosystem: str, text: str) -> list[int]:
    """The trigrams of `text` as numbers: what `package_grams` of the migration computes."""
    high = (ECOSYSTEMS.index(ecosystem) + 1 if ecosystem in ECOSYSTEMS else 8) << 24
    data = text.encode()
    return sorted({high | data[i] << 16 | data[i + 1] << 8 | data[i + 2] for i in range(len(data) - 2)})


async def remember(db: Database, ecosystem: str, seen: Iterable[tuple[str, str | None]]) -> None:
    """Names with their newest version (None: not known)."""
    rows = list(seen)
    if rows:
        async with db.writer() as connection:
            await db.queries.packages_remember(
                connection, ecosystem=ecosystem, names=[name for name, _ in rows], latest=[new for _, new in rows]
            )


async def remember_versions(
    db: Database, ecosystem: str, name: str, versions: Sequence[tuple[str, datetime | None]], latest: str | None
) -> None:
    """One package's versions; its name is remembered with them."""
    async with db.writer() as connection, connection.transaction():
        await db.queries.packages_remember(connection, ecosystem=ecosystem, names=[name], latest=[latest])
        await db.queries.packages_remember_versions(
            connection,
            ecosystem=ecosystem,
            name=name,
            versions=[number for number, _ in versions],
            published=[when for _, when in versions],
        )


async def search(db: Database, ecosystem: str, text: str = "", limit: int = 100) -> list[Found]:
    """Names that begin with `text` in order, then names that hold it further in; at most `limit` (1,000)."""
    part = plain(ecosystem, text)
    limit = max(0, min(limit, LIMIT))
    if not part.isascii() or "\0" in part:
        return []
    async with db.reader() as connection:
        rows = [
            Found(row["name"], row["latest"])
            async for row in db.queries.packages_by_prefix(
                connection, ecosystem=ecosystem, low=part, high=part + _END, limit=limit
            )
        ]
        if len(rows) < limit and len(part) >= 3:
            rows += await _parts(db, connection, ecosystem, part, limit - len(rows))
    return rows


async def _parts(db: Database, connection: Any, ecosystem: str, part: str, limit: int) -> list[Found]:
    shares = await _common(db, connection)
    ordered = sorted(grams(ecosystem, part), key=lambda gram: shares.get(gram, 0.0))
    if shares.get(ordered[0], 0.0) <= COMMON:
        rare = ordered[:ASKED_GRAMS]
        rows = db.queries.packages_by_part(connection, ecosystem=ecosystem, grams=rare, part=part, limit=limit)
    else:
        rows = db.queries.packages_scan(connection, ecosystem=ecosystem, part=part, most=SCANNED, limit=limit)
    found = [Found(row["name"], row["latest"]) async for row in rows]
    return sorted(found, key=lambda one: (len(one.name), one.name))


async def suggest(db: Database, ecosystem: str, text: str, limit: int = 5) -> list[Found]:
    """Names that may have been meant, nearest first: few edits away, and sharing a trigram."""
    part = plain(ecosystem, text)[:100]
    if len(part) < 3 or not part.isascii():
        return []
    async with db.reader() as connection:
        shares = await _common(db, connection)
        ordered = sorted(grams(ecosystem, part), key=lambda gram: shares.get(gram, 0.0))
        most = max(1, min(4, len(part) // 3))
        rows = db.queries.packages_like(
            connection,
            ecosystem=ecosystem,
            grams=_few(ordered, shares),
            length=len(part),
            shortest=len(part) - most,
            longest=len(part) + most,
            limit=CANDIDATES,
        )
        found = {row["name"]: Found(row["name"], row["latest"]) async for row in rows}
    from rapidfuzz.distance import DamerauLevenshtein  # 3 MB, when first asked for

    near = [(DamerauLevenshtein.distance(part, name.lower(), score_cutoff=most), name) for name in found]
    return [found[name] for edits, name in sorted(near) if edits <= most][:limit]


def _few(ordered: Sequence[int], shares: Mapping[int, float]) -> list[int]:
    """The rarest trigrams, as many as together stand in few names."""
    found, share = list(ordered[:1]), shares.get(ordered[0], RARE)
    for gram in ordered[1:LIKE_GRAMS]:
        share += shares.get(gram, RARE)
        if share > LIKE_SHARE:
            break
        found.append(gram)
    return found


async def versions_of(db: Database, ecosystem: str, names: Sequence[str]) -> Mapping[str, list[str]]:
    """Known versions by name."""
    async with db.reader() as connection:
        rows = db.queries.packages_versions_of(connection, ecosystem=ecosystem, names=list(names))
        return {row["name"]: list(row["versions"]) async for row in rows}


async def count(db: Database) -> dict[str, int]:
    """How many names are known, by ecosystem."""
    async with db.reader() as connection:
        return {row["ecosystem"]: row["names"] async for row in db.queries.packages_count(connection)}


def plain(ecosystem: str, text: str) -> str:
    """A search text as names are kept: lower case, PyPI's separators as `-`."""
    part = text.strip().lower()[:214]
    return part.replace("_", "-").replace(".", "-") if ecosystem == "pypi" else part


async def _common(db: Database, connection: Any) -> dict[int, float]:
    kept = _shares.setdefault(db, _Shares())
    if time.monotonic() - kept.read > STATISTICS_S:
        kept.read = time.monotonic()
        kept.by_gram = {}
        async for row in db.queries.packages_common_grams(connection):
            kept.by_gram.update(zip(row["grams"] or (), row["shares"] or (), strict=False))
    return kept.by_gram
