"""Damaged tokens: whatever is flipped, cut or put in, the verifier answers with a verdict, and what it still accepts
changed nothing signed and is flagged (rulings.md 17). PUMPKIN_MUTATIONS sets how many random ones are tried."""

from __future__ import annotations

import hashlib
import os
import random

import pytest

from pumpkin.evidence import tsp
from pumpkin.evidence.authority import Authority
from tests.evidence.forge import NOW_US, Forge, party

DATA = b"what was observed"
WORDS = """ok malformed rejected algorithm imprint nonce policy extension signers no_certificate eku key_usage tsa_name
attributes imprint_signed content_type ess signature cert_time chain revoked time too_large"""
CODES = frozenset(WORDS.split())
MUTATIONS = int(os.environ.get("PUMPKIN_MUTATIONS", "3000"))
AUTHORITY = Authority.create("tsa.example")
QUERY = tsp.make_query(hashlib.sha256(DATA).digest())
RESPONSE = AUTHORITY.respond(QUERY)


def judged(response: bytes) -> tsp.Verdict:
    return tsp.verify(response, data=DATA, query=QUERY, roots=[AUTHORITY.root_pem])


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """One to four of: flip a bit, set a byte, cut a piece out, repeat one, put noise in, cut the end."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data)) if data else 0
        to = at + chance.randint(1, 40)
        kind = chance.randrange(6)
        if kind == 0 and data:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at] = chance.choice((0, 0x30, 0x31, 0x80, 0xA0, 0xFF, chance.randrange(256)))
        elif kind == 2:
            del data[at:to]
        elif kind == 3:
            data[at:at] = data[at:to]
        elif kind == 4:
            data[at:at] = chance.randbytes(to - at)
        else:
            del data[at:]
    return bytes(data)


def test_the_whole_one_is_accepted_without_a_warning() -> None:
    verdict = judged(RESPONSE)
    assert (verdict.code, verdict.warnings) == ("ok", ())


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_passes_unnoticed(bit: int) -> None:
    silent = []
    for at in range(bit % 2, len(RESPONSE), 2):
        flipped = bytearray(RESPONSE)
        flipped[at] ^= 1 << bit
        verdict = judged(bytes(flipped))
        assert verdict.code in CODES
        if verdict.ok and not verdict.warnings:
            silent.append(at)
        if verdict.ok:
            assert verdict.gen_time == judged(RESPONSE).gen_time
    assert silent == []


@pytest.mark.timeout(3_600)
def test_every_other_byte_at_every_place_is_refused_or_flagged() -> None:
    """All 255 others in the long run (20,000 mutations asked for), two of them else: what is accepted says the same
    time and policy, has a warning, and stands where nothing is signed."""
    chance = random.Random(MUTATIONS)
    right = judged(RESPONSE)
    others = range(1, 256) if MUTATIONS >= 20_000 else ()
    accepted = []
    for at in range(len(RESPONSE)):
        for change in others or (chance.randrange(1, 256), chance.randrange(1, 256)):
            changed = bytearray(RESPONSE)
            changed[at] ^= change
            verdict = judged(bytes(changed))
            assert verdict.code in CODES
            if verdict.ok:
                accepted.append((at, change))
                assert verdict.warnings
                assert (verdict.gen_time, verdict.serial) == (right.gen_time, right.serial)
    print(f"{len(RESPONSE) * len(others or (1, 2)):,} changes, {len(accepted)} accepted, each flagged")


def test_no_cut_passes() -> None:
    assert {judged(RESPONSE[:end]).code for end in range(len(RESPONSE))} == {"malformed"}


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_damage_gives_a_verdict_and_never_an_exception(kind: str) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    root = party("Root", ca=True, kind="rsa2048", n=60)
    signer = party("TSA", root, kind=kind, n=61)
    forge = Forge(signer, [signer.der, root.der], nonce=7)
    whole = (RESPONSE, forge.response(), forge.token())
    for n in range(MUTATIONS // 2):
        response = damaged(whole[n % 3], chance)
        verdict = tsp.verify(response, data=DATA, roots=[root.pem, AUTHORITY.root_pem], at=NOW_US + 10**14)
        assert verdict.code in CODES, seed
        if verdict.ok:
            assert verdict.warnings or response in whole, seed


def test_damaged_requests_get_an_answer_that_verifies_or_refuses() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        parsed = tsp.parse_response(AUTHORITY.respond(damaged(QUERY, chance)))
        assert parsed.status in (0, 2), seed
        assert (parsed.status == 0) is (parsed.token is not None), seed


def test_damaged_certificates_lists_and_queries_are_taken() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    junk = [AUTHORITY.root_pem, AUTHORITY.chain_pem, *AUTHORITY.chain]
    for n in range(MUTATIONS // 6):
        bad = damaged(junk[n % 4], chance)
        verdict = tsp.verify(
            RESPONSE, data=DATA, roots=[bad], untrusted=[bad], query=damaged(QUERY, chance), crls=[bad], ocsp=[bad]
        )
        assert verdict.code in CODES, seed
