from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.evidence import groups


def hashes(count):
    return [sha256(n.to_bytes(4)).digest() for n in range(count)]


@given(st.integers(1, 90))
def test_every_reduced_tree_climbs_to_the_root(count):
    row = hashes(count)
    top = groups.group_root(row)
    for at, node in enumerate(row):
        lists = groups.reduced_tree(row, at)
        assert groups.climb(node, lists) == top
        assert all(lists)


def test_a_tree_of_two_hashes_is_their_ascending_join():
    low, high = sorted(hashes(2))
    assert groups.group_root([high, low]) == groups.group_root([low, high]) == sha256(low + high).digest()
    assert groups.group_root([low]) == low


def test_a_stamp_over_checkpoints_climbs_through_both_trees():
    batches = [hashes(7)[:3], hashes(7)[3:4], hashes(7)[4:]]
    roots = [groups.group_root(batch) for batch in batches]
    lists = groups.reduced_tree(batches[2], 1) + groups.reduced_tree(roots, 2)
    assert groups.climb(batches[2][1], lists) == groups.group_root(roots)


def test_the_anchor_covers_the_checkpoint_s_text_and_the_groups_but_no_signature():
    text = "log.example\n5\nqqqq\n"
    anchor = groups.anchor(text + "\n— log.example AAAA\n", b"\x80" * 32)
    assert anchor == b"".join(sorted([sha256(text.encode()).digest(), b"\x80" * 32]))
    assert groups.anchor(text, b"\x80" * 32) == anchor
    assert sha256(anchor).digest() == groups.climb(b"\x80" * 32, [[groups.body_hash(text)]])


def test_no_group_outside_the_batch_has_a_tree():
    with pytest.raises(IndexError):
        groups.reduced_tree(hashes(3), 3)
