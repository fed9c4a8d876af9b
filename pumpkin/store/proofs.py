"""Checkpoints, tiles, stamps and tokens: what proves the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.proofs import Checkpoint, Stamp

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Token:
    """A check's own token over its payload bytes (the SCANDALE way): `token` is DER, times are microseconds."""

    check_id: UUID
    token: bytes
    gen_time: int
    accuracy: int
    tsa: str
    stored: int
    n: int = 0


async def add_checkpoint(db: Database, checkpoint: Checkpoint, tiles: Mapping[tuple[int, int], bytes]) -> None:
    """Keep a checkpoint with the tiles it changed, `{(level, n): hashes}`, in one transaction."""
    async with db.writer() as connection, connection.transaction():
        if tiles:
            await db.queries.proofs_tiles_put(
                connection,
                levels=[level for level, _ in tiles],
                ns=[n for _, n in tiles],
                hashes=list(tiles.values()),
            )
        await db.queries.proofs_checkpoint_add(
            connection,
            size=checkpoint.size,
            start=checkpoint.start,
            root=checkpoint.root,
            group_root=checkpoint.group_root,
            note=checkpoint.note,
            sealed=checkpoint.sealed,
        )


async def set_note(db: Database, size: int, note: str) -> None:
    """Keep a checkpoint's note with more signatures on it (rulings.md 6)."""
    async with db.writer() as connection:
        await db.queries.proofs_checkpoint_note(connection, size=size, note=note)


async def notes(db: Database, after: int, most: int) -> list[tuple[int, str]]:
    """(size, note) of the checkpoints of more than `after` records, in order, at most `most`."""
    async with db.reader() as connection:
        rows = db.queries.proofs_notes(connection, after=after, most=most)
        return [(row["size"], row["note"]) async for row in rows]


async def set_notes(db: Database, notes: Mapping[int, str]) -> None:
    """Keep these checkpoints' notes, by size, with more signatures on them (rulings.md 6)."""
    async with db.writer() as connection:
        await db.queries.proofs_notes_put(connection, sizes=list(notes), notes=list(notes.values()))


async def latest_checkpoint(db: Database) -> Checkpoint | None:
    """The newest checkpoint."""
    async with db.reader() as connection:
        return _checkpoint(await db.queries.proofs_checkpoint_latest(connection))


async def checkpoint(db: Database, size: int) -> Checkpoint | None:
    """The checkpoint of exactly `size` records."""
    async with db.reader() as connection:
        return _checkpoint(await db.queries.proofs_checkpoint(connection, size=size))


async def checkpoint_covering(db: Database, seq: int) -> Checkpoint | None:
    """The first checkpoint that contains the place `seq`; None while it is not sealed."""
    async with db.reader() as connection:
        return _checkpoint(await db.queries.proofs_checkpoint_covering(connection, seq=seq))


async def checkpoint_named(db: Database, digest: bytes) -> Checkpoint | None:
    """The checkpoint whose note's text has this SHA-256 (32 bytes): what a record's `after` names."""
    async with db.reader() as connection:
        return _checkpoint(await db.queries.proofs_checkpoint_named(connection, hash=digest))


async def checkpoints(db: Database, start: int, stop: int) -> list[Checkpoint]:
    """The checkpoints with `start < size <= stop`, in order: those that added the records `start` up to `stop`."""
    async with db.reader() as connection:
        return [Checkpoint(**row) async for row in db.queries.proofs_checkpoints(connection, start=start, stop=stop)]


async def tile(db: Database, level: int, n: int) -> bytes | None:
    """The hashes of a tile at `level` 1 or above (up to 256 of 32 bytes), as they are now. Level 0 is checks.leaves."""
    async with db.reader() as connection:
        found: bytes | None = await db.queries.proofs_tile(connection, level=level, n=n)
    return found


