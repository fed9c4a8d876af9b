"""Evidence records: built, verified, renewed in both ways, forged; and read by BouncyCastle."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pumpkin.evidence import der, ers, groups, tsp
from pumpkin.evidence.authority import Authority
from tests.evidence.forge import NOW_US, Forge, party

SECOND = 1_000_000
YEAR = 365 * 86_400 * SECOND
START = 1_790_000_000 * SECOND
AUTHORITY = Authority.create("tsa.example", START - SECOND)
OTHER = Authority.create("later.example", START - SECOND)
ROOTS = [AUTHORITY.root_pem, OTHER.root_pem]
RECORD, PAYLOAD = b'{"v":"pumpkin-record/1"}', b"22/tcp open ssh"
JARS = [Path("/usr/share/java") / name for name in ("bcprov.jar", "bcpkix.jar", "bcutil.jar")]
JAVA = Path(__file__).parent / "java" / "Verify.java"


def sha(data: bytes, name: str = "sha256") -> bytes:
    return hashlib.new(name, data).digest()


def stamp(digest: bytes, when: int = START, name: str = "sha256", by: Authority = AUTHORITY) -> bytes:
    return by.respond(tsp.make_query(digest, name), clock=lambda: when)


def join(hashes: Sequence[bytes], name: str = "sha256") -> bytes:
    return sha(b"".join(sorted(hashes)), name)


def tree(index: int = 3, size: int = 11) -> tuple[list[list[bytes]], bytes]:
    """Reduced tree of one check among others, with the checkpoint beside the root; and what is stamped."""
    group = groups.first_list(RECORD, sha(PAYLOAD))
    every = [sha(b"%d" % n) for n in range(size)]
    every[index] = join(group)
    checkpoint = sha(b"checkpoint")
    lists = [group, *groups.reduced_tree(every, index), [checkpoint]]
    return lists, join([groups.group_root(every), checkpoint])


def first(when: int = START, index: int = 3, size: int = 11) -> bytes:
    lists, stamped = tree(index, size)
    return ers.build(lists, stamp(stamped, when))


def renewed(record: bytes, when: int, by: Authority = OTHER) -> bytes:
    name, digest = ers.renewal_digest(record)
    return ers.renew_timestamp(record, stamp(digest, when, name, by))


def rehashed(record: bytes, when: int, name: str = "sha512", by: Authority = OTHER) -> bytes:
    leaves = [ers.renewal_leaf(record, one, name) for one in (RECORD, PAYLOAD)]
    neighbour = sha(b"neighbour", name)
    lists = [sorted(leaves), [neighbour]]
    return ers.renew_hashtree(record, lists, stamp(join([join(leaves, name), neighbour], name), when, name, by))


def judged(record: bytes, objects: Sequence[ers.Object] = (RECORD, PAYLOAD), **how: object) -> tsp.Verdict:
    return ers.verify(record, objects, ROOTS, **{"at": START + 5 * YEAR, **how})


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (2, 3), (4, 5), (3, 11), (10, 11), (99, 1000)])
def test_a_check_anywhere_in_a_batch_is_proven(index: int, size: int) -> None:
    verdict = judged(first(index=index, size=size))
    assert (verdict.code, verdict.gen_time, verdict.warnings) == ("ok", START, ())


def test_a_single_object_is_written_with_its_sibling() -> None:
    one, sibling = sha(RECORD), sha(b"sibling")
    record = ers.build([[one], [sibling]], stamp(join([one, sibling])))
    assert ers.parse(record).chains[0][0].lists == (tuple(sorted([one, sibling])),)
    assert judged(record, [RECORD]).ok


def test_a_token_over_the_hash_itself_needs_no_tree() -> None:
    record = ers.build([[sha(RECORD)]], stamp(sha(RECORD)))
    assert ers.parse(record).chains[0][0].lists == ()
    assert judged(record, [RECORD]).ok
    assert judged(record, [PAYLOAD]).code == "imprint"


def test_an_erased_payload_is_proven_by_its_digest() -> None:
    assert judged(first(), [RECORD, {"sha256": sha(PAYLOAD)}]).ok
    assert judged(rehashed(first(), START + YEAR), [RECORD, {"sha256": sha(PAYLOAD)}]).code == "imprint"


@pytest.mark.parametrize(
    "objects",
    [[], [RECORD, b"other"], [RECORD, PAYLOAD, b"more"], [b"other"], [RECORD, RECORD]],
    ids=["none", "changed", "one more", "another", "twice"],
)
def test_other_objects_are_refused(objects: list[ers.Object]) -> None:
    assert judged(first(), objects).code == "imprint"


def test_a_record_renewed_again_and_again_proves_the_first_time() -> None:
    record = first()
    for n in range(1, 4):
        record = renewed(record, START + n * SECOND, OTHER if n % 2 else AUTHORITY)
    record = rehashed(record, START + 4 * SECOND)
    record = renewed(record, START + 5 * SECOND, AUTHORITY)
    record = rehashed(record, START + 6 * SECOND, "sha384", AUTHORITY)
    parsed = ers.parse(record)
    assert [[one.digest for one in chain] for chain in parsed.chains] == [["sha256"] * 4, ["sha512"] * 2, ["sha384"]]
    assert len(ers.tokens(record)) == 7
    verdict = judged(record)
    assert (verdict.code, verdict.gen_time) == ("ok", START)


def test_one_token_renews_many_records_by_time_stamp() -> None:
    records = [first(index=n) for n in range(5)]
    leaves = [ers.renewal_digest(one)[1] for one in records]
    token = stamp(groups.group_root(leaves), START + SECOND)
    for n, record in enumerate(records):
        again = ers.renew_timestamp(record, token, groups.reduced_tree(leaves, n))
        assert judged(again).ok


def test_many_records_with_renewals_behind_them_are_renewed_by_one_token() -> None:
    records = [renewed(first(index=n), START + n * SECOND) for n in range(5)]
    leaves = [ers.renewal_digest(one)[1] for one in records]
    token = stamp(groups.group_root(leaves), START + 9 * SECOND)
    assert all(
        judged(ers.renew_timestamp(record, token, groups.reduced_tree(leaves, n))).ok
        for n, record in enumerate(records)
    )


def test_a_token_with_certificates_in_no_order_is_put_in_order() -> None:
    root = party("Root", ca=True, n=70)
    signer = party("TSA", root, n=71)
    backwards = sorted([signer.der, root.der], reverse=True)
    token = Forge(signer, backwards, sort=False, data=RECORD).token()
    record = ers.build([[sha(RECORD)]], token)
    assert ers.tokens(record) == [ers.archived(token)] != [token]
    parsed = tsp.parse_response(ers.tokens(record)[0]).token
    assert parsed is not None
    assert list(parsed.certificates) == sorted(backwards)
    assert ers.verify(record, [RECORD], [root.pem], at=NOW_US).ok


def test_renewals_of_another_record_are_refused() -> None:
    record, other = first(), first(index=4)
    name, digest = ers.renewal_digest(other)
    with pytest.raises(ValueError, match="does not lead"):
        ers.renew_timestamp(record, stamp(digest, START + SECOND, name))
    with pytest.raises(ValueError, match="does not lead"):
        ers.renew_timestamp(record, stamp(digest, START + SECOND, name), [[digest]])
    with pytest.raises(ValueError, match="keeps its chain's"):
        ers.renew_timestamp(record, stamp(sha(b"", "sha512"), START, "sha512"))
    with pytest.raises(ValueError, match="does not lead"):
        ers.build([[sha(RECORD)]], stamp(sha(PAYLOAD)))


def spliced(record: bytes, other: bytes) -> bytes:
    """The first record's chains with the last token of the other, put together by a forger."""
    mine, theirs = ers.parse(record), ers.parse(other)
    last = der.children(theirs.encoded_chains[-1], der.whole(theirs.encoded_chains[-1], der.SEQUENCE))[-1]
    chain = der.whole(mine.encoded_chains[0], der.SEQUENCE)
    joined = mine.encoded_chains[0][chain[2] :] + der.encoded(theirs.encoded_chains[-1], last)
    parts = der.children(record, der.whole(record, der.SEQUENCE))
    algorithms = der.encoded(record, parts[1])
    return der.put(der.SEQUENCE, b"\x02\x01\x01", algorithms, der.put(der.SEQUENCE, der.put(der.SEQUENCE, joined)))


