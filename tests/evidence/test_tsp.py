"""The verifier's accept and refuse lists, case by case: what is expected against what is given."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pumpkin.evidence import der, tsp
from tests.evidence.forge import NOW, NOW_US, NULL, POLICY, Forge, Party, attribute, general_directory, name, party

DATA = b"what was observed"
DIGEST = hashlib.sha256(DATA).digest()
DAY_US = 86_400_000_000
LATER = NOW_US + 20_000 * DAY_US
"""A time to judge at when the certificates' own times shall not hide behind the clock."""


@lru_cache(maxsize=1)
def root() -> Party:
    return party("Root", ca=True)


@lru_cache(maxsize=1)
def middle() -> Party:
    return party("Issuing CA", root(), ca=True, n=1, path_length=0)


@lru_cache(maxsize=64)
def leaf(**how: Any) -> Party:
    return party("TSA", middle(), **{"n": 2, **how})


@dataclass
class Given:
    """A response, and what it is verified with when that is not the usual."""

    response: bytes
    how: dict[str, Any]


def given(signer: Party | None = None, /, *, verify: dict[str, Any] | None = None, **forged: Any) -> Given:
    own = signer or leaf()
    forged.setdefault("certificates", [own.der, middle().der])
    return Given(Forge(own, **forged).response(), verify or {})


def asked(**how: Any) -> dict[str, Any]:
    return {"query": tsp.make_query(DIGEST, **how), "data": None}


def extension(*, critical: bool) -> bytes:
    flag = b"\x01\x01\xff" if critical else b""
    return der.put(0xA1, der.put(der.SEQUENCE, der.put_oid("1.2.3.4"), flag, der.put(der.OCTET_STRING, b"x")))


def crl(
    issuer: Party, revoked: Party, since_days: int, reason: x509.ReasonFlags | None = None, signer: Party | None = None
) -> bytes:
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(revoked.certificate.serial_number)
        .revocation_date(NOW + timedelta(days=since_days))
    )
    if reason:
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=30))
        .add_revoked_certificate(entry.build())
        .sign((signer or issuer).key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


def ocsp_answer(of: Party, issuer: Party, status: ocsp.OCSPCertStatus, signer: Party) -> bytes:
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=of.certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=NOW,
            next_update=NOW + timedelta(days=1),
            revocation_time=NOW - timedelta(days=1) if is_revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate)
    )
    if signer is not issuer:
        built = built.certificates([signer.certificate])
    return built.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def responder(issuer: Party) -> Party:
    return party("Responder", issuer, n=9, eku=[ExtendedKeyUsageOID.OCSP_SIGNING], eku_critical=False)


def foreign(common: str) -> Party:
    return party(common, ca=True, n=20)


def under(issuer: Party, **how: Any) -> Given:
    """A token of a leaf below `issuer`, which is below the root."""
    own = party("TSA", issuer, n=2)
    return given(own, certificates=[own.der, issuer.der], **how)


def self_made() -> Given:
    """A chain of the same names by other keys."""
    fake_root = party("Root", ca=True, n=21)
    fake_middle = party("Issuing CA", fake_root, ca=True, n=22)
    own = party("TSA", fake_middle, n=23)
    return given(own, certificates=[own.der, fake_middle.der, fake_root.der])


def rsa_pss_certificate() -> Given:
    top = party("RSA root", ca=True, kind="rsa2048", n=30, pss=True)
    own = party("TSA", top, kind="rsa2048", n=31, pss=True)
    return given(own, certificates=[own.der], scheme="pss", verify={"roots": [top.pem]})


def weak_issuer() -> Given:
    top = party("Weak root", ca=True, kind="rsa1024", n=32)
    own = party("TSA", top, n=2)
    return given(own, certificates=[own.der], verify={"roots": [top.pem]})


def two_of_one_name() -> Given:
    """Two certificates of one key identifier: the one the attributes bind is taken."""
    other = party("TSA", middle(), n=2)
    return given(sid="key", certificates=[other.der, leaf().der, middle().der])


def bare() -> bytes:
    return Forge(leaf(), [leaf().der, middle().der]).token()


ESS_OTHER = {"ess_of": party("Other", n=40)}
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
CEASED = x509.ReasonFlags.cessation_of_operation
STOLEN = x509.ReasonFlags.key_compromise
REJECTION = der.put(der.SEQUENCE, der.put(der.SEQUENCE, der.put_integer(2), b"\x03\x02\x00\x80"))

