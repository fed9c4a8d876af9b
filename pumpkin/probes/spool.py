"""What a probe measured and nobody acknowledged yet, in SQLite on the probe's disk; it survives kill -9 and power cuts.

Policy when the limit is reached: the oldest successes go first, failures only when nothing else is left; each dropped
check is counted for good (`Counts`). What the server refused for ever is set aside with its reason, the last 1,000.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pumpkin.errors import Unavailable
from pumpkin.model import wire
from pumpkin.model.checks import Observation

T = TypeVar("T")
REFUSED_KEPT = 1_000
OVERHEAD = 512  # bytes a row costs beside its body, indexes included

_TABLES = """
create table if not exists waiting (
    n integer primary key autoincrement,
    id text not null unique,
    success integer not null,
    size integer not null,
    body blob not null
);
create index if not exists waiting_success on waiting (success, n);
create table if not exists refused (
    n integer primary key autoincrement,
    id text not null,
    at integer not null,
    code text not null,
    reason text not null,
    body blob not null
);
create table if not exists facts (name text primary key, value text not null);
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One check that waits for delivery: its place in the queue and its native body."""

    n: int
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.body["id"])


@dataclass(frozen=True, slots=True)
class Counts:
    """How the spool stands: checks and bytes that wait, what was dropped for want of room, what was refused."""

    waiting: int
    size_bytes: int
    dropped_successes: int
    dropped_failures: int
    refused: int


class Spool:
    """A first-in-first-out queue on disk. All work happens in one thread of its own; open it with `Spool.open`."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._path, self._limit = path, limit_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._base: sqlite3.Connection | None = None
        self._size = 0
        self.arrived = asyncio.Event()
        self._left = asyncio.Event()

    @classmethod
    async def open(cls, path: Path, *, limit_bytes: int = 256 * 1024 * 1024) -> Spool:
        """The spool in the file `path`, made when it is not there; Unavailable when another probe holds it."""
        spool = cls(path, limit_bytes)
        try:
            await spool._do(spool._open)
        except BaseException:
            spool._thread.shutdown(wait=False)
            raise
        return spool

    async def close(self) -> None:
        """Leave it as it is; what waits is there at the next start."""
        await self._do(self._close)
        self._thread.shutdown(wait=True)

    async def append(self, observation: Observation) -> None:
        """Keep one check; on return it is on disk. Makes room by the policy above."""
        await self._do(lambda: self._append(observation))
        self.arrived.set()

    async def batch(self, limit: int = 100, *, after: int = 0) -> list[Waiting]:
        """The oldest waiting checks in order, those behind the place `after`; at most `limit` and about 16 MiB."""
        return await self._do(lambda: self._batch(limit, after))

    async def acknowledge(self, places: Iterable[int]) -> None:
        """Forget what the server has stored."""
        await self._do(lambda: self._forget(list(places)))
        self._left.set()

    async def emptied(self) -> None:
        """Until nothing waits."""
        while (await self.counts()).waiting:
            await self._left.wait()
            self._left.clear()

    async def set_aside(self, n: int, code: str, reason: str) -> None:
        """Take out of the queue what the server will never take, and keep it with the reason."""
        await self._do(lambda: self._set_aside(n, code, reason))
        self._left.set()

    async def counts(self) -> Counts:
        """The figures now."""
        return await self._do(self._counts)

    async def recall(self, name: str) -> str | None:
        """A fact kept under `name`."""
        return await self._do(lambda: self._recall(name))

    async def remember(self, name: str, value: str | None) -> None:
        """Keep a small fact beside the queue (the probe's uuid, the last checkpoint it saw); None forgets it."""
        await self._do(lambda: self._remember(name, value))

    # -- in the spool's thread

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise Unavailable(f"The probe's spool {self._path.name} cannot be used: {error}.") from error

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        base = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
        # FULL syncs the WAL at each commit: append() returning means the check survives a power cut.
        for setting in ("locking_mode=exclusive", "journal_mode=wal", "synchronous=full", "journal_size_limit=4194304"):
            base.execute(f"pragma {setting}").fetchall()
        base.executescript(_TABLES)
        self._base = base
        self._path.chmod(0o600)
        self._size = base.execute("select coalesce(sum(size), 0) from waiting").fetchone()[0]

    def _close(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None

    def _sql(self, text: str, values: Sequence[Any] = ()) -> list[Any]:
        if self._base is None:
            raise sqlite3.ProgrammingError("it is closed")
        return self._base.execute(text, values).fetchall()

    def _append(self, observation: Observation) -> None:
        body = json.dumps(wire.to_native(observation), ensure_ascii=False, separators=(",", ":")).encode()
        success = observation.detail.get("status", "ok") == "ok"
        size = len(body) + OVERHEAD
        self._in_transaction(lambda: self._insert(str(observation.id), success, size, body))

    def _in_transaction(self, work: Callable[[], None]) -> None:
        before = self._size
        self._sql("begin immediate")
        try:
            work()
            self._sql("commit")
        except BaseException:
            self._size = before
            self._sql("rollback")
            raise

    def _insert(self, ident: str, success: bool, size: int, body: bytes) -> None:
        while self._size and self._size + size > self._limit:
            self._drop_one()
        statement = "insert or ignore into waiting (id, success, size, body) values (?, ?, ?, ?) returning n"
        if self._sql(statement, (ident, success, size, body)):
            self._size += size

    def _drop_one(self) -> None:
        found = self._sql("select n, success, size from waiting order by success desc, n limit 1")
        if not found:
            self._size = 0
            return
        n, success, size = found[0]
        self._sql("delete from waiting where n = ?", (n,))
        self._size -= size
        self._count("dropped_successes" if success else "dropped_failures")

    def _count(self, name: str) -> None:
        self._sql(
            "insert into facts values (?, '1') on conflict (name) do update set value = cast(value as integer) + 1",
            (name,),
        )

    def _batch(self, limit: int, after: int) -> list[Waiting]:
        found: list[Waiting] = []
        total = 0
        for n, body in self._sql("select n, body from waiting where n > ? order by n limit ?", (after, limit)):
            total += len(body)
            if found and total > 16 * 1024 * 1024:
                break
            found.append(Waiting(n, json.loads(body)))
        return found

    def _forget(self, places: list[int]) -> None:
        def work() -> None:
            for n in places:
                for (size,) in self._sql("delete from waiting where n = ? returning size", (n,)):
                    self._size -= size

        self._in_transaction(work)

    def _set_aside(self, n: int, code: str, reason: str) -> None:
        def work() -> None:
            self._sql(
                "insert into refused (id, at, code, reason, body) select id, ?, ?, ?, body from waiting where n = ?",
                (int(time.time()), code[:100], reason[:1_000], n),
            )
            for (size,) in self._sql("delete from waiting where n = ? returning size", (n,)):
                self._size -= size
                self._count("refused")
            self._sql("delete from refused where n <= (select max(n) from refused) - ?", (REFUSED_KEPT,))

        self._in_transaction(work)

    def _counts(self) -> Counts:
        waiting = self._sql("select count(*) from waiting")[0][0]
        kept = {name: int(self._recall(name) or 0) for name in ("dropped_successes", "dropped_failures", "refused")}
        return Counts(waiting, self._size, **kept)

    def _recall(self, name: str) -> str | None:
        found = self._sql("select value from facts where name = ?", (name,))
        return str(found[0][0]) if found else None

    def _remember(self, name: str, value: str | None) -> None:
        if value is None:
            self._sql("delete from facts where name = ?", (name,))
            return
        self._sql(
            "insert into facts values (?, ?) on conflict (name) do update set value = excluded.value", (name, value)
        )
