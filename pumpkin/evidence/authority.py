"""The local time-stamping authority: real RFC 3161 tokens at once, with no Internet; self-asserted, not qualified.

A root on P-256 whose key is thrown away once it has signed the leaf; the leaf issues tokens with ESSCertIDv2
(RFC 5816), a random serial of 128 bits, an accuracy of one second and the policy `2.25.<uuid>` that stands in the
leaf. Every subject says in words that nobody but this installation vouches for it. What does not change between
tokens is encoded once, so a token costs little more than its signature.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pumpkin.evidence import der
from pumpkin.evidence.der import NotDer
from pumpkin.evidence.tsp_query import HASHES, SIZES, Query, parse_query

SELF_ASSERTED = "local, self-asserted, not qualified"
MAX_REQUEST_BYTES = 64 * 1024

BAD_ALG, BAD_REQUEST, BAD_DATA_FORMAT, TIME_NOT_AVAILABLE = 0, 2, 5, 14
UNACCEPTED_POLICY, UNACCEPTED_EXTENSION = 15, 16
"""Bits of PKIFailureInfo, RFC 3161 section 2.4.2."""

Clock = Callable[[], int | None]
"""Microseconds since 1970, or None while the clock is not to be trusted."""

_ROOT_YEARS, _LEAF_YEARS, _YEAR = 20, 10, timedelta(days=365)
_EARLIER = timedelta(minutes=1)
_SIGNED_DATA = der.put_oid("1.2.840.113549.1.7.2")
_TST_INFO = der.put_oid("1.2.840.113549.1.9.16.1.4")
_ECDSA_SHA256 = ec.ECDSA(hashes.SHA256())
_SHA256_ALG = der.put(der.SEQUENCE, der.put_oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_ALG = der.put(der.SEQUENCE, der.put_oid("1.2.840.10045.4.3.2"))
_IMPRINT_ALGS = {oid: der.put(der.SEQUENCE, der.put_oid(oid), der.put(der.NULL)) for oid in HASHES}
_GRANTED = der.put(der.SEQUENCE, der.put_integer(0))
_ACCURACY = der.put(der.SEQUENCE, der.put_integer(1))


def system_clock() -> int:
    return time.time_ns() // 1000


class Authority:
    """Issues tokens. It holds the leaf's key only; `respond` needs no lock and may be called from any thread."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: tuple[bytes, ...]) -> None:
        """`chain` is DER, leaf first. Raises ValueError when the key is not the leaf's or the leaf has no policy."""
        leaf = x509.load_der_x509_certificate(chain[0])
        if leaf.public_key() != key.public_key():
            raise ValueError("the key is not that of the authority's certificate")
        policies = leaf.extensions.get_extension_for_class(x509.CertificatePolicies).value
        self.chain = chain
        self.policy = next(iter(policies)).policy_identifier.dotted_string
        self.subject = leaf.subject.rfc4514_string()
        self._key = key
        self._valid = tuple(
            int(moment.timestamp()) * 1_000_000 for moment in (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
        )
        issuer = leaf.issuer.public_bytes()
        serial = der.put_integer(leaf.serial_number)
        self._policy = der.put_oid(self.policy)
        self._tsa = der.put(0xA0, der.put(0xA4, leaf.subject.public_bytes()))
        self._certificates = der.put_set(0xA0, list(chain))
        self._attributes = (
            _attribute("1.2.840.113549.1.9.3", _TST_INFO),
            _attribute("1.2.840.113549.1.9.16.2.47", _ess(chain[0], issuer, serial)),
        )
        self._signer = der.put_integer(1) + der.put(der.SEQUENCE, issuer, serial) + _SHA256_ALG

    @classmethod
    def create(cls, name: str, now: int | None = None) -> Self:
        """A new authority, valid from a minute before `now` (microseconds; default the system's clock). The root's key
        ends with this call. `name` is cut to 60 characters."""
        key, root_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        start = datetime.fromtimestamp((system_clock() if now is None else now) // 1_000_000, UTC) - _EARLIER
        subject, issuer = _subject(f"{name:.60}"), _subject(f"{name:.55} root")
        root = (
            _certificate(issuer, issuer, root_key.public_key(), start, _ROOT_YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        policy = x509.PolicyInformation(x509.ObjectIdentifier(f"2.25.{uuid.uuid4().int}"), None)
        leaf = (
            _certificate(subject, issuer, key.public_key(), start, _LEAF_YEARS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        encoding = serialization.Encoding.DER
        return cls(key, (leaf.public_bytes(encoding), root.public_bytes(encoding)))

    @classmethod
    def from_pem(cls, key_pem: bytes, chain_pem: bytes) -> Self:
        """What `to_pem` gave. Raises ValueError when the two do not belong together or are no such thing."""
        key = serialization.load_pem_private_key(key_pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the authority's key is not on P-256")
        chain = x509.load_pem_x509_certificates(chain_pem)
        return cls(key, tuple(one.public_bytes(serialization.Encoding.DER) for one in chain))

    def to_pem(self) -> tuple[bytes, bytes]:
        """The leaf's key (PKCS#8, not encrypted: keep it at 0600) and the chain, leaf first."""
        key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key, self.chain_pem

    @property
    def chain_pem(self) -> bytes:
        return b"".join(_pem(one) for one in self.chain)

    @property
    def root_pem(self) -> bytes:
        return _pem(self.chain[-1])

    def respond(self, request: bytes, *, clock: Clock = system_clock) -> bytes:
        """DER of a TimeStampResp: a token, or the refusal with its failure bit. Never raises on any request."""
        if len(request) > MAX_REQUEST_BYTES:
            return refusal(BAD_DATA_FORMAT, "the request is too large")
        try:
            query = parse_query(request)
        except NotDer as error:
            return refusal(BAD_DATA_FORMAT, f"not a time-stamp request: {error}")
        if query.version != 1:
            return refusal(BAD_REQUEST, "only version 1 is known")
        if query.algorithm not in HASHES:
            return refusal(BAD_ALG, "only SHA-256, SHA-384 and SHA-512 are stamped")
        if len(query.digest) != SIZES[HASHES[query.algorithm]]:
            return refusal(BAD_DATA_FORMAT, "the digest's length is not its algorithm's")
        if query.policy not in (None, self.policy):
            return refusal(UNACCEPTED_POLICY, f"the only policy is {self.policy}")
        if query.extensions:
            return refusal(UNACCEPTED_EXTENSION, "no extension is known")
        now = clock()
        if now is None or not self._valid[0] <= now <= self._valid[1]:
            return refusal(TIME_NOT_AVAILABLE, "the clock is not to be trusted")
        return der.put(der.SEQUENCE, _GRANTED, self._token(query, now))

    def _token(self, query: Query, now: int) -> bytes:
        info = der.put(
            der.SEQUENCE,
            b"\x02\x01\x01",
            self._policy,
            der.put(der.SEQUENCE, _IMPRINT_ALGS[query.algorithm], der.put(der.OCTET_STRING, query.digest)),
            der.put_integer(secrets.randbits(128) or 1),
            der.put_time(now),
            _ACCURACY,
            b"" if query.nonce is None else der.put_integer(query.nonce),
            self._tsa,
        )
        digest = hashlib.sha256(info).digest()
        attributes = sorted((*self._attributes, _attribute("1.2.840.113549.1.9.4", der.put(der.OCTET_STRING, digest))))
        signature = self._key.sign(der.put(der.SET, *attributes), _ECDSA_SHA256)
        signer = der.put(
            der.SEQUENCE, self._signer, der.put(0xA0, *attributes), _ECDSA_ALG, der.put(der.OCTET_STRING, signature)
        )
        content = der.put(der.SEQUENCE, _TST_INFO, der.put(0xA0, der.put(der.OCTET_STRING, info)))
        signed = der.put(
            der.SEQUENCE,
            b"\x02\x01\x03",
            der.put(der.SET, _SHA256_ALG),
            content,
            self._certificates if query.certificates else b"",
            der.put(der.SET, signer),
        )
        return der.put(der.SEQUENCE, _SIGNED_DATA, der.put(0xA0, signed))


def refusal(failure: int, text: str) -> bytes:
    """A TimeStampResp of status rejection with one bit of PKIFailureInfo and a text."""
    bits = bytearray(failure // 8 + 1)
    bits[-1] = 0x80 >> failure % 8
    return der.put(
        der.SEQUENCE,
        der.put(
            der.SEQUENCE,
            der.put_integer(2),
            der.put(der.SEQUENCE, der.put(der.UTF8_STRING, text.encode())),
            der.put(der.BIT_STRING, bytes((7 - failure % 8,)), bytes(bits)),
        ),
    )


def is_self_asserted(certificate: bytes) -> bool:
    """Whether this DER certificate says of itself that it is an installation's own authority. A claim against
    interest, so it is believed; its absence proves nothing."""
    try:
        units = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(
            NameOID.ORGANIZATIONAL_UNIT_NAME
        )
    except ValueError:
        return False
    return any(unit.value == SELF_ASSERTED for unit in units)


def _attribute(oid: str, value: bytes) -> bytes:
    return der.put(der.SEQUENCE, der.put_oid(oid), der.put(der.SET, value))


def _ess(leaf: bytes, issuer: bytes, serial: bytes) -> bytes:
    """SigningCertificateV2 (RFC 5816) of the leaf; SHA-256 is the default and stays out."""
    names = der.put(der.SEQUENCE, der.put(0xA4, issuer))
    certificate = der.put(
        der.SEQUENCE,
        der.put(der.OCTET_STRING, hashlib.sha256(leaf).digest()),
        der.put(der.SEQUENCE, names, serial),
    )
    return der.put(der.SEQUENCE, der.put(der.SEQUENCE, certificate))


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pumpkin"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, SELF_ASSERTED),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, years: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + years * _YEAR)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: bytes) -> bytes:
    return x509.load_der_x509_certificate(certificate).public_bytes(serialization.Encoding.PEM)
