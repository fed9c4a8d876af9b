"""Whether a certificate of a chain was revoked, by the lists and answers given (RFC 5280 section 5, RFC 6960).

Only statements signed by the certificate's own issuer (or, for OCSP, by a responder that issuer delegated) count;
others say nothing. Of the reasons, those that leave older tokens standing are RFC 3161 section 4's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from pumpkin.evidence import certificates
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


@dataclass(frozen=True, slots=True)
class Source:
    """Where a certificate's issuer says whether it is revoked: `kind` is crl or ocsp, `request` the DER to post to an
    OCSP responder (empty for a list), `certificate` and `issuer` DER."""

    kind: str
    url: str
    certificate: bytes
    issuer: bytes
    request: bytes = b""


def sources(chain: Sequence[bytes]) -> tuple[Source, ...]:
    """Where to ask about each certificate of a chain (DER, leaf first) but its root: OCSP responders, then lists.

    Only http and https addresses; a certificate that names none gives nothing. RFC 5280 sections 4.2.1.13, 4.2.2.1.
    """
    found: list[Source] = []
    for certificate, issuer in pairwise(chain):
        try:
            subject, signer = x509.load_der_x509_certificate(certificate), x509.load_der_x509_certificate(issuer)
            request = ocsp.OCSPRequestBuilder().add_certificate(subject, signer, hashes.SHA1()).build()  # noqa: S303
            query = request.public_bytes(Encoding.DER)
            found += [Source("ocsp", url, certificate, issuer, query) for url in _responders(subject)]
            found += [Source("crl", url, certificate, issuer) for url in _points(subject)]
        except _BAD:
            continue
    return tuple(found)


def until(source: Source, data: bytes) -> int | None:
    """Until when (microseconds) what a source answered is good, 0 where it names no end; None where it is not signed by
    the certificate's issuer, or says nothing about the certificate."""
    issuer = certificates.read(source.issuer)
    certificate = certificates.read(source.certificate)
    if issuer is None or certificate is None:
        return None
    try:
        if source.kind == "crl":
            listed = _crl(data, source.issuer)
            return None if listed is None else _moment(listed.next_update_utc)
        answer = ocsp.load_der_ocsp_response(data)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL or not _signed(answer, issuer):
            return None
        about = [one for one in answer.responses if _about(one, certificate, issuer)]
        return _moment(about[0].next_update_utc) if about else None
    except _BAD:
        return None


def _moment(when: datetime | None) -> int:
    return 0 if when is None else int((when - _EPOCH) / timedelta(microseconds=1))


def _responders(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return _urls(one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP)


def _points(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return _urls(name for point in points for name in point.full_name or ())


def _urls(names: Iterable[x509.GeneralName]) -> list[str]:
    urls = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [url for url in urls if url.lower().startswith(("http://", "https://")) and len(url) < 2_000][:2]
