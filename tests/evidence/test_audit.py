import time
from dataclasses import replace
from hashlib import sha256

import pytest

from pumpkin.evidence import checkpoint, groups, merkle
from pumpkin.evidence.audit import Audit, Fault, Row, audit
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.proofs import Checkpoint
from tests.evidence.house import House, stamp_over

SHOWN = ("id", "type", "agent", "observed")


def sealed(house, sizes):
    """The checkpoints of a house's log at these sizes."""
    heads, start = [], 0
    for size in sizes:
        root = merkle.root([check.leaf_hash for check in house.checks[:size]])
        group_root = groups.group_root([check.group_hash for check in house.checks[start:size]])
        note = checkpoint.sign(house.key.origin, size, root, house.key)
        heads.append(Checkpoint(size, start, root, group_root, note, 0))
        start = size
    return heads


def rows(house):
    return [
        Row(
            check.seq,
            check.record,
            check.leaf_hash,
            check.group_hash,
            check.payload,
            check.payload_salt,
            {name: str(check.id) if name == "id" else getattr(check, name) for name in SHOWN},
            check.detail,
        )
        for check in house.checks
    ]


@pytest.fixture
def log():
    house = House().fill(30)
    house.add(b"with detail", detail={"status": "ok"})
    return house, rows(house), sealed(house, [1, 10, 11, 25, 31])


def kinds(house, given, heads, stamps=()):
    return [(fault.index, fault.kind) for fault in audit(given, heads, key=house.key.verifier, stamps=stamps)]


def edited(given, seq, **change):
    return [row._replace(**change) if row.seq == seq else row for row in given]


def test_a_whole_log_has_no_fault(log):
    house, given, heads = log
    assert kinds(house, given, heads) == []
    assert kinds(house, [tuple(row[:4]) for row in given], heads) == []


def test_records_not_yet_sealed_are_no_fault(log):
    house, given, heads = log
    assert kinds(house, given, heads[:-1]) == []


def test_an_edited_record_is_found_at_its_place(log):
    house, given, heads = log
    raw = given[12].record.replace(b'"http"', b'"dns"')
    assert (12, "leaf") in kinds(house, edited(given, 12, record=raw), heads)
    hidden = edited(given, 12, record=raw, leaf_hash=merkle.leaf_hash(raw))
    found = kinds(house, hidden, heads)
    assert (11, "root") in found
    assert [kind for _, kind in found].count("root") == 1


def test_an_edited_payload_detail_or_column_is_found(log):
    house, given, heads = log
    assert kinds(house, edited(given, 5, payload=b"other"), heads) == [(5, "payload")]
    assert kinds(house, edited(given, 30, detail={"status": "critical"}), heads) == [(30, "detail")]
    assert kinds(house, edited(given, 5, detail={"status": "ok"}), heads) == [(5, "detail")]
    assert kinds(house, edited(given, 5, shown={"type": "dns"}), heads) == [(5, "row")]
    assert kinds(house, edited(given, 5, group_hash=b"\1" * 32), heads) == [(1, "groups"), (5, "group")]


def test_an_erased_payload_is_no_fault(log):
    house, given, heads = log
    assert kinds(house, edited(given, 5, payload=None, payload_salt=None), heads) == []


def test_a_deleted_record_is_a_gap(log):
    house, given, heads = log
    found = kinds(house, [row for row in given if row.seq != 12], heads)
    assert (12, "gap") in found
    assert all(index in (11, 12) for index, _ in found)


def test_reordered_records_are_found(log):
    house, given, heads = log
    swapped = [*given]
    swapped[3], swapped[4] = given[4]._replace(seq=3), given[3]._replace(seq=4)
    assert (1, "root") in kinds(house, swapped, heads)
    out_of_order = [*given[:3], given[4], given[3], *given[5:]]
    assert (3, "gap") in kinds(house, out_of_order, heads)


def test_a_truncated_log_is_found_by_its_newest_checkpoint(log):
    house, given, heads = log
    assert kinds(house, given[:28], heads) == [(28, "truncated")]
    assert kinds(house, given[:8], heads) == [(8, "truncated")]


def test_a_checkpoint_of_another_key_is_found(log):
    house, given, heads = log
    forged = replace(
        heads[1], note=checkpoint.sign(house.key.origin, 10, heads[1].root, LogKey.generate("log.example/pumpkin"))
    )
    assert kinds(house, given, [heads[0], forged, *heads[2:]]) == [(1, "checkpoint")]


def test_a_stamp_of_something_else_is_found(log):
    house, given, heads = log
    local = Authority.create("Test")
    anchor = groups.anchor(heads[3].note, groups.group_root([head.group_root for head in heads[1:4]]))
    good = stamp_over(local, "local", anchor, 1, 25)
    assert kinds(house, given, heads, [good]) == []
    assert kinds(house, given, heads, [replace(good, start=10)]) == [(10, "anchor")]
    assert kinds(house, given, heads, [replace(good, size=24)]) == [(1, "anchor")]


def test_faults_are_bounded_and_say_where():
    house = House().fill(20)
    bad = [row._replace(record=b"{}") for row in rows(house)]
    watch = Audit(sealed(house, [20]), None, limit=5)
    watch.feed(bad)
    assert len(watch.finish()) == 5
    assert Fault(3, "leaf").as_json() == {"index": 3, "kind": "leaf"}
    assert watch.records == 20


def test_fifty_thousand_records_a_second():
    count = 30_000
    raw = [b'{"record":%d}' % n + b"x" * 500 for n in range(count)]
    leaves = [merkle.leaf_hash(one) for one in raw]
    hashes = [sha256(one).digest() for one in raw]
    given = list(zip(range(count), raw, leaves, hashes, strict=True))
    key = LogKey.generate("log.example")
    frontier, heads = merkle.Frontier(), []
    for start in range(0, count, 1_000):
        frontier.extend(leaves[start : start + 1_000])
        root, group_root = frontier.root(), groups.group_root(hashes[start : start + 1_000])
        note = checkpoint.sign(key.origin, frontier.size, root, key)
        heads.append(Checkpoint(frontier.size, start, root, group_root, note, 0))
    spent = []
    for _ in range(3):
        begun = time.process_time()
        assert audit(given, heads, key=key.verifier) == []
        spent.append(time.process_time() - begun)
    assert count / min(spent) > 50_000
