import itertools
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.evidence import merkle, tiles

# The reference tree of the Certificate Transparency tests: eight inputs and the roots over the first n of them.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
VECTOR = [merkle.leaf_hash(bytes.fromhex(text)) for text in INPUTS]


def leaves(count):
    return [merkle.leaf_hash(n.to_bytes(4)) for n in range(count)]


def rfc_root(row):
    """RFC 9162 section 2.1.1 word for word."""
    if len(row) == 1:
        return row[0]
    k = 1
    while k * 2 < len(row):
        k *= 2
    return sha256(b"\1" + rfc_root(row[:k]) + rfc_root(row[k:])).digest()


def rfc_path(m, row):
    """RFC 9162 section 2.1.3.1 word for word."""
    if len(row) == 1:
        return []
    k = 1
    while k * 2 < len(row):
        k *= 2
    if m < k:
        return [*rfc_path(m, row[:k]), rfc_root(row[k:])]
    return [*rfc_path(m - k, row[k:]), rfc_root(row[:k])]


def rfc_subproof(m, row, whole):
    """RFC 9162 section 2.1.4.1 word for word."""
    if m == len(row):
        return [] if whole else [rfc_root(row)]
    k = 1
    while k * 2 < len(row):
        k *= 2
    if m <= k:
        return [*rfc_subproof(m, row[:k], whole), rfc_root(row[k:])]
    return [*rfc_subproof(m - k, row[k:], False), rfc_root(row[:k])]


def test_the_reference_roots_of_certificate_transparency():
    assert [merkle.root(VECTOR[:size]).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_path_in_every_small_tree_is_the_rfc_s_and_verifies():
    row = leaves(40)
    for size in range(1, 41):
        top = rfc_root(row[:size])
        assert merkle.root(row[:size]) == top
        for index in range(size):
            path = merkle.inclusion_path(row, index, size)
            assert path == rfc_path(index, row[:size])
            assert merkle.verify_inclusion(row[index], index, size, path, top)


def test_every_consistency_proof_between_small_trees_is_the_rfc_s_and_verifies():
    row = leaves(34)
    for new in range(1, 35):
        for old in range(1, new + 1):
            path = merkle.consistency_path(row, old, new)
            assert path == rfc_subproof(old, row[:new], True)
            assert merkle.verify_consistency(old, new, rfc_root(row[:old]), rfc_root(row[:new]), path)


@given(st.integers(1, 300), st.data())
def test_no_other_index_size_leaf_or_path_verifies(size, data):
    row = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path, top = merkle.inclusion_path(row, index), merkle.root(row)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"x"), index, size, path, top)
    assert not merkle.verify_inclusion(row[index], index, size, [*path, top], top)
    assert not merkle.verify_inclusion(row[index], index, size, path[:-1], top) or not path
    other = data.draw(st.integers(-2, size + 2).filter(lambda n: n != index))
    assert not merkle.verify_inclusion(row[index], other, size, path, top)
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:at], sha256(path[at]).digest(), *path[at + 1 :]]
        assert not merkle.verify_inclusion(row[index], index, size, bent, top)


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_a_rewritten_history_is_never_consistent(one, two, data):
    old, new = sorted((one, two))
    row = leaves(new)
    forged = list(row)
    at = data.draw(st.integers(0, old - 1))
    forged[at] = merkle.leaf_hash(b"forged")
    path = merkle.consistency_path(forged, old, new)
    assert not merkle.verify_consistency(old, new, merkle.root(row[:old]), merkle.root(forged), path)
    good = merkle.consistency_path(row, old, new)
    assert not merkle.verify_consistency(old, new, merkle.root(row[:old]), merkle.root(row), [*good, b"\0" * 32])


def test_an_empty_tree_is_the_beginning_of_every_tree():
    row = leaves(3)
    assert merkle.verify_consistency(0, 3, merkle.EMPTY_ROOT, merkle.root(row), [])
    assert not merkle.verify_consistency(0, 3, b"\0" * 32, merkle.root(row), [])
    assert not merkle.verify_consistency(3, 2, merkle.root(row), merkle.root(row[:2]), [])


@given(st.integers(0, 600), st.integers(0, 600))
def test_a_frontier_grows_to_the_same_root_after_a_pause(first, more):
    row = leaves(first + more)
    frontier = merkle.Frontier()
    frontier.extend(row[:first])
    woken = merkle.Frontier.from_bytes(frontier.to_bytes())
    woken.extend(row[first:])
    assert woken.root() == (rfc_root(row) if row else merkle.EMPTY_ROOT)
    assert woken.size == len(row)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, (3).to_bytes(8) + b"\0" * 32, (0).to_bytes(8) + b"\0" * 32])
def test_what_is_no_frontier_is_refused(data):
    with pytest.raises(ValueError):
        merkle.Frontier.from_bytes(data)


class Store:
    """The tiles of a log, as a database keeps them."""

    def __init__(self):
        self.tiles = {}
        self.leaves = []

    def read(self, level, n):
        if level:
            return self.tiles[level, n]
        return b"".join(self.leaves[n * 256 : n * 256 + 256])

    def append(self, more):
        self.tiles.update(tiles.updates(len(self.leaves), more, self.read))
        self.leaves += more


def test_tiles_built_in_batches_give_the_paths_of_the_whole_tree():
    row, store = leaves(70_000), Store()
    cuts = [0, 1, 1, 255, 256, 257, 600, 65_535, 65_536, 66_000, 70_000]
    for start, stop in itertools.pairwise(cuts):
        store.append(row[start:stop])
    for level, count in enumerate(tiles.sizes(len(row))[1:], 1):
        assert sum(len(tile) // 32 for (at, _), tile in store.tiles.items() if at == level) == count
    nodes = tiles.TileNodes(store.read)
    for size in (1, 255, 256, 257, 65_536, 65_537, 70_000):
        top = merkle.root(row[:size])
        assert merkle.root_from(nodes, size) == top
        assert merkle.Frontier.from_nodes(nodes, size).root() == top
        for index in {0, size // 2, size - 1}:
            path = merkle.inclusion_from(nodes, index, size)
            assert merkle.verify_inclusion(row[index], index, size, path, top)
        for old in {1, size // 3 or 1, size}:
            path = merkle.consistency_from(nodes, old, size)
            assert merkle.verify_consistency(old, size, merkle.root(row[:old]), top, path)


def test_paths_outside_the_tree_are_an_index_error():
    for ask in (
        lambda: merkle.inclusion_path(leaves(3), 3),
        lambda: merkle.inclusion_path(leaves(3), -1),
        lambda: merkle.consistency_path(leaves(3), 4),
    ):
        with pytest.raises(IndexError):
            ask()


def test_tile_paths_are_spelt_as_c2sp_says():
    assert tiles.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tiles.tile_path(3, 7, 8) == "tile/3/007.p/8"
    assert tiles.parse_tile("x001/x234/067") == (1_234_067, 256)
    assert tiles.parse_tile("007.p/8") == (7, 8)


@pytest.mark.parametrize("text", ["7", "x000/007", "007.p/0", "007.p/256", "x01/007", "../001", "001/002", "007\n", ""])
def test_other_spellings_of_a_tile_are_refused(text):
    with pytest.raises(ValueError):
        tiles.parse_tile(text)


def test_an_entry_bundle_gives_its_records_back():
    records = [b"", b"a", b"x" * 65_535]
    assert tiles.entries(tiles.entry_bundle(records)) == records
    with pytest.raises(ValueError):
        tiles.entries(tiles.entry_bundle(records)[:-1])
