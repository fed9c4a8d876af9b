"""Certificates of time-stamping authorities: read once, chained to the roots at a given time, checked for revocation.

Chains are built by cryptography's verifier with extension policies of our own (a time-stamping leaf has no host name);
it bounds the signatures it checks, so a token stuffed with CAs that sign each other costs milliseconds.
Certificates and chains are remembered by their bytes, since a log asks for the same few again and again; a remembered
chain holds only while all its certificates are valid. Sources: RFC 5280 section 6, RFC 3161 section 2.3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.general_name import GeneralName
from cryptography.x509.oid import ExtendedKeyUsageOID

from pumpkin.evidence import der

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
MIN_RSA_BITS = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")

_BAD = (
    ValueError,
    IndexError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    OverflowError,
    Warning,
)
_DEPTH = 8
_CHAINS_KEPT = 256
_POOL_KEPT = 32
_MAX_BYTES = 32 * 1024
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """One certificate with what verification asks of it. Names in DER, times in microseconds; `key` None when it is of
    a kind or strength not taken; `purpose` "" or what is wrong with it as an authority's: "eku", "key_usage"."""

    der: bytes
    x509: x509.Certificate
    subject: bytes
    issuer: bytes
    serial: int
    key_id: bytes | None
    key: PublicKey | None
    purpose: str
    not_before: int
    not_after: int
    alternative_names: tuple[GeneralName, ...]

    def name(self) -> str:
        return self.x509.subject.rfc4514_string()


@lru_cache(maxsize=512)
def read(data: bytes) -> Certificate | None:
    """The certificate in this DER, or None when it cannot be used at all."""
    try:
        if len(data) > _MAX_BYTES or _serial(data) <= 0:
            return None
        found = x509.load_der_x509_certificate(data)
        extensions = found.extensions
        return Certificate(
            data,
            found,
            found.subject.public_bytes(),
            found.issuer.public_bytes(),
            found.serial_number,
            _key_id(extensions),
            _key(found),
            _purpose(extensions),
            _micros(found.not_valid_before_utc),
            _micros(found.not_valid_after_utc),
            _alternative_names(extensions),
        )
    except _BAD:
        return None


def _serial(data: bytes) -> int:
    """RFC 5280 section 4.1.2.2 wants it positive; read before cryptography sees it, which only warns."""
    to_sign = der.children(data, der.whole(data, der.SEQUENCE))[0]
    parts = der.children(data, to_sign)
    return der.read_integer(data, parts[1 if parts[0][0] == 0xA0 else 0])


def read_all(sources: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Certificates from PEM (any number each) or DER; what is neither is left out."""
    found: list[Certificate] = []
    for source in sources:
        found += _read_source(bytes(source))
    return tuple(found)


@lru_cache(maxsize=64)
def _read_source(source: bytes) -> tuple[Certificate, ...]:
    if b"-----BEGIN" not in source:
        one = read(source)
        return (one,) if one else ()
    try:
        pems = x509.load_pem_x509_certificates(source)
        return tuple(one for pem in pems if (one := read(_der(pem))))
    except _BAD:
        return ()


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _key(certificate: x509.Certificate) -> PublicKey | None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    return None


def _key_id(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return None


def _alternative_names(extensions: x509.Extensions) -> tuple[GeneralName, ...]:
    try:
        return tuple(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def _purpose(extensions: x509.Extensions) -> str:
    """RFC 3161 section 2.3: a critical extended key usage of time-stamping and nothing else; and a key that signs
    data, not certificates."""
    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return "eku"
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return "eku"
    for one in extensions:
        if isinstance(one.value, x509.BasicConstraints) and one.value.ca:
            return "key_usage"
        if isinstance(one.value, x509.KeyUsage):
            signs = one.value.digital_signature or one.value.content_commitment
            other = (
                one.value.key_cert_sign
                or one.value.crl_sign
                or one.value.key_encipherment
                or one.value.data_encipherment
                or one.value.key_agreement
            )
            if other or not signs:
                return "key_usage"
    return ""


# Chains


@dataclass(frozen=True, slots=True)
class _Known:
    chain: tuple[Certificate, ...]
    not_before: int
    not_after: int


_known: OrderedDict[tuple[Sequence[Certificate], ...], _Known] = OrderedDict()
_known_lock = Lock()


def chain(
    leaf: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], moment: int
) -> tuple[Certificate, ...] | None:
    """Leaf to root, valid at `moment` (microseconds), by way of `pool`; None when there is none.

    `roots` are trusted as they are (a root or an issuing CA); each certificate above the leaf must be a CA that may
    sign certificates, and may be limited to time-stamping but not to anything else.
    """
    key = ((leaf, *pool), tuple(roots))
    known = _known.get(key)
    if known and known.not_before <= moment <= known.not_after:
        return known.chain
    found = _build(leaf, pool, roots, moment)
    if found and len(pool) <= _POOL_KEPT:
        with _known_lock:
            _known[key] = _Known(found, max(one.not_before for one in found), min(one.not_after for one in found))
            while len(_known) > _CHAINS_KEPT:
                _known.popitem(last=False)
    return found


def chain_at_other_time(leaf: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate]) -> bool:
    """Whether a chain stands at some time of the certificates' lives: then time alone is what is wrong."""
    moments = {moment for one in (leaf, *pool, *roots) for moment in (one.not_before, one.not_after)}
    fitting = sorted(moment for moment in moments if leaf.not_before <= moment <= leaf.not_after)
    return any(_build(leaf, pool, roots, moment) for moment in fitting[:8])


def _build(
    leaf: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], moment: int
) -> tuple[Certificate, ...] | None:
    if not roots:
        return None
    try:
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store([one.x509 for one in roots]))
            .time(_EPOCH + moment * _MICROSECOND)
            .max_chain_depth(_DEPTH)
            .extension_policies(ca_policy=_CA, ee_policy=_LEAF)
            .build_client_verifier()
        )
        found = verifier.verify(leaf.x509, [one.x509 for one in pool])
    except (verification.VerificationError, *_BAD):
        return None
    by_bytes = (read(_der(one)) for one in found.chain)
    return tuple(one for one in by_bytes if one)


def _ca_constraints(
    policy: verification.Policy, certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if not extension.ca:
        raise ValueError("an issuer that is no CA")


def _ca_usage(policy: verification.Policy, certificate: x509.Certificate, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("an issuer that may not sign certificates")


def _ca_purposes(
    policy: verification.Policy, certificate: x509.Certificate, extension: x509.ExtendedKeyUsage | None
) -> None:
    wanted = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if extension is not None and not any(one in extension for one in wanted):
        raise ValueError("an issuer limited to other purposes")


_ANY = verification.Criticality.AGNOSTIC
_CA = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _ANY, _ca_constraints)
    .may_be_present(x509.KeyUsage, _ANY, _ca_usage)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _ca_purposes)
)
_LEAF = verification.ExtensionPolicy.permit_all()
"""The leaf's own extensions are judged by `_purpose`; an unknown critical one is refused by the verifier."""


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
