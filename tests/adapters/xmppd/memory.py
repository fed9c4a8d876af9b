"""A store in memory, for tests of the server without a database."""

from __future__ import annotations

import itertools
from typing import Any


class MemoryStore:
    """Keeps what the server gives it, as the PostgreSQL store does."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.rosters: dict[str, dict[str, dict[str, Any]]] = {}
        self.kept: dict[int, tuple[str, str]] = {}
        self.pep: dict[tuple[str, str], dict[str, str]] = {}
        self._ids = itertools.count(1)

    async def get_account(self, username: str) -> dict[str, Any] | None:
        return self.accounts.get(username)

    async def put_account(self, username: str, scram: dict[str, Any]) -> None:
        self.accounts[username] = {"username": username, "scram": scram, "disabled": False}

    async def delete_account(self, username: str) -> None:
        self.accounts.pop(username, None)

    async def roster(self, owner: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rosters.get(owner, {}).values()]

    async def set_roster_item(self, owner: str, item: dict[str, Any]) -> None:
        self.rosters.setdefault(owner, {})[item["contact"]] = dict(item)

    async def delete_roster_item(self, owner: str, contact: str) -> None:
        self.rosters.get(owner, {}).pop(contact, None)

    async def push_offline(self, recipient: str, stanza: str) -> int:
        number = next(self._ids)
        self.kept[number] = (recipient, stanza)
        return number

    async def offline(self, recipient: str, limit: int = 100, after: int = 0) -> list[tuple[int, str]]:
        rows = [(n, text) for n, (to, text) in self.kept.items() if to == recipient and n > after]
        return rows[:limit]

    async def offline_count(self, recipient: str) -> int:
        return sum(to == recipient for to, _ in self.kept.values())

    async def drop_offline(self, ids: list[int]) -> None:
        for number in ids:
            self.kept.pop(number, None)

    async def pep_put(self, owner: str, node: str, item: str, payload: str) -> None:
        items = self.pep.setdefault((owner, node), {})
        items.pop(item, None)
        items[item] = payload

    async def pep_get(self, owner: str, node: str) -> list[tuple[str, str]]:
        return list(self.pep.get((owner, node), {}).items())

    async def pep_nodes(self, owner: str) -> list[str]:
        return [node for who, node in self.pep if who == owner]

    async def pep_delete(self, owner: str, node: str, item: str | None = None) -> None:
        if item is None:
            self.pep.pop((owner, node), None)
        else:
            self.pep.get((owner, node), {}).pop(item, None)