ACCEPTED: dict[str, Callable[[], Given]] = {
    "P-256": given,
    "P-384 and SHA-384": lambda: given(leaf(kind="p384"), digest="sha384"),
    "P-521 and SHA-512": lambda: given(leaf(kind="p521"), digest="sha512"),
    "RSA-2048 PKCS#1": lambda: given(leaf(kind="rsa2048")),
    "RSA-3072 and SHA-512": lambda: given(leaf(kind="rsa3072"), digest="sha512"),
    "RSA by bare rsaEncryption": lambda: given(leaf(kind="rsa2048"), scheme="bare", digest="sha384"),
    "RSA-PSS": lambda: given(leaf(kind="rsa2048"), scheme="pss"),
    "RSA-PSS with SHA-512": lambda: given(leaf(kind="rsa2048"), scheme="pss", digest="sha512"),
    "certificates signed with RSA-PSS": rsa_pss_certificate,
    "imprint by SHA-384": lambda: given(imprint="sha384"),
    "imprint by SHA-512": lambda: given(imprint="sha512"),
    "imprint without parameters": lambda: given(imprint_parameters=b""),
    "bare token": lambda: given(status=None),
    "granted with modifications": lambda: given(status=1),
    "granted with a text": lambda: given(text="welcome"),
    "nonce as asked": lambda: given(nonce=7, verify=asked(nonce=7)),
    "nonce of 20 bytes": lambda: given(nonce=2**159 + 1, verify=asked(nonce=2**159 + 1)),
    "policy as asked": lambda: given(nonce=7, verify=asked(nonce=7, policy=POLICY)),
    "policy as demanded": lambda: given(verify={"policy": POLICY}),
    "by digest": lambda: given(verify={"data": None, "digest": DIGEST}),
    "ESS of version 1": lambda: given(ess="v1"),
    "ESS by SHA-512": lambda: given(ess="big"),
    "ESS of both versions": lambda: given(ess="both"),
    "ESS with issuer and serial": lambda: given(ess="issuer"),
    "signer by key id": lambda: given(sid="key"),
    "signer by key id, two certificates": two_of_one_name,
    "certificates in no order": lambda: given(certificates=[middle().der, root().der, leaf().der], sort=False),
    "the root in the token too": lambda: given(certificates=[leaf().der, middle().der, root().der]),
    "certificates from outside": lambda: given(certificates=[], verify={"untrusted": [leaf().pem, middle().der]}),
    "issuing CA pinned": lambda: given(verify={"roots": [middle().pem]}),
    "the right root among others": lambda: given(verify={"roots": [foreign("Root").pem + root().pem]}),
    "roots in DER": lambda: given(verify={"roots": [root().der]}),
    "TSA name as in the certificate": lambda: given(tsa=general_directory(name("TSA"))),
    "TSA name as URI": lambda: given(tsa=der.put(0x86, b"http://tsa.example/")),
    "TSA name among the alternative ones": lambda: given(
        party("TSA", middle(), n=2, alternative=name("Other")), tsa=general_directory(name("Other"))
    ),
    "no accuracy": lambda: given(accuracy=b""),
    "accuracy to the microsecond": lambda: given(
        accuracy=der.put(der.SEQUENCE, b"\x02\x01\x01", b"\x80\x01\x05", b"\x81\x01\x07")
    ),
    "ordering": lambda: given(ordering=b"\x01\x01\xff"),
    "fractions of a second": lambda: given(gen_time=NOW_US + 123_456),
    "an extension not critical": lambda: given(extensions=extension(critical=False)),
    "unsigned attributes": lambda: given(unsigned=attribute("1.2.3.4", NULL)),
    "a signed attribute more": lambda: given(more=(attribute("1.2.3.4", NULL),)),
    "key usage of non-repudiation": lambda: given(leaf(key_usage=("content_commitment",))),
    "no key usage": lambda: given(leaf(key_usage=())),
    "certificate expired since": lambda: given(leaf(days=(-30, 30)), verify={"at": LATER}),
    "issuer limited to time-stamping": lambda: under(party("TS CA", root(), ca=True, n=3, eku=[STAMPING])),
    "within the window": lambda: given(verify={"window": (NOW_US - 10, NOW_US + 10)}),
    "at the window's edge, within accuracy": lambda: given(verify={"window": (NOW_US + 900_000, None)}),
    "a list without it": lambda: given(verify={"crls": [crl(middle(), responder(middle()), -1)]}),
    "a list by a stranger": lambda: given(verify={"crls": [crl(middle(), leaf(), -1, signer=root())]}),
    "ceased after genTime": lambda: given(verify={"crls": [crl(middle(), leaf(), 1, CEASED)]}),
    "OCSP says good": lambda: given(
        verify={"ocsp": [ocsp_answer(leaf(), middle(), ocsp.OCSPCertStatus.GOOD, middle())]}
    ),
    "revoked by a stranger's OCSP": lambda: given(
        verify={"ocsp": [ocsp_answer(leaf(), middle(), ocsp.OCSPCertStatus.REVOKED, responder(root()))]}
    ),
    "junk for lists and answers": lambda: given(verify={"crls": [b"junk"], "ocsp": [b"junk"]}),
    "junk among the certificates": lambda: given(certificates=[leaf().der, middle().der, b"\x30\x03\x02\x01\x01"]),
}

