"""A real attestation is verified offline; changed, misplaced or broken ones prove nothing, and are told apart."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from pypi_attestations import Provenance as Pep740

from pumpkin.analysis import provenance
from pumpkin.analysis.provenance import State, Subject, examine
from pumpkin.model.findings import Level

NAME = "pypi_attestations-0.0.19.tar.gz"
REAL = (Path(__file__).parent / f"attestations/{NAME}.provenance").read_bytes()
DIGEST = "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3"
SUBJECT = Subject((NAME,), {"sha256": DIGEST})
COMMIT = "08802efe1f8e5fec4ad842d6b8ce97656092ee72"


def changed(*steps: str | int, value: Any) -> bytes:
    """The real document with one value in it replaced."""
    document = json.loads(REAL)
    inner = document
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = value
    return json.dumps(document).encode()


def test_a_real_attestation_names_repository_and_commit() -> None:
    seen = examine(REAL, SUBJECT)
    assert (seen.state, seen.repository, seen.commit, seen.ref) == (
        State.VERIFIED, "https://github.com/trailofbits/pypi-attestations", COMMIT, "refs/tags/v0.0.19",
    )  # fmt: skip
    assert [one.level for one in provenance.findings(seen, ["https://github.com/TrailOfBits/pypi-attestations"])] == [
        Level.GOOD
    ]


def test_a_file_name_written_otherwise_is_the_same_file() -> None:
    assert examine(REAL, Subject(("pypi-attestations-0.0.19.tar.gz",), {"sha256": DIGEST})).verified


@pytest.mark.parametrize(
    "subject",
    [Subject((NAME,), {"sha256": "0" * 64}), Subject(("other-0.0.19.tar.gz",), {"sha256": DIGEST}),
     Subject((NAME,), {"sha512": "0" * 128})],
)  # fmt: skip
def test_one_about_another_file_is_held_against_the_package(subject: Subject) -> None:
    seen = examine(REAL, subject)
    assert (seen.state, seen.repository) == (State.WRONG, "")
    assert [one.level for one in provenance.findings(seen)] == [Level.HIGH]


FIRST = ("attestation_bundles", 0, "attestations", 0)


def tampered_statement() -> bytes:
    statement = json.dumps({"_type": "x", "subject": [{"name": NAME, "digest": {"sha256": "0" * 64}}]}).encode()
    return changed(*FIRST, "envelope", "statement", value=base64.b64encode(statement).decode())


@pytest.mark.parametrize(
    "document",
    [
        tampered_statement(),
        changed(*FIRST, "envelope", "signature", value=base64.b64encode(b"0" * 70).decode()),
        changed(*FIRST, "verification_material", "certificate", value=base64.b64encode(b"no certificate").decode()),
        changed(*FIRST, "verification_material", "transparency_entries", 0, "integratedTime", value="1"),
        changed(*FIRST, "verification_material", "transparency_entries", value=[]),
        changed(*FIRST, "verification_material", "transparency_entries", 0, "inclusionProof", "hashes", value=[]),
        changed("attestation_bundles", 0, "publisher", "repository", value="somebody/else"),
        changed("attestation_bundles", 0, "publisher", "workflow", value="evil.yml"),
        changed("attestation_bundles", 0, "publisher", "kind", value="Nobody"),
        changed(*FIRST, value={"version": 99}),
        b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"attestation_bundles": 7}', b"{}",
        b'{"attestation_bundles": [7, {"attestations": [null, 3, {}]}]}',
        b'{"attestations": [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": {"x": 1}}]}',
        b" " * (provenance.DOCUMENT_LIMIT + 1),
    ],
)  # fmt: skip
def test_what_does_not_hold_proves_nothing_and_says_why(document: bytes) -> None:
    seen = examine(document, SUBJECT)
    assert seen.state in (State.PRESENT, State.NONE)
    assert (bool(seen.why), len(seen.why) < 1000, seen.why.isprintable()) == (True, True, True)
    assert provenance.findings(seen) == []


def as_npm() -> dict[str, Any]:
    """The same statement in the shape npm's registry gives."""
    bundle = Pep740.model_validate_json(REAL).attestation_bundles[0].attestations[0].to_bundle()
    return {
        "attestations": [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": json.loads(bundle.to_json())}]
    }


def test_npms_shape_is_verified_too() -> None:
    document = as_npm()
    assert examine(json.dumps(document).encode(), SUBJECT).commit == COMMIT
    other = Subject(("pkg:npm/%40scope/thing@1.0.0",), {"sha512": "0" * 128})
    assert examine(json.dumps(document).encode(), other).state is State.WRONG
    alone = json.loads(REAL)["attestation_bundles"][0]["attestations"][0]
    assert examine(json.dumps(alone).encode(), SUBJECT).commit == COMMIT
    broken = copy.deepcopy(document)
    broken["attestations"][0]["bundle"]["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    assert examine(json.dumps(broken).encode(), SUBJECT).state is State.PRESENT


def test_a_subject_of_npm_is_known_by_purl_and_sha512() -> None:
    subject = Subject(("pkg:npm/@scope/thing@1.0.0",), {"sha512": "ab", "sha1": "cd"})
    assert subject.fits("pkg:npm/%40scope/thing@1.0.0", {"sha512": "AB"})
    assert not subject.fits("pkg:npm/%40scope/thing@1.0.1", {"sha512": "ab"})
    assert not subject.fits("pkg:npm/%40scope/thing@1.0.0", {"sha512": "ab", "sha1": "00"})
    assert not subject.fits("pkg:npm/%40scope/thing@1.0.0", {})


def test_a_trusted_root_of_the_operators_own_decides(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_text('{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    seen = examine(REAL, SUBJECT, root)
    assert (seen.state, bool(seen.why)) == (State.PRESENT, True)
    assert examine(REAL, SUBJECT, tmp_path / "none.json").state is State.PRESENT


def test_another_repository_than_its_papers_name_is_said() -> None:
    seen = examine(REAL, SUBJECT)
    found = provenance.findings(seen, ["https://github.com/somebody/else"])
    assert [one.rule for one in found] == ["provenance-attested", "provenance-elsewhere"]
