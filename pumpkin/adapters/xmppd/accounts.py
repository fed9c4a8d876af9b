"""Accounts: what is kept of a password, who may register, and what the store must offer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from typing import Any, Protocol

from pumpkin.errors import InvalidRequest

ITERATIONS = 10_000
HASHES = {"sha-1": "sha1", "sha-256": "sha256"}


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


def saslprep(password: str) -> str:
    """RFC 4013; InvalidRequest for a password with forbidden characters."""
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    prepared = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    if not prepared or any(check(c) for c in prepared for check in forbidden):
        raise InvalidRequest("A password needs at least one character and no control characters.")
    right = [stringprep.in_table_d1(c) for c in prepared]
    if any(right) and (any(map(stringprep.in_table_d2, prepared)) or not (right[0] and right[-1])):
        raise InvalidRequest("A password may not mix writing directions.")
    return prepared


def verifiers(password: str, *, iterations: int = ITERATIONS) -> dict[str, Any]:
    """SCRAM verifiers (RFC 5802 section 3), one per hash; slow on purpose: call it off the loop."""
    prepared = saslprep(password).encode()
    made: dict[str, Any] = {}
    for name, algorithm in HASHES.items():
        salt = secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac(algorithm, prepared, salt, iterations)
        client = hmac.digest(salted, b"Client Key", algorithm)
        made[name] = {
            "salt": b64encode(salt).decode(),
            "iterations": iterations,
            "stored_key": b64encode(hashlib.new(algorithm, client).digest()).decode(),
            "server_key": b64encode(hmac.digest(salted, b"Server Key", algorithm)).decode(),
        }
    return made


def proves(password: str, verifier: dict[str, Any], algorithm: str = "sha256") -> bool:
    """Whether `password` made this verifier; slow on purpose: call it off the loop."""
    try:
        prepared = saslprep(password).encode()
    except InvalidRequest:
        return False
    salted = hashlib.pbkdf2_hmac(algorithm, prepared, b64decode(verifier["salt"]), verifier["iterations"])
    stored = hashlib.new(algorithm, hmac.digest(salted, b"Client Key", algorithm)).digest()
    return hmac.compare_digest(stored, b64decode(verifier["stored_key"]))


async def make_account(store: AccountStore, username: str, password: str) -> None:
    """Keep an account with this password (as verifiers only)."""
    scram = await asyncio.to_thread(verifiers, password)
    await store.put_account(username, scram)
