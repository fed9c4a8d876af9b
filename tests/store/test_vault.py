"""A second factor lies closed in the database: no dump gives it away, no row lends it to another."""

from __future__ import annotations

import pytest

from pumpkin.errors import Unavailable
from pumpkin.model.vault import Vault
from pumpkin.store import factors, people
from pumpkin.store.database import Database


async def kept(db: Database, name: str) -> str:
    async with db.reader() as connection:
        found: str = await connection.fetchval("select totp from people where name = $1", name)
    return found


async def test_a_second_factor_is_closed_in_the_database_and_bound_to_its_person(database: Database) -> None:
    for name in ("alice", "bob"):
        await people.add(database, name, "a password of some length", role="viewer")
    await factors.set_totp(database, "bob", "OLDSECRET")
    database.vault = Vault(bytes(32))
    assert (await factors.totp(database, "bob"))[0] == "OLDSECRET", "what lay there before is read"
    await factors.set_totp(database, "alice", "JBSWY3DPEHPK3PXP")
    closed = await kept(database, "alice")
    assert closed.startswith("v1:")
    assert "JBSWY3DP" not in closed
    assert (await factors.totp(database, "alice"))[0] == "JBSWY3DPEHPK3PXP"
    async with database.writer() as connection:
        await connection.execute("update people set totp = $1 where name = 'bob'", closed)
    with pytest.raises(Unavailable):
        await factors.totp(database, "bob")
    database.vault = Vault(b"another key of thirty-two bytes!")
    with pytest.raises(Unavailable, match="log-vault"):
        await factors.totp(database, "alice")