REFUSED: dict[str, tuple[str, Callable[[], Given]]] = {
    "empty": ("malformed", lambda: Given(b"", {})),
    "HTML": ("malformed", lambda: Given(b"<!doctype html><html></html>", {})),
    "PEM": ("malformed", lambda: Given(leaf().pem, {})),
    "cut": ("malformed", lambda: Given(given().response[:-1], {})),
    "cut in the middle": ("malformed", lambda: Given(given().response[:200], {})),
    "trailing byte": ("malformed", lambda: Given(given().response + b"\x00", {})),
    "trailing response": ("malformed", lambda: Given(given().response * 2, {})),
    "bytes after a bare token": ("malformed", lambda: Given(bare() + b"\x05\x00", {})),
    "granted, no token": ("malformed", lambda: Given(b"\x30\x05\x30\x03\x02\x01\x00", {})),
    "a certificate": ("malformed", lambda: Given(leaf().der, {})),
    "the query itself": ("malformed", lambda: Given(tsp.make_query(DIGEST), {})),
    "too large": ("too_large", lambda: Given(bytes(2_000_000), {})),
    "nested without end": ("malformed", lambda: Given(b"\x30\x80" * 30_000, {})),
    "TSTInfo of version 2": ("malformed", lambda: given(version=2)),
    "an impossible date": ("malformed", lambda: given(gen_time_text=b"20260231120000Z")),
    "local time": ("malformed", lambda: given(gen_time_text=b"20260601120000+0200")),
    "serial number of a megabyte": ("malformed", lambda: given(serial=1 << 8_000_000)),
    "accuracy of 1000 ms": ("malformed", lambda: given(accuracy=b"\x30\x04\x80\x02\x03\xe8")),
    "imprint of another length": ("malformed", lambda: given(imprint_digest=DIGEST[:20])),
    "a query that is none": ("malformed", lambda: given(verify={"query": b"\x30\x00"})),
    "rejection": ("rejected", lambda: Given(REJECTION, {})),
    "rejection with a token": ("rejected", lambda: given(status=2)),
    "waiting": ("rejected", lambda: given(status=3)),
    "revocation warning": ("rejected", lambda: given(status=4)),
    "granted with failure bits": ("malformed", lambda: given(failure=b"\x03\x02\x00\x80")),
    "imprint by SHA-1": ("algorithm", lambda: given(imprint="sha1")),
    "imprint by MD5": ("algorithm", lambda: given(imprint="md5")),
    "imprint by SHA3": ("algorithm", lambda: given(imprint="sha3_256")),
    "SHA-1 labelled SHA-256": ("malformed", lambda: given(imprint_digest=hashlib.sha1(DATA).digest())),
    "other data": ("imprint", lambda: given(verify={"data": b"other"})),
    "other digest": ("imprint", lambda: given(verify={"data": None, "digest": bytes(32)})),
    "digest of another length": ("imprint", lambda: given(verify={"data": None, "digest": DIGEST[:-1]})),
    "another digest than asked": ("imprint", lambda: given(data=b"other", verify=asked(nonce=7))),
    "another algorithm than asked": (
        "imprint",
        lambda: given(imprint="sha512", verify={**asked(nonce=7), "data": DATA}),
    ),
    "nothing to compare": ("imprint", lambda: given(verify={"data": None})),
    "no nonce": ("nonce", lambda: given(verify=asked(nonce=7))),
    "other nonce": ("nonce", lambda: given(nonce=8, verify=asked(nonce=7))),
    "nonce negated": ("nonce", lambda: given(nonce=-7, verify=asked(nonce=7))),
    "another policy than asked": ("policy", lambda: given(nonce=7, verify=asked(nonce=7, policy="1.2.3"))),
    "another policy than demanded": ("policy", lambda: given(verify={"policy": "1.2.3"})),
    "unknown critical extension": ("extension", lambda: given(extensions=extension(critical=True))),
    "two signers": ("signers", lambda: given(signers=2)),
    "no signer": ("signers", lambda: given(signers=0)),
    "no certificate": ("no_certificate", lambda: given(certificates=[])),
    "only the issuer's": ("no_certificate", lambda: given(certificates=[middle().der])),
    "only the issuer's, by key id": ("no_certificate", lambda: given(sid="key", certificates=[middle().der])),
    "no extended key usage": ("eku", lambda: given(leaf(eku=()))),
    "extended key usage not critical": ("eku", lambda: given(leaf(eku_critical=False))),
    "extended key usage mixed": ("eku", lambda: given(leaf(eku=(STAMPING, CLIENT)))),
    "extended key usage of another purpose": ("eku", lambda: given(leaf(eku=(CLIENT,)))),
    "key usage of a CA": ("key_usage", lambda: given(leaf(key_usage=("digital_signature", "key_cert_sign")))),
    "key usage without signatures": ("key_usage", lambda: given(leaf(key_usage=("key_agreement",)))),
    "a CA that stamps": ("key_usage", lambda: given(leaf(constraints=True))),
    "RSA-1024": ("algorithm", lambda: given(leaf(kind="rsa1024"))),
    "Ed25519": ("algorithm", lambda: given(leaf(kind="ed25519"))),
    "P-224": ("algorithm", lambda: given(leaf(kind="p224"))),
    "signed by way of SHA-1": ("algorithm", lambda: given(leaf(kind="rsa2048"), digest="sha1")),
    "digest of signer and signature differ": ("algorithm", lambda: given(leaf(kind="rsa2048"), scheme="sha384")),
    "name of another authority": ("tsa_name", lambda: given(tsa=general_directory(name("Another")))),
    "name not readable": ("tsa_name", lambda: given(tsa=b"\xa4\x02\x04\x00")),
    "no signed attributes": ("attributes", lambda: given(signed=False)),
    "content type twice": ("attributes", lambda: given(twice=True)),
    "attribute of two values": ("attributes", lambda: given(more=(attribute("1.2.3.4", NULL, b"\x02\x01\x01"),))),
    "content type missing": ("content_type", lambda: given(attribute_type=None)),
    "content type of data": ("content_type", lambda: given(attribute_type="1.2.840.113549.1.7.1")),
    "content of another type": ("content_type", lambda: given(content_type="1.2.840.113549.1.7.1")),
    "signed digest missing": ("imprint_signed", lambda: given(message_digest=None)),
    "signed digest another": ("imprint_signed", lambda: given(message_digest=bytes(32))),
    "ESS missing": ("ess", lambda: given(ess="none")),
    "ESS not readable": ("ess", lambda: given(ess="junk")),
    "ESS of another certificate": ("ess", lambda: given(**ESS_OTHER)),
    "ESS of version 1, another certificate": ("ess", lambda: given(ess="v1", **ESS_OTHER)),
    "ESS of another serial number": ("ess", lambda: given(ess="serial")),
    "signature spoiled": ("signature", lambda: given(spoil=True)),
    "signature spoiled, RSA": ("signature", lambda: given(leaf(kind="rsa2048"), spoil=True)),
    "signature spoiled, RSA-PSS": ("signature", lambda: given(leaf(kind="rsa2048"), scheme="pss", spoil=True)),
    "expired at genTime": ("cert_time", lambda: given(leaf(days=(-30, -1)))),
    "not yet valid at genTime": ("cert_time", lambda: given(leaf(days=(1, 30)))),
    "issuer expired at genTime": ("cert_time", lambda: under(party("CA", root(), ca=True, n=3, days=(-300, -1)))),
    "unknown CA": ("chain", lambda: given(verify={"roots": [foreign("Stranger").pem]})),
    "CA of the same name": ("chain", lambda: given(verify={"roots": [foreign("Root").pem]})),
    "self-made chain of the same names": ("chain", self_made),
    "no roots": ("chain", lambda: given(verify={"roots": []})),
    "roots that are junk": ("chain", lambda: given(verify={"roots": [b"junk", b"-----BEGIN CERTIFICATE-----"]})),
    "missing intermediate": ("chain", lambda: given(certificates=[leaf().der])),
    "issuer that is no CA": ("chain", lambda: under(party("No CA", root(), n=3, eku=[]))),
    "issuer that may not sign": (
        "chain",
        lambda: under(party("CA", root(), ca=True, n=3, key_usage=("digital_signature",))),
    ),
    "issuer limited to other purposes": ("chain", lambda: under(party("CA", root(), ca=True, n=3, eku=[CLIENT]))),
    "path longer than allowed": (
        "chain",
        lambda: under(party("CA", middle(), ca=True, n=3), verify={"untrusted": [middle().der]}),
    ),
    "unknown critical extension in the leaf": ("chain", lambda: given(party("TSA", middle(), n=2, extra=UNKNOWN))),
    "unknown critical extension in the issuer": (
        "chain",
        lambda: under(party("CA", root(), ca=True, n=3, extra=UNKNOWN)),
    ),
    "weak issuer": ("chain", weak_issuer),
    "revoked before": ("revoked", lambda: given(verify={"crls": [crl(middle(), leaf(), -1)]})),
    "ceased before": ("revoked", lambda: given(verify={"crls": [crl(middle(), leaf(), -1, CEASED)]})),
    "key stolen, said later": ("revoked", lambda: given(verify={"crls": [crl(middle(), leaf(), 1, STOLEN)]})),
    "revoked later without a reason": ("revoked", lambda: given(verify={"crls": [crl(middle(), leaf(), 1)]})),
    "issuer revoked": ("revoked", lambda: given(verify={"crls": [crl(root(), middle(), -1, STOLEN)]})),
    "revoked by a list in the token": ("revoked", lambda: given(crls=[crl(middle(), leaf(), -1)])),
    "revoked by OCSP": (
        "revoked",
        lambda: given(verify={"ocsp": [ocsp_answer(leaf(), middle(), ocsp.OCSPCertStatus.REVOKED, middle())]}),
    ),
    "revoked by a delegated responder": (
        "revoked",
        lambda: given(
            verify={"ocsp": [ocsp_answer(leaf(), middle(), ocsp.OCSPCertStatus.REVOKED, responder(middle()))]}
        ),
    ),
    "before the request": ("time", lambda: given(verify={"window": (NOW_US + 1_000_001, None)})),
    "after the answer": ("time", lambda: given(verify={"window": (None, NOW_US - 1_000_001)})),
    "later than now": ("time", lambda: given(verify={"at": NOW_US - DAY_US})),
}


