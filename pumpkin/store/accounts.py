"""What the embedded XMPP server keeps: accounts (verifiers only), rosters, messages for the absent, published items."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pumpkin.model import scram

if TYPE_CHECKING:
    from pumpkin.store.database import Database

_NOBODY = {"salt": "", "iterations": scram.ITERATIONS, "stored_key": ""}


async def get_account(db: Database, username: str) -> dict[str, Any] | None:
    """`{"username", "scram", "created", "disabled"}` or None; `scram` is what was put."""
    async with db.reader() as connection:
        row = await db.queries.accounts_get(connection, username=username)
    return dict(row) if row else None


async def all_accounts(db: Database) -> list[dict[str, Any]]:
    """`{"username", "created", "disabled"}` of every account, by name."""
    async with db.reader() as connection:
        return [dict(row) async for row in db.queries.accounts_all(connection)]


async def put_account(db: Database, username: str, scram: Mapping[str, Any]) -> None:
    """Make the account or replace its verifiers."""
    async with db.writer() as connection:
        await db.queries.accounts_put(connection, username=username, scram=dict(scram), created=_now())


async def create_account(db: Database, username: str, scram: Mapping[str, Any]) -> bool:
    """Make the account; False, and nothing changed, when there is one of this name."""
    async with db.writer() as connection:
        made = await db.queries.accounts_create(connection, username=username, scram=dict(scram), created=_now())
    return made is not None


async def disable_account(db: Database, username: str, *, disabled: bool = True) -> None:
    """Let an account in no more, or again."""
    async with db.writer() as connection:
        await db.queries.accounts_disable(connection, username=username, disabled=disabled)


async def delete_account(db: Database, username: str) -> None:
    """Remove the account with its roster, messages and items."""
    async with db.writer() as connection:
        await db.queries.accounts_delete(connection, username=username)


async def verify(db: Database, username: str, password: str) -> bool:
    """Whether this is the password of an account that is not disabled; as slow for a name there is not."""
    found = await get_account(db, username)
    verifier = found["scram"].get("sha-256") if found else None
    right = await asyncio.to_thread(scram.proves, password, verifier or _NOBODY)
    return right and verifier is not None and found is not None and not found["disabled"]


class Accounts:
    """The same for one database, as the embedded server wants its store handed to it (`AccountStore` there)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get_account(self, username: str) -> dict[str, Any] | None:
        """`{"username", "scram", "created", "disabled"}` or None."""
        return await get_account(self._db, username)

    async def put_account(self, username: str, scram: dict[str, Any]) -> None:
        """Make the account or replace its verifiers."""
        await put_account(self._db, username, scram)

    async def delete_account(self, username: str) -> None:
        """Remove the account with its roster, messages and items."""
        await delete_account(self._db, username)

    async def roster(self, owner: str) -> list[dict[str, Any]]:
        """Every row of one owner (bare JID), by contact, as `set_roster_item` took it."""
        async with self._db.reader() as connection:
            return [dict(row) async for row in self._db.queries.roster_get(connection, owner=owner)]

    async def pending(self, owner: str) -> list[str]:
        """Who waits for the owner's approval."""
        async with self._db.reader() as connection:
            return [row["contact"] async for row in self._db.queries.roster_pending(connection, owner=owner)]

    async def set_roster_item(self, owner: str, item: dict[str, Any]) -> None:
        """Add or replace the row of `item["contact"]`; absent keys take their empty value."""
        async with self._db.writer() as connection:
            await self._db.queries.roster_set(
                connection,
                owner=owner,
                contact=item["contact"],
                name=item.get("name") or "",
                subscription=item.get("subscription") or "none",
                ask=item.get("ask"),
                pending_in=bool(item.get("pending_in")),
                groups=list(item.get("groups") or ()),
            )

    async def delete_roster_item(self, owner: str, contact: str) -> None:
        """Remove a row; no error when there is none."""
        async with self._db.writer() as connection:
            await self._db.queries.roster_delete(connection, owner=owner, contact=contact)

    async def push_offline(self, recipient: str, stanza: str) -> int:
        """Keep a stanza for a bare JID, durably; its number grows."""
        async with self._db.writer() as connection:
            number: int = await self._db.queries.offline_push(
                connection, recipient=recipient, stanza=stanza, stored=_now()
            )
        return number

    async def offline(self, recipient: str, limit: int = 100, after: int = 0) -> list[tuple[int, str]]:
        """(number, stanza) of the first `limit` kept after the number `after`, oldest first; they stay till dropped."""
        async with self._db.reader() as connection:
            rows = self._db.queries.offline_page(connection, recipient=recipient, after=after, most=limit)
            return [(row["n"], row["stanza"]) async for row in rows]

    async def offline_count(self, recipient: str) -> int:
        """How many are kept."""
        async with self._db.reader() as connection:
            return int(await self._db.queries.offline_count(connection, recipient=recipient))

    async def drop_offline(self, ids: list[int]) -> None:
        """Forget what arrived."""
        if ids:
            async with self._db.writer() as connection:
                await self._db.queries.offline_drop(connection, ids=ids)

    async def pep_put(self, owner: str, node: str, item: str, payload: str) -> None:
        """Keep one item; the same id replaces it and makes it the newest."""
        async with self._db.writer() as connection, connection.transaction():
            await self._db.queries.pep_delete(connection, owner=owner, node=node, item=item)
            await self._db.queries.pep_put(connection, owner=owner, node=node, item=item, payload=payload)

    async def pep_get(self, owner: str, node: str) -> list[tuple[str, str]]:
        """(id, payload) of a node's items, oldest first."""
        async with self._db.reader() as connection:
            rows = self._db.queries.pep_get(connection, owner=owner, node=node)
            return [(row["item"], row["payload"]) async for row in rows]

    async def pep_nodes(self, owner: str) -> list[str]:
        """The nodes of one owner that have items."""
        async with self._db.reader() as connection:
            return [row["node"] async for row in self._db.queries.pep_nodes(connection, owner=owner)]

    async def pep_delete(self, owner: str, node: str, item: str | None = None) -> None:
        """Remove one item, or the node."""
        async with self._db.writer() as connection:
            await self._db.queries.pep_delete(connection, owner=owner, node=node, item=item)


def _now() -> int:
    return time.time_ns() // 1_000
