"""A dishonest operator rebuilds log, bundle and keys at will, but has not the private key of a foreign authority, the
log key the verifier holds, nor a probe's. Each sentence of a claim has its attack here (rulings.md 16)."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pumpkin.evidence import bundle, bundle_zip, checkpoint, ers, groups, merkle, record, tsp
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.bundle_check import Opened, _still_good
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.checkpoint import COSIGNATURE, LogKey, VerifierKey
from pumpkin.evidence.claims import Time
from tests.evidence.house import House, now, stamp_over


class Trial:
    """An honest log with a token of a foreign authority, and what the verifier holds of both."""

    def __init__(self):
        self.house, self.foreign = House().fill(6), Authority.create("Foreign")
        self.stamp = self.house.stamp(self.foreign, "foreign")

    def verdict(self, proofs, key=None, **members):
        return self.judge(bundle.write(proofs, key or self.house.key, **members))

    def judge(self, data):
        return verify_bundle(data, roots=[self.foreign.root_pem], log_key=self.house.key.vkey.encode())


@pytest.fixture
def trial():
    return Trial()


def without_evidence(proof):
    return replace(proof, stamps=[replace(one, evidence=None) for one in proof.stamps])


def resigned(data, key, **changes):
    files = {
        name: one for name, one in bundle_zip.unpack(data).items() if name not in ("manifest.json", "manifest.sig")
    }
    files.update(changes)
    manifest = bundle.manifest_of(files, key.verifier)
    return bundle_zip.pack({**files, "manifest.json": manifest, "manifest.sig": key.sign_bytes(manifest)})


def test_the_honest_bundle_is_proven(trial):
    assert trial.verdict([trial.house.proof(2, trial.stamp)]).code == "proven"


# "existed before T1, says A"


def test_a_record_made_later_does_not_fit_the_old_token(trial):
    """The operator changes a payload, rebuilds the whole log and keeps the genuine token."""
    forged = House(key=trial.house.key)
    for n in range(6):
        forged.add(b"rewritten" if n == 2 else f"payload {n}".encode())
    note = forged.note()
    anchor = groups.anchor(note, groups.group_root([check.group_hash for check in forged.checks]))
    for one in (replace(trial.stamp[0], anchor=anchor), trial.stamp[0]):
        proof = bundle.Proof(
            forged.checks[2],
            [bundle.Stamped(one, note, merkle.inclusion_path([c.leaf_hash for c in forged.checks], 2))],
        )
        assert trial.verdict([proof]).code in ("imprint", "anchor")


def test_an_authority_of_the_operator_s_with_the_same_name_is_not_the_foreign_one(trial):
    fake = Authority.create("Foreign")
    stamp = trial.house.stamp(fake, "fake")
    stamp = replace(stamp[0], self_asserted=False, gen_time=1), stamp[1]
    assert trial.verdict([trial.house.proof(2, stamp)]).code == "chain"
    mixed = replace(stamp[0], chain=(*fake.chain[:1], *trial.foreign.chain)), stamp[1]
    assert trial.verdict([trial.house.proof(2, mixed)]).code == "chain"


def test_a_token_of_other_data_is_refused(trial):
    other = stamp_over(trial.foreign, "foreign", b"\0" * 64, 0, 6)
    swapped = replace(trial.stamp[0], response=other.response, query=other.query)
    honest = trial.house.proof(2, trial.stamp)
    swapped_proof = replace(honest, stamps=[replace(honest.stamps[0], stamp=swapped, evidence=None)])
    assert trial.verdict([swapped_proof]).code == "imprint"


def test_a_bundle_with_a_token_of_the_operator_s_beside_a_foreign_one_claims_no_more_for_it(trial):
    fake = Authority.create("Somebody")
    both = trial.house.proof(2, trial.stamp, trial.house.stamp(fake, "fake"))
    report = trial.verdict([both])
    assert report.ok
    assert report.as_json()["authority"].startswith("CN=Foreign,")
    said = [claim for claim in report.claims if "CN=Somebody" in claim]
    assert said
    assert all(claim.startswith("Only if") for claim in said)


# "with its payload"


def test_another_payload_or_salt_is_refused(trial):
    proof = trial.house.proof(2, trial.stamp)
    for change in ({"payload": b"payload 9"}, {"payload_salt": b"\0" * 32}, {"payload": b"payload 2 and more"}):
        lie = without_evidence(replace(proof, check=replace(proof.check, **change)))
        assert trial.verdict([lie]).code == "payload"


def test_another_detail_is_refused(trial):
    proof = trial.house.proof(2, trial.stamp)
    assert trial.verdict([replace(proof, check=replace(proof.check, detail={"status": "ok"}))]).code == "detail"


# "at position n of the log"


def test_a_record_moved_to_another_place_is_refused(trial):
    proof = trial.house.proof(2, trial.stamp)
    moved = replace(proof, check=replace(proof.check, seq=3))
    assert trial.verdict([moved]).code == "inclusion"


def test_one_record_at_two_places_is_refused(trial):
    trial.house.checks.append(replace(trial.house.checks[2], seq=6))
    twice = trial.house.stamp(trial.foreign, "other")
    first, second = trial.house.proof(2, trial.stamp), trial.house.proof(6, twice)
    data = bundle.write([replace(first, stamps=[*first.stamps])], trial.house.key)
    files = bundle_zip.unpack(data)
    for name, part in bundle_zip.unpack(bundle.write([second], trial.house.key)).items():
        if name.startswith("authorities/"):
            files[name] = part
    assert trial.judge(resigned(bundle_zip.pack(files), trial.house.key)).code == "inclusion"


def test_a_log_with_a_key_of_the_operator_s_making_is_not_the_log(trial):
    forged = House(key=LogKey.generate(trial.house.key.origin)).fill(6)
    proof = forged.proof(2, forged.stamp(trial.foreign, "foreign"))
    assert trial.verdict([proof], key=forged.key).code == "log_key"
    # The time claim alone stands: the authority did stamp that. Nothing is said of the log.
    report = verify_bundle(bundle.write([proof], forged.key), roots=[trial.foreign.root_pem])
    assert report.ok
    assert all(claim.startswith("Only if") for claim in report.claims if "position" in claim)


def test_a_checkpoint_signed_by_another_key_is_refused_under_the_right_manifest(trial):
    forged = House(key=LogKey.generate(trial.house.key.origin)).fill(6)
    proof = forged.proof(2, forged.stamp(trial.foreign, "foreign"))
    assert trial.verdict([proof]).code == "checkpoint"


# "names X as its source ... signed by the key"


def observed(house, private, **members):
    """A check whose observation the probe signed."""
    plain = house.add(b"seen", **members)
    house.checks.pop()
    observation = record.Observation(plain.id, plain.type, plain.format, plain.agent, plain.observed, b"seen")
    signature = private.sign(record.signed_bytes(observation)).hex()
    return house.add(b"seen", id=plain.id, observed=plain.observed, signature=signature, key_id="ab" * 4, **members)


def test_a_probe_s_signature_is_checked_over_what_the_record_says(trial):
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    check = observed(trial.house, private)
    stamp = trial.house.stamp(trial.foreign, "two")
    honest = trial.verdict([trial.house.proof(check.seq, stamp, probe_key=public)])
    assert honest.ok
    assert any(record.sha256(public).hexdigest() in claim for claim in honest.claims)
    # The operator puts other words under the same signature.
    trial.house.add(b"other", id=check.id, observed=check.observed, signature=check.signature, key_id="ab" * 4)
    lied = trial.house.proof(check.seq + 1, trial.house.stamp(trial.foreign, "three"), probe_key=public)
    assert trial.verdict([lied]).code == "probe"
    unsigned = trial.house.proof(2, trial.stamp, probe_key=public)
    assert trial.verdict([unsigned]).code == "probe"


def test_another_source_in_the_record_breaks_its_place(trial):
    proof = trial.house.proof(2, trial.stamp)
    raw = proof.check.record.replace(b"probe@localhost", b"other@localhost")
    lie = without_evidence(replace(proof, check=replace(proof.check, record=raw)))
    assert trial.verdict([lie]).code == "inclusion"


def test_a_name_with_terminal_commands_is_shown_harmless(trial):
    trial.house.add(b"x", agent="a\x1b[2J\u202e@x")
    text = trial.verdict([trial.house.proof(6, trial.house.stamp(trial.foreign, "two"))]).text()
    assert "\x1b" not in text
    assert "\u202e" not in text


# "was made after"


def lower(trial, *, named=None):
    """A check that names a checkpoint that names the foreign token."""
    token = tsp.token_of(trial.stamp[0].response)
    note = trial.house.note(extensions=[checkpoint.newest_token(named or token)])
    check = trial.house.add(b"later", after=groups.body_hash(note).hex())
    return check, bundle.After(note, trial.stamp[0].response, trial.stamp[0].chain)


def test_a_record_that_names_a_checkpoint_that_names_a_token_is_later_than_that(trial):
    check, after = lower(trial)
    report = trial.verdict([trial.house.proof(check.seq, trial.house.stamp(trial.foreign, "two"), after=after)])
    assert report.ok
    assert report.as_json()["not_before"] < report.as_json()["not_after"]
    assert any(claim.startswith("It was made after 20") for claim in report.claims)


def test_another_checkpoint_or_token_bounds_nothing(trial):
    check, after = lower(trial)
    stamp = trial.house.stamp(trial.foreign, "two")
    wrong_note = trial.house.proof(check.seq, stamp, after=replace(after, note=trial.house.note()))
    wrong_token = trial.house.proof(check.seq, stamp, after=replace(after, response=stamp[0].response))
    unnamed = trial.house.proof(2, trial.stamp, after=after)
    for lie in (wrong_note, wrong_token, unnamed):
        assert trial.verdict([lie]).code == "after"


def test_a_lower_bound_by_an_authority_of_the_operator_s_is_conditional(trial):
    fake = Authority.create("Later")
    response = fake.respond(tsp.make_query(b"\0" * 32))
    note = trial.house.note(extensions=[checkpoint.newest_token(tsp.token_of(response))])
    check = trial.house.add(b"later", after=groups.body_hash(note).hex())
    after = bundle.After(note, response, fake.chain)
    report = trial.verdict([trial.house.proof(check.seq, trial.house.stamp(trial.foreign, "two"), after=after)])
    assert report.as_json()["not_before"] is None
    assert all(claim.startswith("Only if") for claim in report.claims if "Later" in claim)


# "the payload alone"


def test_a_direct_token_over_another_payload_is_refused(trial):
    check = trial.house.checks[2]

    def proof(data):
        response = trial.foreign.respond(tsp.make_query(record.sha256(data).digest()))
        return trial.house.proof(2, trial.stamp, direct=bundle.Direct(response, trial.foreign.chain))

    honest = trial.verdict([proof(check.payload)])
    assert honest.ok
    assert any(claim.startswith("The payload alone existed before") for claim in honest.claims)
    assert trial.verdict([proof(b"other")]).code == "direct"


# "was renewed at"


def renewed(trial, authority, token_of=None):
    """The proof of record 2 with a renewal by `authority`; its data and token may be of something else."""
    proof = trial.house.proof(2, trial.stamp)
    _, digest = ers.renewal_digest(proof.stamps[0].evidence)
    hashed = sorted(tokens_of(proof.stamps[0].evidence))
    data = b"".join(hashed) if len(hashed) > 1 else None
    query = tsp.make_query(digest)
    response = authority.respond(query)
    longer = ers.renew_timestamp(proof.stamps[0].evidence, response)
    stamped = ers.archived(trial.stamp[0].response) if data is None else data
    by = bundle.RenewedBy(1, stamped, query, token_of or response, authority.chain)
    return replace(proof, stamps=[replace(proof.stamps[0], evidence=longer, renewals=[by])])


def tokens_of(evidence):
    return [record.sha256(one).digest() for one in ers.tokens(evidence)]


def test_a_renewal_by_an_authority_the_verifier_trusts_is_a_claim(trial):
    report = trial.verdict([renewed(trial, trial.foreign)])
    assert report.ok, report.detail
    assert any(claim.startswith("The proof was renewed at") for claim in report.claims)


def test_a_renewal_by_an_authority_of_the_operator_s_is_conditional(trial):
    report = trial.verdict([renewed(trial, Authority.create("Later"))])
    assert report.ok, report.detail
    said = [claim for claim in report.claims if "renewed" in claim]
    assert said
    assert all(claim.startswith("Only if") for claim in said)


def test_a_renewal_that_is_not_in_the_evidence_record_claims_nothing(trial):
    other = trial.foreign.respond(tsp.make_query(b"\7" * 32))
    report = trial.verdict([renewed(trial, trial.foreign, token_of=other)])
    assert not [claim for claim in report.claims if "renewed" in claim]


def test_a_renewal_of_the_operator_s_own_prolongs_nothing():
    """The foreign token's algorithm has ended; the operator's authority says that it renewed it in time."""
    year = 365 * 86_400 * 1_000_000
    first = Time("Foreign", year, 1, False, True, 2 * year)
    for trusted in (True, False):
        opened = Opened({}, [b"a root"], 5 * year)
        _still_good(opened, first, [Time("Other", 2 * year, 1, False, trusted, 9 * year)])
        assert bool(opened.warnings) is not trusted


# Evidence records and witnesses


def test_an_evidence_record_of_another_check_or_token_is_refused(trial):
    mine, other = trial.house.proof(2, trial.stamp), trial.house.proof(3, trial.stamp)
    swapped = replace(mine, stamps=[replace(mine.stamps[0], evidence=other.stamps[0].evidence)])
    assert trial.verdict([swapped]).code == "evidence"
    again = trial.house.proof(2, trial.house.stamp(trial.foreign, "two"))
    foreign = replace(mine, stamps=[replace(mine.stamps[0], evidence=again.stamps[0].evidence)])
    assert trial.verdict([foreign]).code == "evidence"


def test_a_cosignature_of_another_checkpoint_is_refused(trial):
    private = Ed25519PrivateKey.generate()
    witness = VerifierKey("witness.example", private.public_key().public_bytes_raw(), COSIGNATURE)

    def cosigned(note):
        text, when = note.partition("\n\n")[0] + "\n", now() // 1_000_000
        signature = private.sign(f"cosignature/v1\ntime {when}\n{text}".encode())
        line = base64.b64encode(witness.key_id + when.to_bytes(8) + signature).decode()
        return f"— witness.example {line}"

    note = trial.stamp[1]
    honest = bundle.Cosignature(witness.text, note, cosigned(note))
    proof = trial.house.proof(2, trial.stamp)
    report = trial.verdict([proof], cosignatures=[honest])
    assert report.ok
    assert any("witness.example" in warning for warning in report.warnings)
    lie = replace(honest, line=cosigned(trial.house.note(3)))
    assert trial.verdict([proof], cosignatures=[lie]).code == "cosignature"


# Several checks


def test_one_lie_among_many_checks_makes_the_bundle_unproven(trial):
    good, bad = trial.house.proof(1, trial.stamp), trial.house.proof(2, trial.stamp)
    lie = without_evidence(replace(bad, check=replace(bad.check, payload=b"payload 9")))
    report = trial.verdict([good, lie])
    assert (report.code, report.claims) == ("payload", [])
    assert {check.code for check in report.checks} == {"ok", "payload"}


def test_a_record_under_another_s_folder_is_refused(trial):
    data = bundle.write([trial.house.proof(1, trial.stamp), trial.house.proof(2, trial.stamp)], trial.house.key)
    one, two = (str(trial.house.checks[n].id) for n in (1, 2))
    files = {
        name.replace(one, "\0").replace(two, one).replace("\0", two): part
        for name, part in bundle_zip.unpack(data).items()
        if not name.startswith("manifest")
    }
    assert trial.judge(resigned(bundle_zip.pack(files), trial.house.key)).code == "record"
