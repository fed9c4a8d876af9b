"""What a module is handed next: items in order, out of the log and of the events beside it, with where that leaves
it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any
from uuid import UUID

from pumpkin.errors import NotFound
from pumpkin.model import deliveries as model
from pumpkin.model.deliveries import Filter, Item
from pumpkin.store import checks, deliveries, proofs, reports
from pumpkin.store.database import Database
from pumpkin.store.deliveries import DeadLetter, Standing

PAGE = 200  # rows of the log at once
REACH = 5_000  # places of the log one portion looks at
WEIGHT = 8 * 1024 * 1024  # bytes of payload of one portion
COUNTED = 10_000  # what waits is counted up to here

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
Prove = Callable[[UUID], Awaitable[Mapping[str, Any]]]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Portion:
    """Items, and after each of them the place (in the log, among events) the module stands at when it is done with it;
    at `end` with all. `more` says that there is more to look at behind them."""

    items: tuple[Item, ...]
    places: tuple[Place, ...]
    end: Place
    more: bool

    def parts(self, size: int) -> Iterator[Portion]:
        """The same in portions of at most `size` items."""
        for start in range(0, len(self.items), size):
            stop = start + size
            end = self.end if stop >= len(self.items) else self.places[stop - 1]
            yield Portion(self.items[start:stop], self.places[start:stop], end, True)


@dataclass(frozen=True, slots=True)
class _Candidate:
    at: int
    place: Place
    item: Item
    row: Mapping[str, Any] | None = None


class Feed:
    """The feed of one module. `payload_limit` bounds payloads in items (bytes), `wants` is the module's; with
    `stamped` an item waits for the stamp over its record."""

    def __init__(
        self,
        db: Database,
        name: str,
        wanted: Filter,
        *,
        payload_limit: int = 65_536,
        wants: Collection[str] = (),
        prove: Prove | None = None,
        stamped: bool = False,
    ) -> None:
        self._db, self.name, self.wanted = db, name, wanted
        self._payload_limit, self._wants, self._prove, self._stamped = payload_limit, wants, prove, stamped

    def takes(self, item: Item) -> bool:
        """Whether the module is handed it: by its filter, or because an alert's rule names the module."""
        named = f"module:{self.name}" in item.to and item.topic != "alert.changed"
        return named or self.wanted.takes(item)

    async def next(self, stood: Standing, limit: int) -> Portion:
        """At most `limit` items from where the module stands."""
        rows, stop, head = await self._rows(stood.seq)
        begun, at = [], 0
        for row, item in zip(rows, await self._items(rows), strict=True):
            at = max(at, row["received"])  # the log's order counts, whatever the clock did
            if self.takes(item):
                begun.append(_Candidate(at, (row["seq"] + 1, -1), item, row))
        others = await self._events(stood.event, limit)
        until = at if stop < head and rows else 2**63 - 1
        ready = list(takewhile(lambda row: row["at"] <= until, others))
        at = 0
        for row in ready:
            at = max(at, row["at"])
            item = model.of_event(self.name, row["id"], row["topic"], row["at"], row["data"])
            if self.takes(item):
                begun.append(_Candidate(at, (-1, row["n"]), item))
        begun.sort(key=lambda one: one.at)
        chosen = self._bounded(begun, limit)
        places = _places(chosen, (stood.seq, stood.event))
        whole = len(chosen) == len(begun)
        end = (stop, ready[-1]["n"] if ready else stood.event) if whole else places[-1]
        more = not whole or stop < head or len(ready) < len(others)
        return Portion(await self._filled(chosen), places, end, more)

    async def count(self, stood: Standing) -> tuple[int, bool]:
        """How many items wait, and whether there may be more than were counted."""
        seq, looked, found = stood.seq, 0, 0
        while looked < COUNTED:
            rows, stop, head = await self._rows(seq)
            found += sum(map(self.takes, await self._items(rows)))
            looked += stop - seq
            if stop >= head:
                break
            seq = stop
        beside = await self._events(stood.event, COUNTED)
        return found + len(beside), looked >= COUNTED or len(beside) >= COUNTED

    async def one(self, letter: DeadLetter) -> Item | None:
        """A dead letter's item as it was; None when its record is gone."""
        if letter.event is not None and letter.event_at is not None:
            return model.of_event(self.name, letter.event, letter.topic, letter.event_at, letter.data or {})
        if letter.seq is None:
            return None
        kinds = tuple(model.LOG_TOPICS)
        rows = await deliveries.log(self._db, letter.seq, letter.seq + 1, kinds=kinds, types=None, limit=1)
        if not rows:
            return None
        said = await deliveries.payloads(self._db, [letter.seq])
        return await self._complete(model.of_record(self.name, rows[0], said.get(letter.seq), self._payload_limit))

    async def _rows(self, start: int) -> tuple[list[dict[str, Any]], int, int]:
        """Rows of the log from `start`, where they end, and how far the log goes."""
        head = (await proofs.stamped(self._db) or 0) if self._stamped else await checks.size(self._db)
        kinds = tuple({*self.wanted.kinds, "alert"})
        if start >= head:
            return [], max(start, head), head
        stop = min(head, start + REACH)
        rows = await deliveries.log(self._db, start, stop, kinds=kinds, types=self.wanted.exact_types, limit=PAGE)
        return rows, rows[-1]["seq"] + 1 if len(rows) == PAGE else stop, head

    async def _items(self, rows: list[dict[str, Any]]) -> list[Item]:
        """The items of rows; checks without their payload."""
        said = await deliveries.payloads(self._db, [row["seq"] for row in rows if row["kind"] != "check"])
        return [model.of_record(self.name, row, said.get(row["seq"]), self._payload_limit) for row in rows]

    def _bounded(self, found: list[_Candidate], limit: int) -> list[_Candidate]:
        """The first of them: at most `limit`, with payloads of at most WEIGHT (but one in any case)."""
        held = 0
        for place, one in enumerate(found[:limit]):
            held += one.row["size"] if one.row is not None else 0
            if held > WEIGHT and place:
                return found[:place]
        return found[:limit]

    async def _filled(self, chosen: list[_Candidate]) -> tuple[Item, ...]:
        """Their items, with payloads, reports and proofs."""
        rows = {one.row["seq"]: one.row for one in chosen if one.row is not None}
        read = [n for n, row in rows.items() if row["kind"] == "check" and row["size"] <= self._payload_limit]
        said = await deliveries.payloads(self._db, read)
        items = []
        for one in chosen:
            seq, item = one.item.seq, one.item
            if seq is not None and seq in said:
                item = model.of_record(self.name, rows[seq], said[seq], self._payload_limit)
            items.append(await self._complete(item))
        return tuple(items)

    async def _events(self, after: int, limit: int) -> list[dict[str, Any]]:
        topics = self.wanted.events
        return await deliveries.events(self._db, after, topics, limit) if topics else []

    async def _complete(self, item: Item) -> Item:
        """With the report's document and the proof, where they are wanted and there."""
        more: dict[str, Any] = {}
        digest = (item.data.get("report") or {}).get("report_sha256")
        if "report" in self._wants and isinstance(digest, str) and _DIGEST.match(digest):
            kept = await reports.by_digest(self._db, bytes.fromhex(digest))
            if kept is not None and kept.document is not None:
                more["report"] = await asyncio.to_thread(json.loads, kept.document)
        if "proof" in self._wants and self._prove is not None and item.record is not None:
            try:
                more["proof"] = await self._prove(item.record)
            except NotFound:  # not sealed yet
                more["proof"] = None
        return replace(item, **more) if more else item


def _places(chosen: list[_Candidate], begin: Place) -> tuple[Place, ...]:
    """Where the module stands after each: an item of the log moves the one number, an event the other."""
    seq, event = begin
    made = []
    for one in chosen:
        seq, event = max(seq, one.place[0]), max(event, one.place[1])
        made.append((seq, event))
    return tuple(made)