def test_a_renewal_taken_from_another_record_is_refused() -> None:
    assert judged(spliced(first(), renewed(first(index=4), START + SECOND))).code == "imprint"


def test_a_chain_that_leaves_out_the_older_chains_is_refused() -> None:
    record = first()
    leaves = sorted([sha(RECORD, "sha512"), sha(PAYLOAD, "sha512")])
    forged = ers.renew_hashtree(record, [leaves], stamp(join(leaves, "sha512"), START + SECOND, "sha512"))
    assert judged(forged).code == "imprint"


def test_a_renewal_older_than_what_it_renews_is_refused() -> None:
    assert judged(renewed(first(START + SECOND), START)).code == "time"
    assert judged(rehashed(first(START + SECOND), START)).code == "time"


def test_a_renewal_after_the_certificates_end_is_refused() -> None:
    root = party("Root", ca=True, n=70)
    signer = party("TSA", root, n=71, days=(-1, 30))
    lists, stamped = tree()
    token = Forge(signer, [signer.der], imprint_digest=stamped).token()
    record = ers.build(lists, token)
    authority = Authority.create("later.example", NOW_US)
    trust = [root.pem, authority.root_pem]
    name, digest = ers.renewal_digest(record)
    for days, code in ((20, "ok"), (40, "cert_time")):
        when = NOW_US + days * 86_400 * SECOND
        again = ers.renew_timestamp(record, stamp(digest, when, name, authority))
        assert ers.verify(again, [RECORD, PAYLOAD], trust, at=NOW_US + YEAR).code == code


