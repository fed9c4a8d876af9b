"""A server's TLS certificate: whose, until when, by whom, and whether it verifies."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pumpkin.model.targets import host_and_port

TIMEOUT_S = 15.0


def measure(target: str) -> dict[str, Any]:
    """`target` is HOST or HOST:PORT (443). One that does not verify is found all the same, with the reason."""
    host, port = host_and_port(target, 443)
    trouble = ""
    try:
        found = _look(host, port, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        trouble = error.verify_message or str(error)
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        found = _look(host, port, anybody)
    return {"host": host, "port": port, "verified": not trouble, "trouble": trouble, **found}


def _look(host: str, port: int, context: ssl.SSLContext) -> dict[str, Any]:
    began = time.perf_counter()
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as line,
    ):
        handshake_s = time.perf_counter() - began
        certificate = x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"")
        cipher = line.cipher()
        version = line.version()
    until = certificate.not_valid_after_utc
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        alternatives = [str(one.value) for one in names][:100]
    except x509.ExtensionNotFound:
        alternatives = []
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": until.isoformat(),
        "days_left": round((until - datetime.now(UTC)).total_seconds() / 86_400, 3),
        "names": alternatives,
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "version": version,
        "cipher": cipher[0] if cipher else None,
        "handshake_s": round(handshake_s, 6),
    }