def judged(case: Given) -> tsp.Verdict:
    return tsp.verify(case.response, **{"roots": [root().pem], "data": DATA, "at": LATER, **case.how})


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str) -> None:
    verdict = judged(ACCEPTED[case]())
    assert (verdict.code, verdict.ok) == ("ok", True), verdict.detail
    assert verdict.gen_time is not None
    assert verdict.chain


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    code, build = REFUSED[case]
    verdict = judged(build())
    assert (verdict.code, verdict.ok) == (code, False), verdict.detail
    assert verdict.chain == () or code in ("revoked", "time")


FLAGGED = {
    "granted with modifications",
    "granted with a text",
    "TSA name as URI",
    "no accuracy",
    "unsigned attributes",
    "junk among the certificates",
    "signer by key id, two certificates",
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_flags_what_is_unusual_and_unsigned(case: str) -> None:
    assert bool(judged(ACCEPTED[case]()).warnings) is (case in FLAGGED)


def test_cas_that_sign_each_other_do_not_make_the_search_endless() -> None:
    """Sixty certificates of two names and keys, all CAs, each rightly signed by the other: no root among them."""
    one, two = party("One", ca=True, n=80), party("Two", ca=True, n=81)
    crowd = [party("One", two, ca=True, n=80).der for _ in range(30)]
    crowd += [party("Two", one, ca=True, n=81).der for _ in range(30)]
    own = party("TSA", one, n=2)
    began = time.monotonic()
    assert judged(given(own, certificates=[own.der, *crowd])).code == "chain"
    assert judged(given(certificates=[leaf().der, middle().der, *crowd])).code == "ok"
    assert time.monotonic() - began < 30  # not the hours of every way through them


def test_a_verdict_tells_what_the_token_says() -> None:
    verdict = judged(given(gen_time=NOW_US + 5))
    assert verdict.gen_time == NOW_US + 5
    assert verdict.accuracy == 1_000_000
    assert verdict.policy == POLICY
    assert verdict.serial == 4711
    assert verdict.tsa == "CN=TSA,O=Example"
    assert verdict.chain == (leaf().der, middle().der, root().der)
