"""What the embedded XMPP server keeps."""

from __future__ import annotations

from pumpkin.store import accounts
from pumpkin.store.accounts import Accounts
from pumpkin.store.database import Database

SCRAM = {"sha-256": {"salt": "c2FsdA==", "iterations": 4096, "stored": "x", "server": "y"}}
JID = "probe@example.invalid"


async def test_an_account_is_made_once_and_its_verifiers_replaced(database: Database) -> None:
    assert await accounts.create_account(database, "probe", SCRAM)
    assert not await accounts.create_account(database, "probe", {})
    store = Accounts(database)
    found = await store.get_account("probe")
    assert found is not None
    assert (found["scram"], found["disabled"]) == (SCRAM, False)
    await store.put_account("probe", {"sha-1": {}})
    await accounts.disable_account(database, "probe")
    found = await store.get_account("probe")
    assert found is not None
    assert (found["scram"], found["disabled"]) == ({"sha-1": {}}, True)
    assert [row["username"] for row in await accounts.all_accounts(database)] == ["probe"]
    assert await store.get_account("nobody") is None


async def test_a_roster_row_comes_back_as_it_was_set(database: Database) -> None:
    store = Accounts(database)
    row = {
        "contact": "b@example.invalid",
        "name": "Bé",
        "subscription": "both",
        "ask": "subscribe",
        "pending_in": True,
        "groups": ["x", "y"],
    }
    await store.set_roster_item(JID, {"contact": "a@example.invalid"})
    await store.set_roster_item(JID, row)
    assert (await store.roster(JID))[1] == row
    assert await store.pending(JID) == ["b@example.invalid"]
    await store.set_roster_item(JID, {**row, "pending_in": False, "ask": None})
    assert await store.pending(JID) == []
    await store.delete_roster_item(JID, "a@example.invalid")
    await store.delete_roster_item(JID, "a@example.invalid")
    assert [item["contact"] for item in await store.roster(JID)] == ["b@example.invalid"]


async def test_kept_stanzas_stay_in_order_until_they_are_dropped(database: Database) -> None:
    store = Accounts(database)
    ids = [await store.push_offline(JID, f"<message>{n}</message>") for n in range(5)]
    await store.push_offline("other@example.invalid", "<message/>")
    assert ids == sorted(ids)
    assert await store.offline(JID, 2) == [(ids[0], "<message>0</message>"), (ids[1], "<message>1</message>")]
    assert [number for number, _ in await store.offline(JID, 10, ids[1])] == ids[2:]
    assert await store.offline_count(JID) == 5
    await store.drop_offline(ids[:2])
    await store.drop_offline([])
    assert [number for number, _ in await store.offline(JID)] == ids[2:]


async def test_published_items_keep_their_order_and_the_newest_is_last(database: Database) -> None:
    store = Accounts(database)
    for item in ("one", "two", "one"):
        await store.pep_put(JID, "urn:node", item, f"<{item}/>")
    await store.pep_put(JID, "urn:other", "x", "<x/>")
    assert await store.pep_get(JID, "urn:node") == [("two", "<two/>"), ("one", "<one/>")]
    assert await store.pep_nodes(JID) == ["urn:node", "urn:other"]
    await store.pep_delete(JID, "urn:node", "two")
    await store.pep_delete(JID, "urn:other")
    assert await store.pep_nodes(JID) == ["urn:node"]


async def test_a_removed_account_takes_all_its_own_with_it(database: Database) -> None:
    store = Accounts(database)
    for jid in (JID, "probe2@example.invalid"):
        await store.put_account(jid.partition("@")[0], SCRAM)
        await store.set_roster_item(jid, {"contact": "a@example.invalid"})
        await store.push_offline(jid, "<message/>")
        await store.pep_put(jid, "n", "i", "<x/>")
    await store.delete_account("probe")
    assert (await store.get_account("probe"), await store.roster(JID), await store.offline(JID)) == (None, [], [])
    assert await store.pep_nodes(JID) == []
    assert await store.offline_count("probe2@example.invalid") == 1
    assert await store.pep_nodes("probe2@example.invalid") == ["n"]