async def add_stamp(db: Database, stamp: Stamp) -> int | None:
    """Keep a verified stamp and answer its id (`stamp.id` is not looked at); None when it is there already. What was
    captured of revocation is kept once, however many stamps rest on it."""
    digests = {name: sha256(data).digest() for name, data in stamp.revocation.items()}
    async with db.writer() as connection:
        if digests:
            await db.queries.proofs_captured_add(
                connection, digests=list(digests.values()), contents=list(stamp.revocation.values())
            )
        number: int | None = await db.queries.proofs_stamp_add(
            connection,
            authority=stamp.authority,
            start=stamp.start,
            size=stamp.size,
            anchor=stamp.anchor,
            query=stamp.query,
            response=stamp.response,
            chain=list(stamp.chain),
            gen_time=stamp.gen_time,
            accuracy=stamp.accuracy,
            self_asserted=stamp.self_asserted,
            revocation={name: digest.hex() for name, digest in digests.items()},
        )
    return number


async def captured(db: Database, stamp: Stamp) -> dict[str, bytes]:
    """What was captured of revocation with a stamp, by name: the stamps read here come without it."""
    async with db.reader() as connection:
        return {row["name"]: row["data"] async for row in db.queries.proofs_captured(connection, id=stamp.id)}


async def latest_stamp(db: Database, authority: str) -> Stamp | None:
    """An authority's newest stamp."""
    async with db.reader() as connection:
        row = await db.queries.proofs_stamp_latest(connection, authority=authority)
    return stamp_of(row) if row else None


async def stamp(db: Database, number: int) -> Stamp | None:
    """The stamp of this number."""
    async with db.reader() as connection:
        row = await db.queries.proofs_stamp(connection, id=number)
    return stamp_of(row) if row else None


async def stamp_at(db: Database, authority: str, size: int) -> Stamp | None:
    """An authority's stamp over a tree of this size."""
    async with db.reader() as connection:
        row = await db.queries.proofs_stamp_at(connection, authority=authority, size=size)
    return stamp_of(row) if row else None


async def stamps_for(db: Database, seq: int) -> list[Stamp]:
    """The stamp of each authority that covers the place `seq`, by the authority's name."""
    async with db.reader() as connection:
        return [stamp_of(row) async for row in db.queries.proofs_stamps_for(connection, seq=seq)]


async def stamps_below(db: Database, size: int, most: int = 16) -> list[Stamp]:
    """Each authority's newest stamps over trees of fewer than `size` records, at most `most` of each."""
    async with db.reader() as connection:
        return [stamp_of(row) async for row in db.queries.proofs_stamps_below(connection, size=size, most=most)]


async def stamped(db: Database) -> int:
    """How many checks at least one authority has stamped."""
    async with db.reader() as connection:
        return int(await db.queries.proofs_stamped(connection))


async def add_token(db: Database, token: Token) -> bool:
    """Keep a check's own token; False when it has one. NotFound is the caller's: the check must be stored."""
    async with db.writer() as connection:
        done = await db.queries.proofs_token_add(
            connection,
            check_id=token.check_id,
            token=token.token,
            gen_time=token.gen_time,
            accuracy=token.accuracy,
            tsa=token.tsa,
            stored=token.stored,
        )
    return bool(done == "INSERT 0 1")


async def token(db: Database, check_id: UUID) -> Token | None:
    """A check's own token."""
    async with db.reader() as connection:
        row = await db.queries.proofs_token(connection, check_id=check_id)
    return Token(**row) if row else None


async def tokens(db: Database, skip: int, limit: int) -> list[Token]:
    """Own tokens in insertion order."""
    async with db.reader() as connection:
        return [Token(**row) async for row in db.queries.proofs_tokens(connection, skip=skip, most=limit)]


def _checkpoint(row: Any) -> Checkpoint | None:
    return Checkpoint(**row) if row else None


def stamp_of(row: Any) -> Stamp:
    values = dict(row)
    values["chain"] = tuple(values["chain"])
    values["revocation"] = {}
    return Stamp(**values)
