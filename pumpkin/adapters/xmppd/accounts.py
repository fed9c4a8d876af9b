"""Accounts: what is kept of a password, who may register, and what the store must offer."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from pumpkin.model.scram import HASHES, ITERATIONS, proves, saslprep, verifiers

__all__ = ["HASHES", "ITERATIONS", "AccountStore", "make_account", "proves", "saslprep", "verifiers"]


class AccountStore(Protocol):
    """Where accounts, rosters, offline messages and PEP items are kept.

    `scram` is what `verifiers` makes. A roster row is `{"contact", "name", "subscription", "ask", "pending_in",
    "groups"}`; its subscription `hidden` means: only a request waits, the item is in no roster yet.
    """

    async def get_account(self, username: str) -> dict[str, Any] | None:
        """`{"username", "scram", "disabled", ...}` or None."""

    async def put_account(self, username: str, scram: dict[str, Any]) -> None:
        """Make the account or replace its verifiers."""

    async def delete_account(self, username: str) -> None:
        """Remove the account with its roster, offline messages and PEP items."""

    async def roster(self, owner: str) -> list[dict[str, Any]]:
        """All rows of one owner (bare JID)."""

    async def set_roster_item(self, owner: str, item: dict[str, Any]) -> None:
        """Add or replace the row of `item["contact"]`."""

    async def delete_roster_item(self, owner: str, contact: str) -> None:
        """Remove a row; no error when there is none."""

    async def push_offline(self, recipient: str, stanza: str) -> int:
        """Keep a message for a bare JID durably; its id grows."""

    async def offline(self, recipient: str, limit: int = 100, after: int = 0) -> list[tuple[int, str]]:
        """The first `limit` kept messages with an id past `after`, oldest first."""

    async def offline_count(self, recipient: str) -> int:
        """How many are kept."""

    async def drop_offline(self, ids: list[int]) -> None:
        """Forget messages that arrived."""

    async def pep_put(self, owner: str, node: str, item: str, payload: str) -> None:
        """Keep one PEP item; the same id replaces it."""

    async def pep_get(self, owner: str, node: str) -> list[tuple[str, str]]:
        """(id, payload) of a node's items, oldest first."""

    async def pep_nodes(self, owner: str) -> list[str]:
        """The nodes of one owner that have items."""

    async def pep_delete(self, owner: str, node: str, item: str | None = None) -> None:
        """Remove one item, or the node."""


async def make_account(store: AccountStore, username: str, password: str) -> None:
    """Keep an account with this password (as verifiers only)."""
    scram = await asyncio.to_thread(verifiers, password)
    await store.put_account(username, scram)
