"""What binds a token to one certificate: the signer's identifier, the authority's name in the TSTInfo, and the signed
attributes (RFC 5652 section 5.3, RFC 2634 section 5.4, RFC 5816). Steps 8, 10 and 11 of `tsp.verify`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography import x509

from pumpkin.evidence import der
from pumpkin.evidence.certificates import Certificate
from pumpkin.evidence.der import NotDer
from pumpkin.evidence.tsp_query import HASHES
from pumpkin.evidence.tsp_token import TST_INFO, Info, Signer, Token

_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_ESS, _ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_TST_INFO_OID = der.put_oid(TST_INFO)


class Refused(Exception):
    """A step that failed: its code and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


def certificate_of(signer: Signer, pool: Sequence[Certificate]) -> Certificate:
    named = [
        one
        for one in pool
        if (
            one.key_id == signer.key_id
            if signer.key_id is not None
            else (one.serial, one.issuer) == (signer.serial, signer.issuer)
        )
    ]
    if not named:
        raise Refused("no_certificate", "the signer's certificate is neither in the token nor given")
    if len(named) > 1 and (wanted := _ess_hashes(signer)):
        named = [one for one in named if all(hashlib.new(alg, one.der).digest() == h for alg, h, _ in wanted)] or named
    return named[0]


def check_name(info: Info, certificate: Certificate) -> str:
    """A warning or ""; Refused `tsa_name` when the TSTInfo names another authority."""
    if info.tsa is None:
        return ""
    if info.tsa[:1] != b"\xa4":
        return "the authority names itself by another form than the certificate's subject"
    try:
        name = info.tsa[der.whole(info.tsa, 0xA4)[2] :]
    except NotDer as error:
        raise Refused("tsa_name", "not readable") from error
    if name == certificate.subject or _same_name(name, certificate):
        return ""
    raise Refused("tsa_name", "the token names another authority than its certificate")


def _same_name(name: bytes, certificate: Certificate) -> bool:
    """Equal but for the string type, case and spaces (RFC 5280 section 7.1), or an alternative name of it."""
    given = _folded(name)
    if given is None:
        return False
    return given == _folded(certificate.subject) or any(
        given == _folded(one.value.public_bytes())
        for one in certificate.alternative_names
        if isinstance(one, x509.DirectoryName)
    )


def _folded(name: bytes) -> list[list[tuple[bytes, bytes]]] | None:
    try:
        return [
            sorted(_folded_pair(name, pair) for pair in der.children(name, part))
            for part in der.children(name, der.whole(name, der.SEQUENCE))
        ]
    except NotDer:
        return None


def _folded_pair(name: bytes, pair: der.Element) -> tuple[bytes, bytes]:
    parts = der.children(name, pair)
    if len(parts) != 2:
        raise NotDer("name")
    kind, value = parts
    return der.expect(name, kind, der.OID), b" ".join(name[value[2] : value[3]].lower().split())


def check_attributes(signer: Signer, token: Token, certificate: Certificate) -> None:
    if signer.signed is None:
        raise Refused("attributes", "none are signed")
    values = signer.attributes
    if b"" in values.values():
        raise Refused("attributes", "one is there twice, or has not one value")
    if values.get(_CONTENT_TYPE) != _TST_INFO_OID:
        raise Refused("content_type", "the signed content type is missing or another")
    if signer.digest not in HASHES:
        raise Refused("algorithm", f"signed by way of {signer.digest}")
    content = hashlib.new(HASHES[signer.digest], token.content or b"").digest()
    if values.get(_MESSAGE_DIGEST) != der.put(der.OCTET_STRING, content):
        raise Refused("imprint_signed", "the signed digest is missing or not that of the TSTInfo")
    named = _ess_hashes(signer)
    if not named:
        raise Refused("ess", "no certificate is bound by the signed attributes")
    for algorithm, digest, issuer_serial in named:
        if hashlib.new(algorithm, certificate.der, usedforsecurity=False).digest() != digest:
            raise Refused("ess", "the signed attributes bind another certificate")
        if issuer_serial not in (None, (certificate.issuer, certificate.serial)):
            raise Refused("ess", "the signed attributes bind another issuer or serial number")


def _ess_hashes(signer: Signer) -> list[tuple[str, bytes, tuple[bytes, int] | None]]:
    """Of the first certificate in SigningCertificate and SigningCertificateV2 (RFC 2634, RFC 5816): hash name, digest,
    issuer and serial number where given."""
    try:
        return [
            _ess_hash(signer.attributes[kind], default)
            for kind, default in ((_ESS, "sha1"), (_ESS_V2, "sha256"))
            if kind in signer.attributes
        ]
    except (ValueError, IndexError, KeyError) as error:
        raise Refused("ess", "not readable") from error


def _ess_hash(value: bytes, default: str) -> tuple[str, bytes, tuple[bytes, int] | None]:
    listed = der.children(value, der.whole(value, der.SEQUENCE))[0]
    parts = der.children(value, der.children(value, listed)[0])
    name = default
    if default != "sha1" and parts[0][0] == der.SEQUENCE:
        kind = der.children(value, parts.pop(0))[0]
        name = HASHES[der.read_oid(value, kind)]
    digest = der.expect(value, parts[0], der.OCTET_STRING)
    if len(parts) == 1:
        return name, digest, None
    names, serial = der.children(value, parts[1])
    directory = der.children(value, names)[0]
    issuer = der.expect(value, directory, 0xA4)
    return name, digest, (issuer, der.read_integer(value, serial))
