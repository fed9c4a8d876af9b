"""Renewals: newer tokens that cover older ones, and which stamps each covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pumpkin.model.proofs import Stamp
from pumpkin.store.proofs import stamp_of

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Renewal:
    """One renewal. `kind` is timestamp or hashtree, `digest` sha256, sha384 or sha512, `data` the bytes its token
    stamps; `leaves` the leaves joined, one for each stamp covered, `above` the siblings (joined) above their root
    where the tree is larger. Times in microseconds, chain DER leaf first."""

    kind: str
    digest: str
    authority: str
    data: bytes
    query: bytes
    response: bytes
    chain: tuple[bytes, ...]
    gen_time: int
    accuracy: int
    self_asserted: bool
    good_until: int
    leaves: bytes = field(repr=False)
    above: bytes = field(default=b"", repr=False)
    id: int = 0
    revocation: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Covering:
    """A renewal as it covers one stamp: its place among the leaves; `hashes` the leaves of the stamp's checks, joined,
    where it is a hash-tree renewal."""

    renewal: Renewal
    place: int
    hashes: bytes | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a stamp was renewed by before: kind, digest, the whole response, and until when that is good."""

    stamp: int
    kind: str
    digest: str
    response: bytes
    good_until: int


async def chains(db: Database) -> list[tuple[bytes, tuple[bytes, ...], bytes]]:
    """(hash, chain in DER, one response) of each chain of certificates that stamps came with."""
    async with db.reader() as connection:
        hashes = {row["stamp"]: row["hash"] async for row in db.queries.renewals_chains(connection)}
        rows = db.queries.renewals_examples(connection, stamps=list(hashes))
        return [(hashes[row["id"]], tuple(row["chain"]), row["response"]) async for row in rows]


async def due(db: Database, chains: Sequence[bytes], horizon: int) -> list[tuple[int, bytes]]:
    """(stamp's number, response) of the stamps with one of these chains (by hash) that no renewal good beyond `horizon`
    (microseconds) covers."""
    async with db.reader() as connection:
        rows = db.queries.renewals_due(connection, chains=list(chains), horizon=horizon)
        return [(row["id"], row["response"]) async for row in rows]


async def earlier(db: Database, stamps: Sequence[int]) -> dict[int, list[Earlier]]:
    """What these stamps were renewed by, oldest first; a stamp without renewals is left out."""
    found: dict[int, list[Earlier]] = {}
    async with db.reader() as connection:
        async for row in db.queries.renewals_of(connection, stamps=list(stamps)):
            one = Earlier(row["stamp"], row["kind"], row["digest"], row["response"], row["good_until"])
            found.setdefault(one.stamp, []).append(one)
    return found


async def add(
    db: Database, renewal: Renewal, stamps: Sequence[int], hashes: Sequence[bytes | None] | None = None
) -> int:
    """Keep a renewal with the stamps it covers, in the order of its leaves; its number."""
    captured = {name: sha256(data).digest() for name, data in renewal.revocation.items()}
    async with db.writer() as connection:
        if captured:
            await db.queries.proofs_captured_add(
                connection, digests=list(captured.values()), contents=list(renewal.revocation.values())
            )
        number: int = await db.queries.renewals_add(
            connection,
            kind=renewal.kind,
            digest=renewal.digest,
            authority=renewal.authority,
            data=renewal.data,
            query=renewal.query,
            response=renewal.response,
            chain=list(renewal.chain),
            gen_time=renewal.gen_time,
            accuracy=renewal.accuracy,
            self_asserted=renewal.self_asserted,
            good_until=renewal.good_until,
            revocation={name: digest.hex() for name, digest in captured.items()},
            leaves=renewal.leaves,
            above=renewal.above,
            stamps=list(stamps),
            hashes=list(hashes) if hashes is not None else [None] * len(stamps),
        )
    return number


async def covering(db: Database, stamp: int) -> list[Covering]:
    """The renewals of one stamp, whole, oldest first."""
    found = []
    async with db.reader() as connection:
        async for row in db.queries.renewals_for(connection, stamp=stamp):
            values = dict(row)
            place, hashes = values.pop("place"), values.pop("hashes")
            found.append(Covering(Renewal(**{**values, "chain": tuple(values["chain"])}), place, hashes))
    return found


async def brief(db: Database, stamps: Sequence[int]) -> list[dict[str, Any]]:
    """What renewed these stamps, in short, oldest first: id, kind, digest, authority, gen_time, self_asserted,
    good_until."""
    if not stamps:
        return []
    async with db.reader() as connection:
        return [dict(row) async for row in db.queries.renewals_brief(connection, stamps=list(stamps))]


async def captured(db: Database, renewal: int) -> dict[str, bytes]:
    """What was captured of revocation with a renewal, by name."""
    async with db.reader() as connection:
        return {row["name"]: row["data"] async for row in db.queries.renewals_captured(connection, id=renewal)}


async def stamps(db: Database) -> list[Stamp]:
    """Every stamp of every series, in the order they were kept."""
    async with db.reader() as connection:
        return [stamp_of(row) async for row in db.queries.renewals_stamps(connection)]


async def newest(db: Database, most: int = 20) -> list[dict[str, object]]:
    """The newest renewals: what a page shows of each, with the number of stamps it covers."""
    async with db.reader() as connection:
        return [dict(row) async for row in db.queries.renewals_newest(connection, most=most)]
