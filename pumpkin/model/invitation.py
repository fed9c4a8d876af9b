"""The one line by which a new host enrols: what it fetches, and by what it knows the server."""

from __future__ import annotations

import base64
import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pumpkin.errors import InvalidRequest

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?\Z")
_PYTHON = (
    "import http.client as h,ssl,hashlib as d;"
    "c=h.HTTPSConnection({host!r},{port},context=ssl._create_unverified_context(),timeout=60);c.connect();"
    "d.sha256(c.sock.getpeercert(True)).hexdigest()=={pin!r} or exit({wrong!r});"
    "c.request({get!r},{path!r});r=c.getresponse();r.status==200 or exit(str(r.status));print(r.read().decode())"
)


@dataclass(frozen=True, slots=True)
class Pins:
    """By what a server is known: its public key (RFC 7469's SHA-256 in base64) and its certificate (SHA-256 in hex)."""

    key: str
    certificate: str

    @classmethod
    def of(cls, certificate: bytes) -> Pins:
        """Those of a certificate, DER or PEM (then the first one)."""
        if certificate.startswith(b"-----"):
            read = x509.load_pem_x509_certificate(certificate)
        else:
            read = x509.load_der_x509_certificate(certificate)
        public = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(
            base64.b64encode(sha256(public).digest()).decode(), sha256(read.public_bytes(Encoding.DER)).hexdigest()
        )


@dataclass(frozen=True, slots=True)
class Line:
    """The same twice: for a host with curl, and for one with nothing but Python."""

    curl: str
    python: str


def base(address: str, *, secure: bool) -> str:
    """The server's URL from HOST or HOST:PORT; InvalidRequest for anything else."""
    found = _HOST.match(address.strip())
    if found is None or int(found[2] or 0) > 65535:
        raise InvalidRequest("The address is not HOST or HOST:PORT.", fields={"address": "wrong"})
    return f"{'https' if secure else 'http'}://{found[0]}"


def line(url: str, token: str, pins: Pins | None) -> Line:
    """The line for an invitation. Without pins the server is known by the authorities the host trusts already."""
    path = f"/enroll/{token}"
    parts = urlsplit(url)
    if pins is None:
        read = f"import urllib.request as u;print(u.urlopen({url + path!r}).read().decode())"
        return Line(f"curl -fsS {shlex.quote(url + path)} | sh", f"python3 -c {shlex.quote(read)} | sh")
    read = _PYTHON.format(
        host=parts.hostname or "",
        port=parts.port or 443,
        pin=pins.certificate,
        wrong="not the server this line was made for",
        get="GET",
        path=path,
    )
    curl = f"curl -fsSk --pinnedpubkey {shlex.quote('sha256//' + pins.key)} {shlex.quote(url + path)} | sh"
    return Line(curl, f"python3 -c {shlex.quote(read)} | sh")
