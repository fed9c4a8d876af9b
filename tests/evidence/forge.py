"""Authorities and tokens of every kind, right and wrong, for the tests: certificates by cryptography, tokens by hand.

`Forge` signs what it is told to, so one wrong thing at a time can be put into a token whose signature is good.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pumpkin.evidence import der

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
OIDS = {
    "sha1": "1.3.14.3.2.26",
    "md5": "1.2.840.113549.2.5",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
}
POLICY = "1.3.6.1.4.1.99999.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(), "sha1": hashes.SHA1()}
NULL = der.put(der.NULL)


@lru_cache(maxsize=64)
def key(kind: str, n: int = 0) -> Any:
    """The n-th private key of a kind: rsa2048, p256, ed25519, ..."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))  # type: ignore[call-overload]
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "p224": ec.SECP224R1}
    return ec.generate_private_key(curves[kind]())


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@dataclass
class Party:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def key_id(self) -> bytes:
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def usage(*names: str) -> x509.KeyUsage:
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    every += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{one: one in names for one in every})


def party(
    common: str,
    issuer: Party | None = None,
    *,
    kind: str = "p256",
    n: int = 0,
    ca: bool = False,
    eku: list[x509.ObjectIdentifier] | None = None,
    eku_critical: bool = True,
    key_usage: tuple[str, ...] | None = None,
    constraints: bool | None = None,
    path_length: int | None = None,
    days: tuple[int, int] = (-365, 3650),
    pss: bool = False,
    digest: str = "sha256",
    extra: x509.ExtensionType | None = None,
    extra_critical: bool = True,
    alternative: x509.Name | None = None,
) -> Party:
    """A certificate of `common`: an authority's leaf, or a CA. `days` are relative to NOW."""
    own = key(kind, n)
    signer = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(issuer.certificate.subject if issuer else name(common))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    is_ca = ca if constraints is None else constraints
    builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length if is_ca else None), critical=True)
    if key_usage is None:
        key_usage = ("key_cert_sign", "crl_sign") if ca else ("digital_signature",)
    if key_usage:
        builder = builder.add_extension(usage(*key_usage), critical=True)
    purposes = [ExtendedKeyUsageOID.TIME_STAMPING] if eku is None and not ca else eku
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=eku_critical)
    if extra is not None:
        builder = builder.add_extension(extra, critical=extra_critical)
    if alternative is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DirectoryName(alternative)]), critical=False)
    padded = padding.PSS(padding.MGF1(HASHES[digest]), 32) if pss else None
    return Party(builder.sign(signer, HASHES[digest], rsa_padding=padded), own)


def algorithm(oid: str, parameters: bytes = NULL) -> bytes:
    return der.put(der.SEQUENCE, der.put_oid(oid), parameters)


def attribute(oid: str, *values: bytes) -> bytes:
    return der.put(der.SEQUENCE, der.put_oid(oid), der.put_set(der.SET, list(values)))


def general_directory(subject: x509.Name) -> bytes:
    return der.put(0xA4, subject.public_bytes())


