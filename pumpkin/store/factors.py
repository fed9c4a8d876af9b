"""Second factors and sign-in elsewhere: a person's TOTP secret with the step last used, and its OpenID subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumpkin.errors import NotFound
from pumpkin.store import people
from pumpkin.store.people import Person

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def totp(db: Database, name: str) -> tuple[str | None, int]:
    """(secret in base32 or None, the last step a code was taken of)."""
    async with db.reader() as connection:
        row = await db.queries.factors_totp(connection, name=name)
    return (opened(db, name, row["totp"]), row["totp_step"]) if row else (None, 0)


def opened(db: Database, name: str, kept: str | None) -> str | None:
    """A person's secret as it is judged by, of what lies in the database. Unavailable under another node's key."""
    return db.vault.open(kept, f"totp:{name}") if kept is not None and db.vault is not None else kept


async def set_totp(db: Database, name: str, secret: str | None, step: int = 0) -> None:
    """Another second factor, whose first code was of `step`; None takes it away. NotFound for nobody."""
    kept = db.vault.close(secret, f"totp:{name}") if secret is not None and db.vault is not None else secret
    async with db.writer() as connection:
        if await db.queries.factors_set_totp(connection, name=name, totp=kept, step=step) is None:
            raise NotFound(f"There is nobody named {name}.")


async def use_step(db: Database, name: str, step: int) -> bool:
    """Take the code of a step, once: False when it was taken before (RFC 6238 section 5.2)."""
    async with db.writer() as connection:
        return await db.queries.factors_use_step(connection, name=name, step=step) is not None


async def by_openid(db: Database, openid: str) -> Person | None:
    """Who signs in with this "issuer subject"."""
    async with db.reader() as connection:
        row = await db.queries.factors_by_openid(connection, openid=openid)
    return people.person_of(row) if row else None


async def link(db: Database, name: str, openid: str) -> bool:
    """Let a person sign in with this "issuer subject"; False for one that already has another."""
    async with db.writer() as connection:
        return await db.queries.factors_link(connection, name=name, openid=openid) is not None
