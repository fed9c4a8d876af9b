"""Who did what: the acts of people, keys and Pumpkin itself, newest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True, slots=True)
class Act:
    """One act: its number, when (microseconds), who, what, on which thing, and more."""

    n: int
    at: int
    who: str
    act: str
    object: str
    detail: Mapping[str, Any]


_written: ContextVar[list[str] | None] = ContextVar("written", default=None)


@contextmanager
def watched() -> Iterator[Callable[[], bool]]:
    """While it lasts: whether an act has been noted, by this task or one it began."""
    acts: list[str] = []
    token = _written.set(acts)
    try:
        yield lambda: bool(acts)
    finally:
        _written.reset(token)


def written(act: str) -> None:
    """An act is noted, by `add` or in the same statement as what it changed."""
    acts = _written.get()
    if acts is not None:
        acts.append(act)


async def add(db: Database, *, who: str, act: str, object: str, detail: Mapping[str, Any] | None = None) -> None:
    """Note an act, now. NUL characters, which PostgreSQL's text cannot hold, become U+FFFD."""
    async with db.writer() as connection:
        await db.queries.audit_add(
            connection,
            at=time.time_ns() // 1_000,
            who=_clean(who),
            act=act,
            object=_clean(object),
            detail=_clean(dict(detail or {})),
        )
    written(act)


async def page(
    db: Database,
    *,
    who: str | None = None,
    act: str | None = None,
    object: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Act]:
    """Acts newest first, below the number `before`; those whose act begins with `act`."""
    async with db.reader() as connection:
        rows = db.queries.audit_page(
            connection, who=who, act=act, object=object, before=2**63 - 1 if before is None else before, most=limit
        )
        return [Act(**row) async for row in rows]


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(name): _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