@dataclass
class Forge:
    """Says what stands in a token; every field may be wrong. `certificates` are the ones in the token, in this order
    (sorted as DER wants when `sort`)."""

    signer: Party
    certificates: list[bytes] = field(default_factory=list)
    data: bytes = b"what was observed"
    imprint: str = "sha256"
    imprint_parameters: bytes = NULL
    imprint_digest: bytes | None = None
    policy: str = POLICY
    serial: int = 4711
    nonce: int | None = None
    gen_time: int = NOW_US
    gen_time_text: bytes | None = None
    accuracy: bytes = der.put(der.SEQUENCE, der.put_integer(1))
    ordering: bytes = b""
    tsa: bytes | None = None
    extensions: bytes = b""
    version: int = 1
    digest: str = "sha256"
    scheme: str = ""
    ess: str = "v2"
    ess_of: Party | None = None
    content_type: str = TST_INFO
    attribute_type: str | None = TST_INFO
    message_digest: bytes | None = b"right"
    signed: bool = True
    twice: bool = False
    more: tuple[bytes, ...] = ()
    sid: str = "issuer"
    signers: int = 1
    unsigned: bytes = b""
    crls: list[bytes] = field(default_factory=list)
    sort: bool = True
    status: int | None = 0
    text: str = ""
    failure: bytes = b""
    spoil: bool = False

    def info(self) -> bytes:
        hashed = self.imprint_digest
        if hashed is None:
            hashed = hashlib.new(self.imprint, self.data).digest()
        stamp = algorithm(OIDS[self.imprint], self.imprint_parameters)
        moment = der.put_time(self.gen_time)
        if self.gen_time_text is not None:
            moment = der.put(der.GENERALIZED_TIME, self.gen_time_text)
        return der.put(
            der.SEQUENCE,
            der.put_integer(self.version),
            der.put_oid(self.policy),
            der.put(der.SEQUENCE, stamp, der.put(der.OCTET_STRING, hashed)),
            der.put_integer(self.serial),
            moment,
            self.accuracy,
            self.ordering,
            b"" if self.nonce is None else der.put_integer(self.nonce),
            b"" if self.tsa is None else der.put(0xA0, self.tsa),
            self.extensions,
        )

    def _ess(self) -> list[bytes]:
        bound = self.ess_of or self.signer
        issuer = general_directory(bound.certificate.issuer)
        serial = bound.certificate.serial_number + (1 if self.ess == "serial" else 0)
        names = der.put(der.SEQUENCE, der.put(der.SEQUENCE, issuer), der.put_integer(serial))
        one = der.put(der.OCTET_STRING, hashlib.sha1(bound.der).digest())
        two = der.put(der.OCTET_STRING, hashlib.sha256(bound.der).digest())
        big = algorithm(OIDS["sha512"]) + der.put(der.OCTET_STRING, hashlib.sha512(bound.der).digest())
        ids = {
            "v1": [one],
            "v2": [two],
            "big": [big],
            "issuer": [two + names],
            "serial": [two + names],
            "both": [one, two],
            "none": [],
            "junk": [b"\x04\x03abc"],
        }[self.ess]
        kinds = ["1.2.840.113549.1.9.16.2.12"] if self.ess in ("v1", "both") else []
        kinds += ["1.2.840.113549.1.9.16.2.47"] if self.ess != "v1" else []
        return [
            attribute(kind, der.put(der.SEQUENCE, der.put(der.SEQUENCE, der.put(der.SEQUENCE, inside))))
            for kind, inside in zip(kinds, ids, strict=False)
        ]

    def _attributes(self, content: bytes) -> bytes:
        digest = hashlib.new(self.digest, content).digest()
        found = self._ess() + list(self.more)
        if self.attribute_type is not None:
            found += [attribute("1.2.840.113549.1.9.3", der.put_oid(self.attribute_type))] * (2 if self.twice else 1)
        if self.message_digest is not None:
            value = digest if self.message_digest == b"right" else self.message_digest
            found.append(attribute("1.2.840.113549.1.9.4", der.put(der.OCTET_STRING, value)))
        return b"".join(sorted(found))

    def _signature(self, message: bytes) -> tuple[bytes, bytes]:
        own, using = self.signer.key, HASHES[self.digest]
        if isinstance(own, ed25519.Ed25519PrivateKey):
            return der.put(der.SEQUENCE, der.put_oid("1.3.101.112")), own.sign(message)
        if isinstance(own, ec.EllipticCurvePrivateKey):
            last = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}[self.digest]
            return algorithm(f"1.2.840.10045.4.{last}", b""), own.sign(message, ec.ECDSA(using))
        if self.scheme == "pss":
            same = algorithm(OIDS[self.digest])
            mask = der.put(der.SEQUENCE, der.put_oid("1.2.840.113549.1.1.8"), same)
            salt = using.digest_size
            parameters = der.put(
                der.SEQUENCE, der.put(0xA0, same), der.put(0xA1, mask), der.put(0xA2, der.put_integer(salt))
            )
            pad = padding.PSS(padding.MGF1(using), salt)
            return algorithm("1.2.840.113549.1.1.10", parameters), own.sign(message, pad, using)
        last_arc = {"bare": 1, "sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}[self.scheme or self.digest]
        return algorithm(f"1.2.840.113549.1.1.{last_arc}"), own.sign(message, padding.PKCS1v15(), using)

    def _signer_info(self, content: bytes) -> bytes:
        attributes = self._attributes(content) if self.signed else b""
        identifier, signature = self._signature(der.put(der.SET, attributes) if self.signed else content)
        if self.spoil:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        own = self.signer.certificate
        by_issuer = der.put(der.SEQUENCE, own.issuer.public_bytes(), der.put_integer(own.serial_number))
        return der.put(
            der.SEQUENCE,
            der.put_integer(1 if self.sid == "issuer" else 3),
            by_issuer if self.sid == "issuer" else der.put(0x80, self.signer.key_id),
            algorithm(OIDS[self.digest], b""),
            der.put(0xA0, attributes) if self.signed else b"",
            identifier,
            der.put(der.OCTET_STRING, signature),
            der.put(0xA1, self.unsigned) if self.unsigned else b"",
        )

    def token(self) -> bytes:
        content = self.info()
        certificates = sorted(self.certificates) if self.sort else self.certificates
        signed = der.put(
            der.SEQUENCE,
            der.put_integer(3),
            der.put(der.SET, algorithm(OIDS[self.digest], b"")),
            der.put(der.SEQUENCE, der.put_oid(self.content_type), der.put(0xA0, der.put(der.OCTET_STRING, content))),
            der.put(0xA0, *certificates) if certificates else b"",
            der.put(0xA1, *self.crls) if self.crls else b"",
            der.put(der.SET, *([self._signer_info(content)] * self.signers)),
        )
        return der.put(der.SEQUENCE, der.put_oid("1.2.840.113549.1.7.2"), der.put(0xA0, signed))

    def response(self) -> bytes:
        if self.status is None:
            return self.token()
        words = der.put(der.SEQUENCE, der.put(der.UTF8_STRING, self.text.encode())) if self.text else b""
        status = der.put(der.SEQUENCE, der.put_integer(self.status), words, self.failure)
        return der.put(der.SEQUENCE, status, self.token())
