"""The RFC 4998 hash tree over the groups {record, payload}, through which one token proves each check alone.

Children of a node stand in binary ascending order (RFC 4998 section 4.2); a node without a neighbour moves up as it is.
A checkpoint has a tree over its own records; a stamp over several checkpoints has a tree over their roots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()


def group_root(hashes: Sequence[bytes], name: str = "sha256") -> bytes:
    """The root over group hashes (or over the group roots of checkpoints), 32 bytes; of none, SHA-256 of nothing.
    `name` is another hash for the trees of renewals (sha384, sha512)."""
    if not hashes:
        return EMPTY
    row = list(hashes)
    while len(row) > 1:
        row = _above(row, name)
    return row[0]


def top(hashes: Sequence[bytes], name: str = "sha256") -> bytes:
    """What is hashed to become the root of two or more: its two children, ascending. ValueError for fewer."""
    row = list(hashes)
    while len(row) > 2:
        row = _above(row, name)
    if len(row) < 2:
        raise ValueError("a tree of one has nothing above its leaf")
    return b"".join(sorted(row))


def reduced_tree(hashes: Sequence[bytes], index: int, name: str = "sha256") -> list[list[bytes]]:
    """The reduced hash tree of one group: the siblings on its way up, a list for each level that has one.

    The group's own first list (exactly its members' hashes) stands before these in an evidence record.
    """
    if not 0 <= index < len(hashes):
        raise IndexError("no such group")
    lists: list[list[bytes]] = []
    row, at = list(hashes), index
    while len(row) > 1:
        sibling = at ^ 1
        if sibling < len(row):
            lists.append([row[sibling]])
        row, at = _above(row, name), at >> 1
    return lists


def climb(node: bytes, lists: Sequence[Sequence[bytes]]) -> bytes:
    """The root reached from `node` over a reduced tree (RFC 4998 section 4.3)."""
    for siblings in lists:
        node = sha256(b"".join(sorted([node, *siblings]))).digest()
    return node


def first_list(record: bytes, payload_hash: bytes) -> list[bytes]:
    """The members' hashes of one group, ascending: an evidence record's first list."""
    return sorted([sha256(record).digest(), payload_hash])


def anchor(checkpoint: str, groups: bytes) -> bytes:
    """What a token is over: H(checkpoint text) and the group root R, ascending, joined; 64 bytes (evidence.md 3).

    `checkpoint` is a whole note or its text; only the text up to and with its last newline before the blank line
    counts (rulings.md 6).
    """
    return b"".join(sorted([body_hash(checkpoint), groups]))


def body_hash(note: str) -> bytes:
    """SHA-256 over a note's text without its signatures (rulings.md 6), 32 bytes."""
    return sha256(note.partition("\n\n")[0].rstrip("\n").encode() + b"\n").digest()


def _above(row: list[bytes], name: str = "sha256") -> list[bytes]:
    digest = getattr(hashlib, name)
    above = [
        digest(left + right if left <= right else right + left).digest()
        for left, right in zip(row[::2], row[1::2], strict=False)
    ]
    if len(row) & 1:
        above.append(row[-1])
    return above
