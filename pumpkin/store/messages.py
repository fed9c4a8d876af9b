"""Messages as they came, to be read by agent or all, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from pumpkin.model.agents import Message

if TYPE_CHECKING:
    from pumpkin.store.database import Database

NEWEST = 2**63 - 1


async def add(db: Database, message: Message) -> int:
    """Keep a message; its number grows. NUL characters, which PostgreSQL's text cannot hold, become U+FFFD."""
    async with db.writer() as connection:
        number: int = await db.queries.messages_add(
            connection,
            id=_text(message.id),
            sender=message.sender,
            recipient=message.to,
            body=_text(message.body),
            thread=None if message.thread is None else _text(message.thread),
            metadata={_text(name): _text(value) for name, value in message.metadata.items()},
            received=message.received,
            stanza=_text(message.stanza),
            check_id=UUID(message.check) if message.check else None,
        )
    return number


async def get(db: Database, number: int) -> Message | None:
    """The message with this number."""
    async with db.reader() as connection:
        row = await db.queries.messages_get(connection, n=number)
    return _message(row) if row else None


async def page(
    db: Database, jid: str | None = None, *, before: int | None = None, limit: int = 100
) -> list[tuple[int, Message]]:
    """(number, message), newest first, below the number `before`: those `jid` sent or got, or everybody's."""
    before = NEWEST if before is None else before
    async with db.reader() as connection:
        if jid is None:
            rows = db.queries.messages_newest(connection, before=before, most=limit)
        else:
            rows = db.queries.messages_page(connection, jid=jid, before=before, most=limit)
        return [(row["n"], _message(row)) async for row in rows]


async def trim(db: Database, kept: int) -> None:
    """Forget all but about the newest `kept`."""
    async with db.writer() as connection:
        await db.queries.messages_trim(connection, kept=kept)


def _text(given: str) -> str:
    return given.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _message(row: Any) -> Message:
    return Message(
        id=row["id"],
        sender=row["sender"],
        to=row["recipient"],
        body=row["body"],
        thread=row["thread"],
        metadata=row["metadata"],
        received=row["received"],
        stanza=row["stanza"],
        check=str(row["check_id"]) if row["check_id"] else None,
    )
