"""Audit the whole log: every record against its leaf, every checkpoint against the tree, the stamps against both.

Rows are fed in order; what is wrong is told as `{"index", "kind"}`, where index is the first record concerned:

    gap          a place in the log has no row, or rows come out of order
    leaf         the record's bytes do not hash to the leaf kept for them (the record was edited)
    group        record and payload do not hash to the group hash kept for them
    payload      the payload is not the one the record commits to
    detail       the detail is not the one the record commits to
    lost         the payload is gone, and no erasure was noted (`audit_row`)
    row          a column the pages show (id, type, agent, ...) differs from the record
    root         the leaves do not give a checkpoint's root: rows were edited, removed or reordered with their hashes
    checkpoint   a checkpoint is not signed by the log key, or says another size or root than its columns
    groups       the group hashes do not give a checkpoint's group root
    truncated    fewer rows than the newest checkpoint, or a checkpoint kept elsewhere, counts
    anchor       a stamp's anchor is not that of its checkpoint and groups
    fork         a checkpoint kept elsewhere has another root than the log had at that size
    tile         a tile served to monitors is not that of the leaves (`audit_tiles`)

A stretch of the log is audited from an edge (`Frontier`) that a signed checkpoint vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from pumpkin.evidence import groups, record
from pumpkin.evidence.checkpoint import BadNote, VerifierKey, open_note
from pumpkin.evidence.merkle import Frontier
from pumpkin.model.proofs import Checkpoint, Stamp


class Row(NamedTuple):
    """A stored record as the audit needs it. `payload` and `payload_salt` are None after erasure, or when payloads
    are left out; `shown` the columns to compare with the record, by the record's names, None to leave that out."""

    seq: int
    record: bytes
    leaf_hash: bytes
    group_hash: bytes
    payload: bytes | None = None
    payload_salt: bytes | None = None
    shown: dict[str, object] | None = None
    detail: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong, at record `index` (0 up) or at the checkpoint or stamp that begins there."""

    index: int
    kind: str

    def as_json(self) -> dict[str, object]:
        return {"index": self.index, "kind": self.kind}


class Audit:
    """One pass over the log. Feed rows and checkpoints in order, then ask `finish`; at most `limit` faults are kept."""

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint],
        key: VerifierKey | None,
        *,
        limit: int = 10_000,
        edge: Frontier | None = None,
        kept: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        """`checkpoints` ascending by size; `key` the log's, None to leave signatures unchecked. `edge` is that of the
        tree before the first row, at a checkpoint's size; `kept` are (size, root) of checkpoints held elsewhere."""
        self._heads: Iterator[Checkpoint] = iter(checkpoints)
        self._key, self._limit = key, limit
        self._frontier = edge.copy() if edge else Frontier()
        self._from = self._frontier.size
        self._kept = sorted((size, root) for size, root in kept if size >= self._from)
        self._group_hashes: list[bytes] = []
        self._group_roots: dict[int, bytes] = {}
        self._notes: dict[int, str] = {}
        self._order: list[int] = []
        self._broken = False
        self.faults: list[Fault] = []
        self._head = next(self._heads, None)
        self._start = self._from
        self._compare_kept()

    @property
    def next(self) -> int:
        """The place of the row that is awaited next."""
        return self._frontier.size

    @property
    def records(self) -> int:
        """How many rows were seen."""
        return self._frontier.size - self._from

    def feed(self, rows: Iterable[Row | tuple[int, bytes, bytes, bytes]]) -> None:
        """The next rows, ascending by seq; plain tuples (seq, record, leaf_hash, group_hash) are the fastest."""
        self.feed_hashes(self._checked(rows))

    def feed_hashes(self, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
        """The next rows as (seq, leaf_hash, group_hash), whose records were held against their leaves already."""
        append, frontier, hashes = self._frontier.append, self._frontier, self._group_hashes
        due = self._due()
        for seq, leaf, group in rows:
            if seq != frontier.size:
                self._fault(frontier.size, "gap")
                if seq < frontier.size:
                    continue
                while frontier.size < seq:  # keep later places comparable
                    append(b"\0" * 32)
                    hashes.append(b"\0" * 32)
                    if frontier.size == due:
                        due = self._compare()
            append(leaf)
            hashes.append(group)
            if frontier.size == due:
                due = self._compare()

    def _checked(self, rows: Iterable[Row | tuple[int, bytes, bytes, bytes]]) -> Iterator[tuple[int, bytes, bytes]]:
        for row in rows:
            if sha256(b"\0" + row[1]).digest() != row[2]:
                self._fault(row[0], "leaf")
            if len(row) > 4:
                self._content(Row(*row))
            yield row[0], row[2], row[3]

    def report(self, index: int, kind: str) -> None:
        """A fault that somebody else found in record `index`."""
        self._fault(index, kind)

    def finish(self, stamps: Sequence[Stamp] = (), *, whole: bool = True) -> list[Fault]:
        """All faults, ascending by index. Without `whole`, stamps beyond the rows that were fed are left out."""
        if self._head is not None or self._kept:
            self._fault(self._frontier.size, "truncated")
        for stamp in stamps:
            if stamp.start >= self._from and (whole or stamp.size <= self._frontier.size):
                self._stamp(stamp)
        return sorted(self.faults, key=lambda fault: (fault.index, fault.kind))

    def _due(self) -> int:
        """The size at which something is to be compared next; -1 for none."""
        sizes = [self._head.size] if self._head else []
        return min([*sizes, *(size for size, _ in self._kept[:1])], default=-1)

    def _compare(self) -> int:
        """Check what is due now; the size at which something is due next (-1 for none)."""
        self._compare_kept()
        if self._head is not None and self._head.size == self._frontier.size:
            self._compare_head(self._head)
        return self._due()

    def _compare_kept(self) -> None:
        while self._kept and self._kept[0][0] == self._frontier.size:
            size, root = self._kept.pop(0)
            if root != self._frontier.root():
                self._fault(size, "fork")

    def _compare_head(self, head: Checkpoint) -> None:
        if self._frontier.root() != head.root and not self._broken:
            self._broken = True  # every later root is wrong for the same reason
            self._fault(self._start, "root")
        if head.start != self._start or groups.group_root(self._group_hashes) != head.group_root:
            self._fault(self._start, "groups")
        if not self._signed(head):
            self._fault(self._start, "checkpoint")
        self._notes[head.size], self._group_roots[head.size] = head.note, head.group_root
        self._order.append(head.size)
        self._group_hashes.clear()
        self._start = head.size
        self._head = next(self._heads, None)

    def _signed(self, head: Checkpoint) -> bool:
        if self._key is None:
            return True
        try:
            said = open_note(head.note, self._key)
        except BadNote:
            return False
        return (said.size, said.root) == (head.size, head.root)

    def _stamp(self, stamp: Stamp) -> None:
        note = self._notes.get(stamp.size)
        roots = [self._group_roots[size] for size in self._order if stamp.start < size <= stamp.size]
        if note is None or groups.anchor(note, groups.group_root(roots)) != stamp.anchor:
            self._fault(stamp.start, "anchor")

    def _content(self, row: Row) -> None:
        if row.payload is None and row.shown is None and row.detail is None:
            return
        try:
            body = record.parse(row.record)
        except ValueError:
            self._fault(row.seq, "leaf")
            return
        if row.payload is not None and row.payload_salt is not None:
            if record.commitment(row.payload_salt, row.payload).hex() != body["payload"]["commit"]:
                self._fault(row.seq, "payload")
            elif record.group_hash(row.record, sha256(row.payload).digest()) != row.group_hash:
                self._fault(row.seq, "group")
        if row.payload_salt is not None and row.detail is not None:
            said_detail = record.commitment(row.payload_salt, record.canonical_detail(row.detail)).hex()
            if body["detail"] != (said_detail if row.detail else None):
                self._fault(row.seq, "detail")
        if row.shown is not None:
            said = {**body, "agent": body["source"]["agent"], "key_id": body["source"]["key_id"], **body["payload"]}
            if any(said.get(name) != value for name, value in row.shown.items()):
                self._fault(row.seq, "row")

    def _fault(self, index: int, kind: str) -> None:
        if len(self.faults) < self._limit:
            self.faults.append(Fault(index, kind))


def audit(
    rows: Iterable[Row | tuple[int, bytes, bytes, bytes]],
    checkpoints: Iterable[Checkpoint],
    *,
    key: VerifierKey | None = None,
    stamps: Sequence[Stamp] = (),
) -> list[Fault]:
    """What is wrong with a log, in one call."""
    pass_ = Audit(checkpoints, key)
    pass_.feed(rows)
    return pass_.finish(stamps)
