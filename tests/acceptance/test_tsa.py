"""The product's own authority at `/tsa`, asked and judged by openssl over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pumpkin.evidence import der, tsp
from pumpkin.evidence.tsp_query import parse_query
from tests.acceptance.product import Product


def openssl(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", "ts", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("options", [("-cert",), ("-cert", "-no_nonce"), ()])
def test_openssl_asks_and_accepts(product: Product, tmp_path: Path, digest: str, options: tuple[str, ...]) -> None:
    (tmp_path / "data").write_bytes(b"what was observed")
    assert openssl("-query", "-data", "data", f"-{digest}", *options, "-out", "q.tsq", folder=tmp_path).returncode == 0
    query = (tmp_path / "q.tsq").read_bytes()
    status, headers, reply = product.request("/tsa", body=query, media="timestamp-query")
    assert (status, headers["Content-Type"]) == (200, "application/timestamp-reply")
    (tmp_path / "r.tsr").write_bytes(reply)
    chain = str(product.data / "tsa-chain.pem")
    for wanted in (("-queryfile", "q.tsq"), ("-data", "data")):
        trust = ["-CAfile", product.facts["tsa_root"], "-untrusted", chain]
        judged = openssl("-verify", "-in", "r.tsr", *wanted, *trust, folder=tmp_path)
        assert "Verification: OK" in judged.stdout, judged.stderr
    text = openssl("-reply", "-in", "r.tsr", "-text", folder=tmp_path).stdout
    assert "Accuracy: 0x01 seconds" in text
    assert ("Nonce: unspecified" in text) == ("-no_nonce" in options)
    assert bool(tsp.certificates_of(reply)) == ("-cert" in options), "certificates only on request"


def asked(**changes: bytes) -> bytes:
    """A request with one part after the other replaced or added."""
    plain = tsp.make_query(bytes(32), nonce=5, certs=False)
    parts = [der.encoded(plain, one) for one in der.children(plain, der.whole(plain, der.SEQUENCE))]
    version, imprint, nonce = parts
    return der.put(
        der.SEQUENCE,
        changes.get("version", version),
        changes.get("imprint", imprint),
        changes.get("policy", b""),
        nonce,
        changes.get("extensions", b""),
    )


def imprint(oid: str, size: int) -> bytes:
    algorithm = der.put(der.SEQUENCE, der.put_oid(oid), der.put(der.NULL))
    return der.put(der.SEQUENCE, algorithm, der.put(der.OCTET_STRING, bytes(size)))


EXTENSION = der.put(0xA0, der.put(der.SEQUENCE, der.put_oid("1.2.3.4"), der.put(der.OCTET_STRING, b"\x05\x00")))


@pytest.mark.parametrize(
    ("query", "bit"),
    [
        (asked(imprint=imprint("1.3.14.3.2.26", 20)), 0),  # SHA-1: badAlg
        (asked(imprint=imprint("1.2.840.113549.2.5", 16)), 0),  # MD5
        (asked(imprint=imprint("2.16.840.1.101.3.4.2.1", 31)), 5),  # a digest too short: badDataFormat
        (asked(version=der.put_integer(2)), 2),  # badRequest
        (asked(policy=der.put_oid("1.2.3.4.5")), 15),  # unacceptedPolicy
        (asked(extensions=EXTENSION), 16),  # unacceptedExtension
        (b"\x30\x03\x02\x01\x01", 5),
        (b"GET / HTTP/1.1\r\n\r\n", 5),
        (asked() + b"\x00", 5),
    ],
)
def test_a_refusal_is_an_answer_with_its_failure(product: Product, tmp_path: Path, query: bytes, bit: int) -> None:
    status, headers, reply = product.request("/tsa", body=query, media="timestamp-query")
    assert (status, headers["Content-Type"]) == (200, "application/timestamp-reply")
    parsed = tsp.parse_response(reply)
    assert (parsed.status, parsed.failure, parsed.token) == (2, (bit,), None)
    (tmp_path / "r.tsr").write_bytes(reply)
    assert "Status: Rejected." in openssl("-reply", "-in", "r.tsr", "-text", folder=tmp_path).stdout


def test_what_is_no_request_at_all_is_refused_by_http(product: Product) -> None:
    assert product.request("/tsa", body=b"{}")[0] == 415
    assert product.request("/tsa", body=bytes(65_537), media="timestamp-query")[0] == 413
    assert product.request("/tsa")[0] == 405
    assert parse_query(asked()).nonce == 5
