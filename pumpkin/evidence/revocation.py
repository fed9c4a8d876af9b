"""Whether a certificate of a chain was revoked, by the lists and answers given (RFC 5280 section 5, RFC 6960).

Only statements signed by the certificate's own issuer (or, for OCSP, by a responder that issuer delegated) count;
others say nothing. Of the reasons, those that leave older tokens standing are RFC 3161 section 4's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pumpkin.evidence.certificates import Certificate

_BAD = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.ExtensionNotFound, x509.DuplicateExtension)
_HARMLESS = {
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.affiliation_changed,
    x509.ReasonFlags.superseded,
    x509.ReasonFlags.cessation_of_operation,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Revocation lists (DER or PEM) and OCSP responses (DER)."""

    crls: Sequence[bytes] = ()
    ocsp: Sequence[bytes] = ()

    def __bool__(self) -> bool:
        return bool(self.crls or self.ocsp)

    def with_crls(self, crls: Iterable[bytes]) -> Revocation:
        return Revocation((*self.crls, *crls), self.ocsp)


def revoked(certificate: Certificate, issuer: Certificate, moment: int, known: Revocation) -> bool:
    """Whether any statement of the issuer's makes a token of `moment` (microseconds) worthless."""
    return any(_listed(certificate, issuer, moment, bytes(one)) for one in known.crls) or any(
        _answered(certificate, issuer, moment, bytes(one)) for one in known.ocsp
    )


def _counts(reason: x509.ReasonFlags | None, since: datetime, moment: int) -> bool:
    if reason is x509.ReasonFlags.remove_from_crl:
        return False
    return reason not in _HARMLESS or since <= _EPOCH + timedelta(microseconds=moment)


def _listed(certificate: Certificate, issuer: Certificate, moment: int, data: bytes) -> bool:
    found = _crl(data, issuer.der)
    entry = found.get_revoked_certificate_by_serial_number(certificate.serial) if found else None
    if entry is None:
        return False
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except _BAD:
        reason = None
    return _counts(reason, entry.revocation_date_utc, moment)


@lru_cache(maxsize=32)
def _crl(data: bytes, issuer: bytes) -> x509.CertificateRevocationList | None:
    """The list, when this issuer signed it."""
    try:
        pem = data.startswith(b"-----BEGIN")
        found = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
        signer = x509.load_der_x509_certificate(issuer)
        key = signer.public_key()
        if found.issuer != signer.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            return None
        return found if found.is_signature_valid(key) else None
    except _BAD:
        return None


def _answered(certificate: Certificate, issuer: Certificate, moment: int, data: bytes) -> bool:
    try:
        answer = ocsp.load_der_ocsp_response(data)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL or not _signed(answer, issuer):
            return False
        return any(
            one.certificate_status is ocsp.OCSPCertStatus.REVOKED
            and one.revocation_time_utc is not None
            and _about(one, certificate, issuer)
            and _counts(one.revocation_reason, one.revocation_time_utc, moment)
            for one in answer.responses
        )
    except _BAD:
        return False


def _about(one: ocsp.OCSPSingleResponse, certificate: Certificate, issuer: Certificate) -> bool:
    if one.serial_number != certificate.serial:
        return False
    again = ocsp.OCSPRequestBuilder().add_certificate(certificate.x509, issuer.x509, one.hash_algorithm).build()
    return (again.issuer_key_hash, again.issuer_name_hash) == (one.issuer_key_hash, one.issuer_name_hash)


def _signed(answer: ocsp.OCSPResponse, issuer: Certificate) -> bool:
    """By the issuer itself, or by a responder whose certificate the issuer signed for that purpose."""
    signers = [issuer.x509]
    for delegate in answer.certificates:
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.OCSP_SIGNING in usage:
            delegate.verify_directly_issued_by(issuer.x509)
            signers.append(delegate)
    return any(_verifies(answer, signer) for signer in signers)


def _verifies(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), answer.signature_hash_algorithm or hashes.SHA256()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True
