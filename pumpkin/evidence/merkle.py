"""The log's Merkle tree: hashes, roots, inclusion and consistency paths (RFC 9162 section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 2**63

Node = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree over leaves [index << level, (index + 1) << level)."""


def leaf_hash(record: bytes) -> bytes:
    """SHA-256(00 || record), 32 bytes."""
    return sha256(b"\0" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right), 32 bytes."""
    return sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, in O(n)."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, largest first; at most 63 hashes."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        if not 0 <= size < MAX_SIZE or len(self._peaks) != size.bit_count() or any(len(p) != 32 for p in self._peaks):
            raise ValueError("a frontier has one 32-byte hash for each one in the binary size")

    def append(self, leaf: bytes) -> None:
        """Adds one leaf hash, in O(1) amortised."""
        size, peaks, node = self.size, self._peaks, leaf
        while size & 1:
            node = sha256(b"\1" + peaks.pop() + node).digest()
            size >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Adds leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root over all leaves added, in O(log n)."""
        if not self._peaks:
            return EMPTY_ROOT
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node

    def copy(self) -> Frontier:
        """An independent frontier of the same tree."""
        return Frontier(self.size, self._peaks)

    def to_bytes(self) -> bytes:
        """Size (8 bytes, big-endian), then the peaks, largest subtree first."""
        return self.size.to_bytes(8) + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """What `to_bytes` wrote. ValueError for anything else."""
        if len(data) < 8 or len(data) % 32 != 8:
            raise ValueError("not a frontier")
        return cls(int.from_bytes(data[:8]), [data[start : start + 32] for start in range(8, len(data), 32)])

    @classmethod
    def from_nodes(cls, nodes: Node, size: int) -> Frontier:
        """The frontier of a tree of `size` leaves whose nodes can be asked: how a start-up reads it back."""
        return cls(size, [nodes(level, index) for level, index in _subtrees(0, size)])


def inclusion_path(leaves: Sequence[bytes], index: int, size: int | None = None) -> list[bytes]:
    """The path from leaf `index` to the root over the first `size` leaf hashes (RFC 9162 section 2.1.3.1)."""
    return inclusion_from(_over(leaves), index, len(leaves) if size is None else size)


def inclusion_from(nodes: Node, index: int, size: int) -> list[bytes]:
    """As `inclusion_path`, asking `nodes` for O(log size) complete subtrees. IndexError outside the tree."""
    if not 0 <= index < size:
        raise IndexError("no such leaf in a tree of this size")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range(nodes, middle, stop))
            stop = middle
        else:
            path.append(_range(nodes, start, middle))
            start = middle
    path.reverse()
    return path


def consistency_path(leaves: Sequence[bytes], old: int, new: int | None = None) -> list[bytes]:
    """The proof that the tree of `old` leaves is the beginning of that of `new` (RFC 9162 section 2.1.4.1)."""
    return consistency_from(_over(leaves), old, len(leaves) if new is None else new)


def consistency_from(nodes: Node, old: int, new: int) -> list[bytes]:
    """As `consistency_path`, asking `nodes`. Empty for old = 0 or old = new. IndexError for old > new."""
    if not 0 <= old <= new:
        raise IndexError("the old tree is larger than the new one")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, stop, whole = 0, new, True
    while stop != old:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(_range(nodes, middle, stop))
            stop = middle
        else:
            path.append(_range(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_range(nodes, start, stop))
    path.reverse()
    return path


def root_from(nodes: Node, size: int) -> bytes:
    """The root over the first `size` leaves, asking `nodes`."""
    return _range(nodes, 0, size) if size else EMPTY_ROOT


def directed(index: int, size: int, path: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """The path with sides, leaf to root: ("L", hash) where the sibling stands left, ("R", hash) where right.

    ValueError when the path has not the one length that fits index and size.
    """
    if not 0 <= index < size < MAX_SIZE:
        raise ValueError("no such leaf in a tree of this size")
    sides: list[str] = []
    position, last = index, size - 1
    while last:
        if position & 1:
            sides.append("L")
        elif position != last:
            sides.append("R")
        position, last = position >> 1, last >> 1
    if len(sides) != len(path):
        raise ValueError("the path has not the length for this index and size")
    return list(zip(sides, path, strict=True))


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from `leaf` (RFC 9162 section 2.1.3.2). ValueError as `directed`."""
    node = leaf
    for side, sibling in directed(index, size, path):
        node = node_hash(sibling, node) if side == "L" else node_hash(node, sibling)
    return node


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether `leaf` stands at `index` of the tree of `size` leaves with root `expected`. Never raises."""
    try:
        return root_of_inclusion(leaf, index, size, path) == expected
    except ValueError:
        return False


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `old` leaves is the beginning of that of `new` (RFC 9162 section 2.1.4.2). Never raises."""
    if not 0 <= old <= new < MAX_SIZE:
        return False
    if old == 0:
        return not path and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not path and old_root == new_root
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            before, after = node_hash(step, before), node_hash(step, after)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node_hash(after, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and before == old_root and after == new_root


def _split(count: int) -> int:
    """The largest power of two below `count` (which is at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtrees(start: int, stop: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, index) that make up [start, stop), for a start aligned as in RFC 9162 ranges."""
    parts = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        parts.append((level, start >> level))
        start += 1 << level
    return parts


def _range(nodes: Node, start: int, stop: int) -> bytes:
    parts = [nodes(level, index) for level, index in _subtrees(start, stop)]
    node = parts[-1]
    for part in reversed(parts[:-1]):
        node = node_hash(part, node)
    return node


def _over(leaves: Sequence[bytes]) -> Node:
    def node(level: int, index: int) -> bytes:
        row = leaves[index << level : (index + 1) << level]
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    return node
