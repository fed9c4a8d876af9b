"""What the gateway writes down beside the checks: messages, and who was heard when; in batches, again after outages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from pumpkin.errors import Unavailable
from pumpkin.model.agents import Message
from pumpkin.store import fleet
from pumpkin.store.database import Database

MESSAGES_LIMIT = 20_000
BATCH = 500
BODY_KEPT = 64 * 1024
UNREAD_KEYS = 50
"""Names of unread keys kept of one agent."""


class Ledger:
    """Notes are taken without waiting and written by `flush`. Past its limit the oldest unwritten message is dropped
    and counted: a message is no check, those never pass here."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._messages: deque[Message] = deque()
        self._news: dict[str, tuple[int, int | None, int]] = {}
        self._unread: dict[str, set[str]] = {}
        self._unwritten: set[str] = set()
        self._flushing = asyncio.Lock()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def keep(self, said: Message) -> None:
        """Note one message: filed under bare JIDs, its body bounded."""
        if len(self._messages) >= MESSAGES_LIMIT:
            self._messages.popleft()
            self.dropped += 1
        sender, to = said.sender.partition("/")[0], said.to.partition("/")[0]
        self._messages.append(replace(said, sender=sender, to=to, body=said.body[:BODY_KEPT]))

    def heard(self, jid: str, now: int) -> None:
        """Note that an agent was heard."""
        old = self._news.get(jid, (0, None, 0))
        self._news[jid] = (max(now, old[0]), old[1], old[2])

    def checked(self, jid: str, received: int, known: bool) -> None:
        """Note a check of an agent; a repeated one is not counted again."""
        added = self._news.get(jid, (0, None, 0))[2]
        self._news[jid] = (received, received, added if known else added + 1)

    def unread(self, jid: str, keys: Iterable[str]) -> list[str]:
        """Note which keys of its checks this server does not read; those that are new."""
        known = self._unread.setdefault(jid, set())
        new = [key for key in dict.fromkeys(keys) if key not in known][: UNREAD_KEYS - len(known)]
        if new:
            known.update(new)
            self._unwritten.add(jid)
        return new

    async def flush(self) -> None:
        """Write down what was noted; Unavailable leaves the rest for the next time."""
        async with self._flushing:
            while self._messages:
                batch = [self._messages[at] for at in range(min(BATCH, len(self._messages)))]
                await fleet.keep_messages(self._db, batch)
                for _ in batch:
                    self._messages.popleft()
            news, self._news = self._news, {}
            try:
                await fleet.seen(self._db, news)
            except Unavailable:
                self._back(news)
                raise
            for jid in list(self._unwritten):
                await fleet.unread(self._db, jid, sorted(self._unread[jid]))
                self._unwritten.discard(jid)

    def _back(self, news: dict[str, tuple[int, int | None, int]]) -> None:
        for jid, (seen, checked, added) in news.items():
            now = self._news.get(jid, (0, None, 0))
            self._news[jid] = (max(seen, now[0]), max(checked or 0, now[1] or 0) or None, added + now[2])
