"""People, sessions and keys: what opens, and what no longer does."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from pumpkin.errors import Conflict, InvalidRequest, LastAdministrator, NotFound
from pumpkin.store import factors, keys, people, sessions
from pumpkin.store.database import Database

HOUR_US = 3_600_000_000


async def test_the_right_password_opens_and_only_that(database: Database) -> None:
    assert await people.everybody(database) == []
    password = await people.add(database, "ada", role="admin", must_change=True)
    person = await people.verify(database, "ada", password)
    assert person is not None
    assert (person.name, person.role, person.must_change) == ("ada", "admin", True)
    for name, wrong in (
        ("ada", password + "x"),
        ("ada", ""),
        ("Ada", password),
        ("eve", password),
        ("a\x00", "\ud800"),
    ):
        assert await people.verify(database, name, wrong) is None


async def test_a_verified_pair_costs_no_second_hash(database: Database) -> None:
    await people.add(database, "ada", "correct horse", role="viewer")
    await people.verify(database, "ada", "correct horse")
    begun = time.process_time()
    for _ in range(50):
        assert await people.verify(database, "ada", "correct horse") is not None
    assert time.process_time() - begun < 3


async def test_a_changed_password_closes_the_old_one_at_once(database: Database) -> None:
    await people.add(database, "ada", "correct horse")
    token = await sessions.open(database, "ada", seconds=60)
    assert await people.verify(database, "ada", "correct horse") is not None
    await people.set_password(database, "ada", "battery staple")
    assert await people.verify(database, "ada", "correct horse") is None
    assert await people.verify(database, "ada", "battery staple") is not None
    assert await sessions.get(database, token) is None


async def test_a_disabled_person_gets_in_no_more(database: Database) -> None:
    await people.add(database, "ada", "correct horse")
    assert await people.verify(database, "ada", "correct horse") is not None
    token = await sessions.open(database, "ada", seconds=60)
    await people.disable(database, "ada")
    assert await people.verify(database, "ada", "correct horse") is None
    assert await sessions.get(database, token) is None
    await people.disable(database, "ada", disabled=False)
    assert await people.verify(database, "ada", "correct horse") is not None


async def test_a_session_carries_the_role_of_now_and_ends(database: Database) -> None:
    await people.add(database, "ada", "correct horse", role="viewer")
    token = await sessions.open(database, "ada", seconds=60)
    session = await sessions.get(database, token)
    assert session is not None
    assert (session.name, session.role, len(session.csrf)) == ("ada", "viewer", 43)
    await people.set_role(database, "ada", "operator")
    session = await sessions.get(database, token)
    assert session is not None
    assert session.role == "operator"
    await sessions.close(database, token)
    await sessions.close(database, token)
    assert await sessions.get(database, token) is None
    assert await sessions.get(database, await sessions.open(database, "ada", seconds=0)) is None
    assert await sessions.get(database, "\ud800 no token") is None


async def test_a_session_used_again_after_minutes_opens_and_says_when(database: Database) -> None:
    await people.add(database, "ada", "correct horse", role="viewer")
    token = await sessions.open(database, "ada", seconds=3_600)
    begun = time.time_ns() // 1_000
    async with database.writer() as connection:
        await connection.execute("update sessions set seen = seen - 20 * 60000000::bigint")
    assert await sessions.get(database, token) is not None
    again = await sessions.get(database, token)
    assert again is not None
    assert again.seen >= begun


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", " a", "a" * 201])
async def test_a_name_that_cannot_log_in_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await people.add(database, name, "correct horse")


async def test_wrong_people_are_told(database: Database) -> None:
    await people.add(database, "ada", "correct horse")
    with pytest.raises(Conflict):
        await people.add(database, "ada", "another horse")
    with pytest.raises(InvalidRequest):
        await people.add(database, "eve", "short")
    with pytest.raises(InvalidRequest):
        await people.set_role(database, "ada", "king")
    with pytest.raises(NotFound):
        await people.set_password(database, "eve", "correct horse")
    await people.remove(database, "ada")
    assert (await people.get(database, "ada"), await people.everybody(database)) == (None, [])


async def test_a_key_opens_until_it_is_revoked(database: Database) -> None:
    key, text = await keys.create(database, name="ci", scopes=["checks:write", "checks:write"], rate=7)
    assert text.startswith(f"pk_{key.prefix}_")
    found = await keys.find(database, text)
    assert found is not None
    assert (found.id, found.scopes, found.rate, found.last_used) == (key.id, ("checks:write",), 7, None)
    found = await keys.find(database, text)
    assert found is not None
    assert found.last_used is not None
    assert await keys.revoke(database, key.prefix)
    assert not await keys.revoke(database, key.id)
    assert await keys.find(database, text) is None
    assert [one.revoked is not None for one in await keys.listed(database)] == [True]


async def test_a_key_for_a_while_leaves_nothing_behind(database: Database) -> None:
    name, scopes = "for a while", ["packages:read"]
    passing, _ = await keys.create(database, name=name, scopes=scopes)
    other, _ = await keys.create(database, name=name, scopes=scopes)
    _ = await keys.create(database, name=name, scopes=scopes, expires=1)
    kept, _ = await keys.create(database, name="ci", scopes=["admin"])
    await keys.revoke(database, kept.id)
    await keys.forget(database, name, passing.id)
    assert {one.id for one in await keys.listed(database)} == {kept.id, other.id}


async def test_a_key_that_is_not_whole_opens_nothing(database: Database) -> None:
    _, text = await keys.create(database, name="ci", scopes=["admin"])
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    for wrong in (changed, text[:-1], text + "A", text.upper(), "", "pk__", f"pk_{'a' * 8}_{'b' * 43}", text + "\n"):
        assert await keys.find(database, wrong) is None, wrong


async def test_a_key_ends_when_its_time_has_come(database: Database) -> None:
    now = time.time_ns() // 1_000
    _, ended = await keys.create(database, name="old", scopes=["admin"], expires=now - 1)
    _, lives = await keys.create(database, name="new", scopes=["admin"], expires=now + HOUR_US)
    assert await keys.find(database, ended) is None
    assert await keys.find(database, lives) is not None
    assert not await keys.revoke(database, uuid4())


@pytest.mark.parametrize(("name", "scopes"), [("", ["admin"]), ("x", []), ("x", ["Admin;"]), ("a\nb", ["admin"])])
async def test_a_key_that_makes_no_sense_is_refused(database: Database, name: str, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        await keys.create(database, name=name, scopes=scopes)


async def test_no_secret_stands_in_the_database(database: Database) -> None:
    _, text = await keys.create(database, name="ci", scopes=["admin"])
    await people.add(database, "ada", "correct horse")
    token = await sessions.open(database, "ada", seconds=60)
    async with database.reader() as connection:
        rows = [
            str([bytes(value) if isinstance(value, bytes) else value for value in row.values()])
            for table in ("keys", "people", "sessions")
            for row in await connection.fetch(f"select * from {table}")
        ]
    for secret in (text, text.rpartition("_")[2], "correct horse", token):
        assert not any(secret in row for row in rows)


async def test_the_last_administrator_stays(database: Database):
    await people.add(database, "ada", "a password for ada", role="admin")
    await people.add(database, "eve", "a password for eve", role="admin")
    await people.disable(database, "eve")
    for attempt in (
        people.remove(database, "ada"),
        people.disable(database, "ada"),
        people.set_role(database, "ada", "operator"),
    ):
        with pytest.raises(LastAdministrator):
            await attempt
    await people.disable(database, "eve", disabled=False)
    await people.remove(database, "ada")
    assert [one.name for one in await people.everybody(database)] == ["eve"]


async def test_of_two_administrators_removing_each_other_one_stays(database: Database):
    for name in ("ada", "eve"):
        await people.add(database, name, "a password for both", role="admin")
    done = await asyncio.gather(people.remove(database, "ada"), people.remove(database, "eve"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["LastAdministrator", "NoneType"]


async def test_a_password_is_the_same_however_its_signs_are_composed(database: Database):
    await people.add(database, "ren\u00e9", "a caf\u00e9 in the park")
    assert await people.verify(database, "ren\u00e9", "a cafe\u0301 in the park") is not None


async def test_a_code_is_taken_once(database: Database):
    await people.add(database, "ada", "a password for ada")
    await factors.set_totp(database, "ada", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 5)
    assert not await factors.use_step(database, "ada", 5)
    taken = await asyncio.gather(*(factors.use_step(database, "ada", 6) for _ in range(4)))
    assert sorted(taken) == [False, False, False, True]


async def test_a_half_session_opens_nothing(database: Database):
    await people.add(database, "ada", "a password for ada")
    token = await sessions.open(database, "ada", seconds=60, half=True)
    assert await sessions.get(database, token) is None
    assert await sessions.half(database, token) is not None
    assert await sessions.listed(database) == []
