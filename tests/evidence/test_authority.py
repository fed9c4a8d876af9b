"""The local authority's tokens and refusals, also by the eyes of the real openssl."""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from rfc3161_client import decode_timestamp_response

from pumpkin.evidence import der, tsp
from pumpkin.evidence.authority import SELF_ASSERTED, Authority, is_self_asserted

DATA = b"what was observed"
DIGEST = hashlib.sha256(DATA).digest()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("host.example")


def openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=30)


def failure(response: bytes) -> tuple[int | None, tuple[int, ...]]:
    parsed = tsp.parse_response(response)
    assert parsed.token is None
    return parsed.status, parsed.failure


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("certificates", [True, False])
def test_openssl_accepts_every_token(authority: Authority, tmp_path: Path, algorithm: str, certificates: bool) -> None:
    query = tsp.make_query(hashlib.new(algorithm, DATA).digest(), algorithm, certs=certificates)
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "query").write_bytes(query)
    (tmp_path / "reply").write_bytes(authority.respond(query))
    (tmp_path / "token").write_bytes(tsp.token_of(authority.respond(query)))
    (tmp_path / "root.pem").write_bytes(authority.root_pem)
    (tmp_path / "chain.pem").write_bytes(authority.chain_pem)
    trust = ["-CAfile", "root.pem", "-untrusted", "chain.pem"]
    by_query = openssl(tmp_path, "ts", "-verify", "-in", "reply", "-queryfile", "query", *trust)
    by_data = openssl(tmp_path, "ts", "-verify", "-in", "token", "-token_in", "-data", "data", *trust)
    assert "Verification: OK" in by_query.stdout, by_query.stderr
    assert "Verification: OK" in by_data.stdout, by_data.stderr


def test_openssl_prints_what_the_reply_says(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "reply").write_bytes(authority.respond(tsp.make_query(DIGEST, nonce=0xBEEF)))
    text = openssl(tmp_path, "ts", "-reply", "-in", "reply", "-text").stdout
    assert "Status: Granted." in text
    assert f"Policy OID: {authority.policy}" in text
    assert "Accuracy: 0x01 seconds" in text
    assert "Nonce: 0xBEEF" in text
    assert SELF_ASSERTED in text


def test_a_request_made_by_openssl_is_answered(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
    query = (tmp_path / "query").read_bytes()
    verdict = tsp.verify(authority.respond(query), query=query, data=DATA, roots=[authority.root_pem])
    assert (verdict.code, verdict.ok, verdict.warnings) == ("ok", True, ())


def test_a_foreign_client_reads_the_token(authority: Authority) -> None:
    response = decode_timestamp_response(authority.respond(tsp.make_query(DIGEST, nonce=77)))
    assert response.tst_info.message_imprint.message == DIGEST
    assert response.tst_info.nonce == 77


def test_the_leaf_is_for_time_stamping_only(authority: Authority) -> None:
    leaf, root = (x509.load_der_x509_certificate(one) for one in authority.chain)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert [one.dotted_string for one in usage.value] == ["1.3.6.1.5.5.7.3.8"]
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    assert SELF_ASSERTED in leaf.subject.rfc4514_string().replace("\\", "")
    leaf.verify_directly_issued_by(root)
    assert all(is_self_asserted(one) for one in authority.chain)


def test_certificates_come_only_on_request_and_in_der_order(authority: Authority) -> None:
    without = tsp.parse_response(authority.respond(tsp.make_query(DIGEST, certs=False))).token
    with_them = tsp.parse_response(authority.respond(tsp.make_query(DIGEST))).token
    assert without is not None
    assert with_them is not None
    assert without.certificates == ()
    assert list(with_them.certificates) == sorted(authority.chain)


def test_what_is_written_to_pem_issues_the_same_tokens(authority: Authority) -> None:
    again = Authority.from_pem(*authority.to_pem())
    verdict = tsp.verify(again.respond(tsp.make_query(DIGEST)), digest=DIGEST, roots=[authority.root_pem])
    assert (again.chain, again.policy) == (authority.chain, authority.policy)
    assert verdict.ok


def test_a_key_of_another_authority_is_refused(authority: Authority) -> None:
    other_key, _ = Authority.create("other.example").to_pem()
    with pytest.raises(ValueError, match="not that of"):
        Authority.from_pem(other_key, authority.chain_pem)


def test_the_token_bears_the_clock_that_was_handed_over(authority: Authority) -> None:
    moment = time.time_ns() // 1000 - 10
    response = authority.respond(tsp.make_query(DIGEST), clock=lambda: moment)
    assert tsp.gen_time(response) == moment


@pytest.mark.parametrize("clock", [None, 0, 4_000_000_000_000_000])
def test_no_time_is_given_by_a_clock_not_to_be_trusted(authority: Authority, clock: int | None) -> None:
    assert failure(authority.respond(tsp.make_query(DIGEST), clock=lambda: clock)) == (2, (14,))


def query(version: int = 1, oid: str = "2.16.840.1.101.3.4.2.1", digest: bytes = DIGEST, *more: bytes) -> bytes:
    algorithm = der.put(der.SEQUENCE, der.put_oid(oid), der.put(der.NULL))
    imprint = der.put(der.SEQUENCE, algorithm, der.put(der.OCTET_STRING, digest))
    return der.put(der.SEQUENCE, der.put_integer(version), imprint, *more)


EXTENSION = der.put(0xA0, der.put(der.SEQUENCE, der.put_oid("1.2.3"), der.put(der.OCTET_STRING, b"")))


@pytest.mark.parametrize(
    ("request_bytes", "bit"),
    [
        (b"", 5),
        (b"<html></html>", 5),
        (query()[:-1], 5),
        (query() + b"\x00", 5),
        (query(digest=DIGEST[:-1]), 5),
        (b"\x30\x82\xff\xff", 5),
        (bytes(70_000), 5),
        (query(version=2), 2),
        (query(1, "1.3.14.3.2.26", bytes(20)), 0),
        (query(1, "1.2.840.113549.2.5", bytes(16)), 0),
        (query(1, "2.16.840.1.101.3.4.2.1", DIGEST, der.put_oid("1.2.3.4")), 15),
        (query(1, "2.16.840.1.101.3.4.2.1", DIGEST, EXTENSION), 16),
    ],
    ids=["empty", "html", "cut", "trailing", "short", "lies", "large", "version", "sha1", "md5", "policy", "extension"],
)
def test_a_refusal_bears_its_failure_bit(authority: Authority, tmp_path: Path, request_bytes: bytes, bit: int) -> None:
    response = authority.respond(request_bytes)
    assert failure(response) == (2, (bit,))
    (tmp_path / "reply").write_bytes(response)
    assert "Status: Rejected." in openssl(tmp_path, "ts", "-reply", "-in", "reply", "-text").stdout


def test_its_own_policy_may_be_asked_for(authority: Authority) -> None:
    asked = tsp.make_query(DIGEST, policy=authority.policy)
    verdict = tsp.verify(authority.respond(asked), query=asked, roots=[authority.root_pem], policy=authority.policy)
    assert verdict.ok
    assert verdict.policy == authority.policy


def test_serial_numbers_do_not_come_twice(authority: Authority) -> None:
    tokens = [tsp.parse_response(authority.respond(tsp.make_query(DIGEST))).token for _ in range(50)]
    serials = {token.info.serial for token in tokens if token and token.info}
    assert len(serials) == 50
    assert max(serials).bit_length() > 100
