import io
import random
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.errors import NotSealed
from pumpkin.evidence import bundle, bundle_zip
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.checkpoint import LogKey
from tests.evidence.house import House, erased, small

DETAIL = {"status": "ok", "target": "www.example", "labels": {"ü": "1"}, "result": {"data": [0.1, 1e22]}}


@pytest.fixture(scope="module")
def made():
    return small(detail=DETAIL)


def shell(folder, data, *arguments):
    """verify.sh's end and words, run in a folder the bundle is unpacked into by another zip reader."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return in_shell(folder, *arguments)


def in_shell(folder, *arguments):
    done = subprocess.run(
        ["bash", str(folder / "verify.sh"), *map(str, arguments)], capture_output=True, text=True, timeout=20
    )
    return done.returncode, done.stdout + done.stderr


def test_a_bundle_is_proven_against_the_root_and_the_log_key(made):
    house, authority, data = made
    for key in (house.key.vkey.encode(), house.key.public_pem):
        report = verify_bundle(data, roots=[authority.root_pem], log_key=key)
        assert (report.code, report.exit_status, report.warnings) == ("proven", 0, ())
        answer = report.as_json()
        assert answer["trust"] == {"root": True, "log_key": True}
        assert (answer["index"], answer["size"], answer["accuracy_s"], answer["ok"]) == (3, 5, 1.0, True)
        assert answer["self_asserted"] is True


def test_the_claim_names_a_local_authority_as_self_asserted(made):
    _, authority, data = made
    text = verify_bundle(data, roots=[authority.root_pem]).text()
    assert "self-asserted authority: only this installation vouches for that time" in text


def test_without_a_root_nothing_is_proven_but_consistency(made):
    _, _, data = made
    report = verify_bundle(data)
    assert (report.code, report.exit_status, report.ok) == ("trust", 3, False)
    assert all(one.startswith(("Only if", "It names")) for one in report.claims)
    assert report.as_json()["trust"] == {"root": False, "log_key": False}
    assert verify_bundle(data, roots=[Authority.create("Other").root_pem]).code == "chain"


def test_the_root_proves_the_time_and_the_log_key_the_place(made):
    house, authority, data = made
    time_only = verify_bundle(data, roots=[authority.root_pem])
    assert time_only.exit_status == 0
    assert next(one for one in time_only.claims if "position 3" in one).startswith("Only if")
    place_only = verify_bundle(data, log_key=house.key.vkey.encode())
    assert place_only.exit_status == 3
    assert any(one.startswith("It stands at position 3") for one in place_only.claims)


def test_it_is_judged_at_the_time_given(made):
    _, authority, data = made
    before = datetime.now(UTC) - timedelta(days=1)
    assert verify_bundle(data, roots=[authority.root_pem], at=before).code == "time"
    later = datetime.now(UTC) + timedelta(days=3650 * 3)
    assert verify_bundle(data, roots=[authority.root_pem], at=later).ok


def test_the_same_proof_gives_the_same_bytes():
    house, authority = House().fill(3), Authority.create("Test")
    stamp = house.stamp(authority)
    assert bundle.write([house.proof(1, stamp)], house.key) == bundle.write([house.proof(1, stamp)], house.key)


def test_every_flipped_byte_is_found(made):
    house, authority, data = made
    roots, key = [authority.root_pem], house.key.vkey.encode()
    raw = bytearray(data)
    rng = random.Random(7)
    for at in range(len(raw)):
        old = raw[at]
        raw[at] = old ^ (1 << rng.randrange(8))
        assert verify_bundle(bytes(raw), roots=roots, log_key=key).exit_status in (1, 4), at
        raw[at] = old
    assert verify_bundle(bytes(raw), roots=roots, log_key=key).ok


def test_flips_are_found_without_the_log_key_too(made):
    _, authority, data = made
    rng = random.Random(8)
    for at in rng.sample(range(len(data)), 2_000):
        raw = bytearray(data)
        raw[at] ^= 1 << rng.randrange(8)
        assert verify_bundle(bytes(raw), roots=[authority.root_pem]).exit_status in (1, 4), at


@given(st.binary(max_size=300))
def test_no_bytes_make_the_verifier_raise(data):
    assert verify_bundle(data).exit_status == 4


def test_cut_and_padded_bundles_are_unreadable(made):
    _, _, data = made
    for bad in (b"", data[:-1], data + b"\0", data[:1_000], b"PK\5\6" + b"\0" * 18):
        assert verify_bundle(bad).exit_status == 4


def test_a_zip_of_the_same_files_by_another_hand_is_refused(made):
    _, _, data = made
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as one, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as other:
        for name in one.namelist():
            other.writestr(name, one.read(name))
    assert verify_bundle(out.getvalue()).code == "unreadable"


@pytest.mark.parametrize("name", ["../up", "/abs", "a//b", ".hidden", "a/../b", "a b", "", "é"])
def test_no_name_leads_out_of_the_folder(name):
    with pytest.raises(ValueError):
        bundle_zip.pack({name: b""})


def test_foreign_zip_tools_read_it(made):
    _, _, data = made
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("payload.bin") == b"up"
        assert {"record.json", "payload-salt.bin", "authorities/local/token.tsr"} <= set(archive.namelist())


def test_an_erased_check_still_has_its_record_proven():
    house, authority = House().fill(3), Authority.create("Test")
    stamp = house.stamp(authority)
    house.checks[1] = erased(house.checks[1])
    data = bundle.write([house.proof(1, stamp)], house.key)
    report = verify_bundle(data, roots=[authority.root_pem])
    assert report.ok
    assert report.checks[0].erased
    assert "payload" not in report.claims[0]


def test_several_checks_share_one_bundle(tmp_path):
    house, one, two = House().fill(4), Authority.create("One"), Authority.create("Two")
    early = house.stamp(one, "One!")
    house.fill(300)
    late, other = house.stamp(one, "One!"), house.stamp(two, "two")
    proofs = [house.proof(2, early, other), house.proof(200, late, other), house.proof(303, late, other)]
    data = bundle.write(proofs, house.key)
    report = verify_bundle(data, roots=[one.root_pem, two.root_pem], log_key=house.key.vkey.encode())
    assert report.ok
    assert [check.index for check in report.checks] == [
        check.seq for check in sorted((proof.check for proof in proofs), key=lambda check: str(check.id))
    ]
    assert sum(name.endswith("token.tsr") for name in bundle_zip.unpack(data)) == 3
    only_one = verify_bundle(data, roots=[one.root_pem])
    assert only_one.ok
    assert any("does not lead to a root given" in warning for warning in only_one.warnings)
    root = tmp_path / "root.pem"
    root.write_bytes(one.root_pem)
    assert shell(tmp_path / "b", data, root)[0] == 0
    assert shell(tmp_path / "b", data)[0] == 3


def test_authorities_whose_names_fold_to_one_have_a_folder_each():
    house, one, two = House().fill(2), Authority.create("One"), Authority.create("Two")
    stamps = house.stamp(one, "A B"), house.stamp(two, "a-b")
    data = bundle.write([house.proof(0, *stamps)], house.key)
    assert verify_bundle(data, roots=[two.root_pem]).ok
    assert {"authorities/a-b/token.tsr", "authorities/a-b.2/token.tsr"} <= set(bundle_zip.unpack(data))


def test_an_unstamped_check_has_no_bundle():
    house = House().fill(1)
    with pytest.raises(NotSealed):
        bundle.write([house.proof(0)], house.key)
    with pytest.raises(ValueError):
        bundle.write([], house.key)


def test_verify_sh_says_proven_trust_or_not(made, tmp_path):
    _, authority, data = made
    root, other = tmp_path / "root.pem", tmp_path / "other.pem"
    root.write_bytes(authority.root_pem)
    other.write_bytes(Authority.create("Test").root_pem)
    status, words = shell(tmp_path / "b", data, root)
    assert (status, "PROVEN" in words, "self-asserted" in words) == (0, True, True)
    status, words = shell(tmp_path / "b", data)
    assert status == 3
    assert "Fingerprint=" in words
    status, words = shell(tmp_path / "b", data, other)
    assert (status, "NOT PROVEN" in words) == (1, True)
    assert shell(tmp_path / "b", data, tmp_path / "none.pem")[0] == 1


def test_both_verifiers_find_a_flip_in_every_file(made, tmp_path):
    _, authority, data = made
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root_pem)
    files = bundle_zip.unpack(data)
    rng = random.Random(9)
    for name in sorted(set(files) - {"verify.sh"}):
        changed = dict(files)
        raw = bytearray(files[name])
        raw[rng.randrange(len(raw))] ^= 1
        changed[name] = bytes(raw)
        packed = bundle_zip.pack(changed)
        assert verify_bundle(packed, roots=[authority.root_pem]).exit_status == 1, name
        assert shell(tmp_path / "b", packed, root)[0] == 1, name


def resigned(files, key):
    """The bundle a dishonest operator makes: files changed, the manifest written and signed anew."""
    files = {name: data for name, data in files.items() if name not in ("manifest.json", "manifest.sig")}
    files["log-key.pem"] = key.public_pem
    manifest = bundle.manifest_of(files, key.verifier)
    return bundle_zip.pack({**files, "manifest.json": manifest, "manifest.sig": key.sign_bytes(manifest)})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("payload.bin", "payload"),
        ("payload-salt.bin", "payload"),
        ("detail.json", "detail"),
        ("record.json", "record"),
        ("authorities/local/proof.txt", "inclusion"),
        ("authorities/local/checkpoint.txt", "checkpoint"),
        ("authorities/local/anchor.bin", None),
        ("authorities/local/token.tsr", None),
        ("authorities/local/token.tsq", None),
    ],
)
def test_a_flip_under_a_manifest_signed_anew_is_found_by_both(made, tmp_path, name, code):
    house, authority, data = made
    root = tmp_path / "root.pem"
    root.write_bytes(authority.root_pem)
    files = bundle_zip.unpack(data)
    raw = bytearray(files[name])
    # For the token inside TSTInfo (signed); in a proof the last digit; either half of the anchor may be the checkpoint.
    at = {"authorities/local/token.tsr": raw.find(b"\x02\x01\x01") + 20, "authorities/local/proof.txt": len(raw) - 2}
    raw[at.get(name, min(8, len(raw) - 1))] ^= 1
    packed = resigned({**files, name: bytes(raw)}, house.key)
    report = verify_bundle(packed, roots=[authority.root_pem], log_key=house.key.vkey.encode())
    assert report.exit_status == 1
    assert code in (None, report.code)
    if not name.endswith("token.tsq"):  # verify.sh asks by the anchor, which is stronger
        assert shell(tmp_path / "b", packed, root)[0] == 1


def test_a_file_beside_the_proof_is_refused_even_when_the_manifest_names_it(made):
    house, authority, data = made
    packed = resigned({**bundle_zip.unpack(data), "extra.txt": b"this proves more"}, house.key)
    assert verify_bundle(packed, roots=[authority.root_pem]).code == "surplus"


def test_another_verify_sh_is_pointed_out(made):
    house, authority, data = made
    packed = resigned({**bundle_zip.unpack(data), "verify.sh": b"echo PROVEN\n"}, house.key)
    report = verify_bundle(packed, roots=[authority.root_pem])
    assert any(warning.startswith("verify.sh is not the one") for warning in report.warnings)


def test_a_log_key_that_is_none_is_said_so(made):
    _, _, data = made
    for key in (b"junk", b"-----BEGIN PUBLIC KEY-----\njunk", LogKey.generate("x").vkey.encode()):
        assert verify_bundle(data, log_key=key).code == "log_key"


def test_a_check_cannot_stand_twice():
    house, authority = House().fill(2), Authority.create("Test")
    proof = house.proof(0, house.stamp(authority))
    with pytest.raises(ValueError):
        bundle.write([proof, replace(proof)], house.key)
