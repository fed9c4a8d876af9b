"""The fleet key's successions: which key signs orders now, and by whose word it followed the one before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database

KEY, LINKS = "fleet_key", "fleet_links"
Link = tuple[str, str]
"""A succession's document as it travels, and the signature (hex) of the key that was followed."""


async def links(db: Database) -> list[Link]:
    """Every succession since the last key that followed nobody, oldest first."""
    async with db.reader() as connection:
        found = await db.queries.facts_get(connection, name=LINKS)
    return [(str(text), str(signature)) for text, signature in found or []]


async def replace(
    db: Database, public: str, chain: Sequence[Link], sign: Callable[[str], str], detail: Mapping[str, Any]
) -> int:
    """Make `public` (hex) the fleet's key, whose successions are `chain`: every order is signed anew by `sign`, its
    document the same, and the change written down for the log, all or nothing. How many orders that were."""
    async with db.writer() as connection, connection.transaction():
        orders = [(row["jid"], row["document"]) async for row in db.queries.orders_documents(connection)]
        for jid, document in orders:
            await db.queries.orders_sign(connection, jid=jid, document=document, signature=sign(document))
        await db.queries.facts_put(connection, name=KEY, value=public)
        await db.queries.facts_put(connection, name=LINKS, value=[list(one) for one in chain])
        await db.queries.signing_event(
            connection, kind="fleet", subject="fleet", key_id=public, event=detail["event"], detail=dict(detail),
            at=time.time_ns() // 1_000,
        )  # fmt: skip
    return len(orders)
