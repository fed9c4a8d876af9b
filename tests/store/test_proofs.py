"""Checkpoints, tiles, stamps and tokens, kept and found."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.store import checks, proofs
from pumpkin.store.database import Database
from pumpkin.store.proofs import Token

from .conftest import Make


def checkpoint(size: int, start: int) -> Checkpoint:
    return Checkpoint(size, start, os.urandom(32), os.urandom(32), f"log\n{size}\n", 1_000 + size)


def stamp(authority: str, start: int, size: int) -> Stamp:
    return Stamp(
        id=0,
        authority=authority,
        start=start,
        size=size,
        anchor=os.urandom(64),
        query=b"query",
        response=b"response",
        chain=(b"leaf", b"root"),
        gen_time=5,
        accuracy=1,
        self_asserted=authority == "local",
    )


async def sealed(db: Database) -> list[Checkpoint]:
    """Three checkpoints of 10, 25 and 30 records."""
    found = [checkpoint(10, 0), checkpoint(25, 10), checkpoint(30, 25)]
    for number, one in enumerate(found):
        await proofs.add_checkpoint(db, one, {(1, 0): bytes([number]) * 32 * (number + 1), (2, 0): b"x" * 32})
    return found


async def test_a_log_without_checkpoints_has_none(database: Database) -> None:
    assert await proofs.latest_checkpoint(database) is None
    assert await proofs.checkpoint_covering(database, 0) is None
    assert await proofs.latest_stamp(database, "local") is None
    assert await proofs.stamps_for(database, 0) == []
    assert await proofs.stamped(database) == 0
    assert await proofs.tile(database, 1, 0) is None


async def test_checkpoints_are_found_by_size_by_place_and_by_range(database: Database) -> None:
    first, second, third = await sealed(database)
    assert await proofs.latest_checkpoint(database) == third
    assert await proofs.checkpoint(database, 25) == second
    assert await proofs.checkpoint(database, 26) is None
    covering = [await proofs.checkpoint_covering(database, seq) for seq in (0, 9, 10, 24, 25, 29, 30)]
    assert covering == [first, first, second, second, third, third, None]
    assert await proofs.checkpoints(database, 0, 25) == [first, second]
    assert await proofs.checkpoints(database, 10, 30) == [second, third]


async def test_a_tile_is_replaced_by_its_fuller_self(database: Database) -> None:
    await sealed(database)
    assert await proofs.tile(database, 1, 0) == b"\x02" * 96


async def test_a_checkpoint_stands_with_its_tiles_or_not_at_all(database: Database) -> None:
    await sealed(database)
    with pytest.raises(Exception, match="checkpoints_pkey"):
        await proofs.add_checkpoint(database, checkpoint(30, 25), {(1, 0): b"forged"})
    assert await proofs.tile(database, 1, 0) == b"\x02" * 96


async def test_a_note_gains_the_signatures_of_witnesses(database: Database) -> None:
    first, *_ = await sealed(database)
    await proofs.set_note(database, 10, first.note + "witness")
    assert await proofs.checkpoint(database, 10) == replace(first, note=first.note + "witness")


async def test_each_authority_covers_a_place_with_one_stamp(database: Database) -> None:
    """One authority stamped every checkpoint, the other was away and caught up with one token."""
    await sealed(database)
    given = [stamp("local", 0, 10), stamp("local", 10, 25), stamp("other", 0, 25), stamp("local", 25, 30)]
    ids = [await proofs.add_stamp(database, one) for one in given]
    kept = [replace(one, id=number or 0) for one, number in zip(given, ids, strict=True)]
    assert await proofs.stamps_for(database, 3) == [kept[0], kept[2]]
    assert await proofs.stamps_for(database, 10) == [kept[1], kept[2]]
    assert await proofs.stamps_for(database, 29) == [kept[3]]
    assert await proofs.stamps_for(database, 30) == []
    assert await proofs.latest_stamp(database, "other") == kept[2]
    assert await proofs.stamped(database) == 30
    assert await proofs.add_stamp(database, stamp("local", 25, 30)) is None
    assert await proofs.latest_stamp(database, "local") == kept[3]


async def test_the_first_own_token_of_a_check_stays(database: Database, row: Make) -> None:
    rows = [row() for _ in range(3)]
    await checks.store_batch(database, rows)
    given = [Token(one[0].id, b"token", 7, 1, "tsa", 9) for one in rows]
    assert [await proofs.add_token(database, one) for one in given] == [True] * 3
    assert not await proofs.add_token(database, replace(given[0], token=b"other"))
    found = await proofs.token(database, given[0].check_id)
    assert found is not None
    assert (found.token, found.gen_time) == (b"token", 7)
    assert [one.check_id for one in await proofs.tokens(database, 1, 5)] == [one.check_id for one in given[1:]]