def test_an_authority_that_is_not_trusted_is_refused() -> None:
    record = renewed(first(), START + SECOND)
    assert ers.verify(record, [RECORD, PAYLOAD], [AUTHORITY.root_pem], at=START + YEAR).code == "chain"
    assert ers.verify(record, [RECORD, PAYLOAD], [], at=START + YEAR).code == "chain"


def test_a_token_of_the_future_is_refused() -> None:
    assert judged(first(), at=START - YEAR).code == "time"


@pytest.mark.parametrize(
    "record",
    [b"", b"\x30\x00", b"<html>", bytes(100), b"\x30\x80" * 5000, tsp.make_query(bytes(32))],
    ids=["empty", "no content", "a page", "zeros", "depth", "a query"],
)
def test_what_is_no_record_is_malformed(record: bytes) -> None:
    assert judged(record).code == "malformed"


def test_no_flipped_bit_proves_anything_else() -> None:
    """A flip is refused, or it is in what nothing signs and the verdict says so or is the same."""
    record = renewed(first(), START + SECOND)
    chance = random.Random(4998)
    for at in range(len(record)):
        flipped = bytearray(record)
        flipped[at] ^= 1 << chance.randrange(8)
        verdict = judged(bytes(flipped))
        if verdict.ok:
            assert verdict.warnings, at
            assert verdict.gen_time == START


def test_damage_gives_a_verdict_and_never_an_exception() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    whole = rehashed(renewed(first(), START + SECOND), START + 2 * SECOND)
    for _ in range(int(os.environ.get("PUMPKIN_MUTATIONS", "3000")) // 3):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(damaged))
            if chance.random() < 0.5:
                damaged[at] = chance.choice((0, 0x30, 0x80, 0xA2, chance.randrange(256)))
            else:
                del damaged[at : at + chance.randint(1, 60)]
        assert isinstance(judged(bytes(damaged)).code, str), seed


def many() -> bytes:
    """A record renewed twice, the second time with others by one token."""
    records = [renewed(first(index=n), START + n * SECOND) for n in range(5)]
    leaves = [ers.renewal_digest(one)[1] for one in records]
    token = stamp(groups.group_root(leaves), START + 9 * SECOND)
    return ers.renew_timestamp(records[3], token, groups.reduced_tree(leaves, 3))


def folder(place: Path, record: bytes, objects: Sequence[bytes], signer: bytes) -> Path:
    place.mkdir()
    (place / "record.ers").write_bytes(record)
    (place / "signer.der").write_bytes(signer)
    for n, one in enumerate(objects):
        (place / str(n)).write_bytes(one)
    return place


def test_bouncy_castle_agrees(tmp_path: Path) -> None:
    again, both = renewed(first(), START + SECOND), [RECORD, PAYLOAD]
    single = ers.build([[sha(RECORD)], [sha(b"sibling")]], stamp(join([sha(RECORD), sha(b"sibling")])))
    cases = {
        "alone": (first(index=0, size=1), both, AUTHORITY, "ok"),
        "among": (first(), both, AUTHORITY, "ok"),
        "single": (single, [RECORD], AUTHORITY, "ok"),
        "renewed": (again, both, OTHER, "ok"),
        "renewed-twice": (renewed(again, START + 2 * SECOND, AUTHORITY), both, AUTHORITY, "ok"),
        "rehashed": (rehashed(first(), START + SECOND), both, OTHER, "ok"),
        "rehashed-later": (rehashed(again, START + 2 * SECOND), both, OTHER, "ok"),
        "rehashed-renewed": (
            renewed(rehashed(again, START + 2 * SECOND), START + 3 * SECOND, AUTHORITY),
            both,
            AUTHORITY,
            "ok",
        ),
        "many": (many(), both, AUTHORITY, "ok"),
        "changed": (first(), [RECORD, b"other"], AUTHORITY, "refused"),
        "left-out": (first(), [RECORD, PAYLOAD, b"more"], AUTHORITY, "refused"),
        "other-signer": (first(), both, OTHER, "refused"),
        "spliced": (spliced(first(), renewed(first(index=4), START + SECOND)), both, OTHER, "refused"),
    }
    folders = [
        folder(tmp_path / name, record, objects, by.chain[0]) for name, (record, objects, by, _) in cases.items()
    ]
    classpath = ":".join(map(str, JARS))
    done = subprocess.run(
        ["java", "-cp", classpath, str(JAVA), *map(str, folders)], capture_output=True, text=True, timeout=100
    )
    told = {Path(line.split()[0]).name: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert {name: told.get(name, done.stderr).partition(":")[0] for name in cases} == {
        name: expected for name, (*_, expected) in cases.items()
    }, told
