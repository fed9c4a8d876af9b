"""Registries' documents, kept between requests, processes and restarts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumpkin.model.documents import Document

if TYPE_CHECKING:
    from pumpkin.store.database import Database


@dataclass(frozen=True)
class DocumentCache:
    """Documents by address in PostgreSQL. A confirmed one (same body and validators) costs one small update."""

    db: Database

    async def document(self, url: str) -> Document | None:
        async with self.db.reader() as connection:
            row = await self.db.queries.documents_get(connection, url=url)
        return None if row is None else Document(**dict(row))

    async def keep(self, document: Document, *, confirmed: bool = False) -> None:
        async with self.db.writer() as connection:
            if confirmed:
                await self.db.queries.documents_confirm(connection, url=document.url, fetched=document.fetched)
                return
            await self.db.queries.documents_keep(
                connection,
                url=document.url,
                status=document.status,
                media=document.media,
                etag=document.etag,
                last_modified=document.last_modified,
                fetched=document.fetched,
                body=document.body,
            )

    async def tidy(self, before: float) -> None:
        """Forget documents not asked for since `before` (epoch seconds)."""
        async with self.db.writer() as connection:
            await self.db.queries.documents_tidy(connection, before=before)
