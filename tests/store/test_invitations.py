"""Invitations are used up, expire, and are kept as hashes; accounts' removal is told to who listens."""

from __future__ import annotations

import asyncio

from pumpkin.adapters.xmppd import verifiers
from pumpkin.store import accounts, invitations, notices
from pumpkin.store.database import Database


async def test_an_invitation_is_good_for_as_many_accounts_as_it_says(database: Database) -> None:
    token = await invitations.add(database, uses=2, note="roof")
    assert [await invitations.redeem(database, token, f"p{n}") for n in range(3)] == [True, True, False]
    assert not await invitations.redeem(database, "guess", "p")
    assert not await invitations.redeem(database, "", "p")
    assert await invitations.all_good(database) == []


async def test_an_invitation_ends_with_its_hours_or_when_taken_back(database: Database) -> None:
    late = await invitations.add(database, hours=-1)
    assert not await invitations.redeem(database, late, "p")
    token = await invitations.add(database, uses=5)
    [one] = await invitations.all_good(database)
    assert token not in str(one)
    await invitations.end(database, one.id)
    assert not await invitations.redeem(database, token, "p")


async def test_of_many_who_redeem_at_once_no_more_get_in(database: Database) -> None:
    token = await invitations.add(database, uses=3)
    found = await asyncio.gather(*(invitations.redeem(database, token, f"p{n}") for n in range(20)))
    assert sum(found) == 3


async def test_a_removed_account_is_told_and_leaves_every_roster(database: Database) -> None:
    store = accounts.Accounts(database)
    scram = await asyncio.to_thread(verifiers, "secret")
    for name in ("alice", "bob"):
        await store.put_account(name, scram)
    await store.set_roster_item("bob@localhost", {"contact": "alice@localhost", "subscription": "both"})
    heard: asyncio.Queue[str] = asyncio.Queue()
    ready = asyncio.Event()

    async def take(payload: str) -> None:
        heard.put_nowait(payload)

    async def caught_up() -> None:
        ready.set()

    task = asyncio.create_task(notices.listen(database, "pumpkin_accounts", take, caught_up))
    async with asyncio.timeout(10):
        await ready.wait()
        await accounts.delete_account(database, "alice")
        assert await heard.get() == "alice"
        await accounts.disable_account(database, "bob")
        assert await heard.get() == "bob"
    task.cancel()
    await asyncio.wait([task])
    assert await store.roster("bob@localhost") == []


async def test_notices_are_heard_after_a_long_silence(database: Database) -> None:
    scram = await asyncio.to_thread(verifiers, "secret")
    heard: asyncio.Queue[str] = asyncio.Queue()
    ready = asyncio.Event()

    async def take(payload: str) -> None:
        heard.put_nowait(payload)

    async def caught_up() -> None:
        ready.set()

    task = asyncio.create_task(notices.listen(database, "pumpkin_accounts", take, caught_up, look_s=0.02))
    async with asyncio.timeout(10):
        await ready.wait()
        await asyncio.sleep(0.2)  # ten times the silence after which the connection is asked
        assert not task.done()
        await accounts.put_account(database, "late", scram)
        assert await heard.get() == "late"
    task.cancel()
    await asyncio.wait([task])
