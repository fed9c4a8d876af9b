"""The installation's own authority and server certificate, made at first start."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pumpkin.errors import StartError

_CA_DAYS = 3650
_SERVER_DAYS = 397
_RENEW_DAYS = 30


class Certificates:
    """`ca.pem`, `ca.key`, `server.pem`, `server.key` in one folder; what is there is kept while it serves."""

    def __init__(self, folder: Path, domain: str, names: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.ca_path = folder / "ca.pem"
        self.chain_path = folder / "server.pem"
        self.key_path = folder / "server.key"
        self._names = tuple(dict.fromkeys((domain, "localhost", socket.gethostname(), *names)))

    def ensure(self) -> bool:
        """Make what is missing, renew what ends within a month or names other hosts; whether the server's is another
        one now. Reads and writes files."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)  # probes of other users read ca.pem; the keys are their owner's alone
            if not (self.ca_path.exists() and (self.folder / "ca.key").exists()):
                self._make_authority()
            if self._serves():
                return False
            self._make_server()
            return True
        except OSError as error:
            raise StartError(f"The certificates cannot be kept in {self.folder}: {error.strerror}.") from error

    def context(self) -> ssl.SSLContext:
        """A server context: TLS 1.2 and later, no tickets (each costs memory), no renegotiation."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
        context.num_tickets = 0
        context.load_cert_chain(self.chain_path, self.key_path)
        return context

    def binding(self) -> bytes:
        """The channel binding `tls-server-end-point` (RFC 5929 section 4.1): the certificate's hash."""
        certificate = x509.load_pem_x509_certificate(self.chain_path.read_bytes())
        algorithm = certificate.signature_hash_algorithm
        if algorithm is None or algorithm.name in ("md5", "sha1"):
            algorithm = hashes.SHA256()
        return certificate.fingerprint(algorithm)

    def _serves(self) -> bool:
        if not (self.chain_path.exists() and self.key_path.exists()):
            return False
        certificate = x509.load_pem_x509_certificate(self.chain_path.read_bytes())
        authority = x509.load_pem_x509_certificate(self.ca_path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            certificate.issuer == authority.subject
            and certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=_RENEW_DAYS)
            and list(names) == self._alternatives()
        )

    def _alternatives(self) -> list[x509.GeneralName]:
        found: list[x509.GeneralName] = []
        for name in (*self._names, "127.0.0.1", "::1"):
            try:
                found.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                found.append(x509.DNSName(name.encode("idna").decode() if not name.isascii() else name))
        return list(dict.fromkeys(found))

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        # The name is unique, so that two installations' authorities are told apart in one trust store.
        serial = x509.random_serial_number()
        name = _name(f"Pumpkin XMPP authority {serial & 0xFFFFFFFF:08x}")
        certificate = (
            _builder(name, name, key.public_key(), _CA_DAYS)
            .serial_number(serial)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.folder / "ca.key", _private(key), 0o600)
        _write(self.ca_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _make_server(self, days: int = _SERVER_DAYS) -> None:
        authority_key = serialization.load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise StartError(f"{self.folder / 'ca.key'} is not a key Pumpkin made.")
        authority = x509.load_pem_x509_certificate(self.ca_path.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(self._names[0][:64]), authority.subject, key.public_key(), days)
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(self._alternatives()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        _write(self.key_path, _private(key), 0o600)
        _write(self.chain_path, certificate.public_bytes(pem) + authority.public_bytes(pem), 0o644)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    # An hour back: a probe's clock may be behind ours.
    begins = datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others in between."""
    partial = path.with_suffix(path.suffix + ".part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
