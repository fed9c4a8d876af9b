"""Meeting an authority for the first time: what its token says of itself, and which root there is to pin.

Nothing here makes it trustworthy: that is for the person who compares the fingerprint shown with what the authority
publishes elsewhere. Roots or issuing authorities are pinned, never the signer's own certificate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from pumpkin.evidence import certificates, tsp
from pumpkin.evidence.certificates import Certificate
from pumpkin.evidence.der import NotDer


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as a person compares it: its subject, its days, and its SHA-256 in pairs of hex."""

    subject: str
    not_before: str
    not_after: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a first answer showed: `ok` when it verifies against `roots` (DER, to be pinned), else `code` and `detail`
    as `tsp.verify` says them. `chain` is leaf first."""

    ok: bool
    code: str
    detail: str = ""
    chain: tuple[Shown, ...] = ()
    pinned: tuple[Shown, ...] = ()
    roots: tuple[bytes, ...] = ()
    policy: str = ""
    accuracy_s: float = 0.0
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "chain": [_json(one) for one in self.chain],
            "pinned": [_json(one) for one in self.pinned],
            "policy": self.policy,
            "accuracy_s": self.accuracy_s,
            "warnings": list(self.warnings),
        }


def of(
    response: bytes, *, query: bytes, digest: bytes, roots: Sequence[bytes] = (), policy: str | None = None
) -> Introduction:
    """Judge a first answer. Without `roots` (PEM or DER) the top of the chain it carries is what would be pinned; an
    answer with nothing above its signer is code `chain`: its root has to be given."""
    given = certificates.read_all(roots)
    if roots and not given:
        return Introduction(False, "chain", "the file given holds no certificate that can be read")
    tops = given or _tops(response)
    verdict = tsp.verify(response, roots=[one.der for one in tops], query=query, digest=digest, policy=policy)
    if not verdict.ok:
        missing = verdict.code == "chain" and not tops
        detail = "it shows nothing above its own certificate; give its root by --root" if missing else verdict.detail
        return Introduction(False, verdict.code, detail)
    chain = certificates.read_all(verdict.chain)
    top = chain[-1]
    return Introduction(
        True,
        "ok",
        chain=tuple(map(_shown, chain)),
        pinned=(_shown(top),),
        roots=(top.der,),
        policy=verdict.policy or "",
        accuracy_s=(verdict.accuracy or 0) / 1e6,
        warnings=verdict.warnings,
    )


def name_of(url: str) -> str:
    """A short name for an address: its host, in the letters a name may have."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", urlsplit(url).hostname or "authority")[:60]


def _tops(response: bytes) -> tuple[Certificate, ...]:
    """The highest certificates a token carries: those no other one issued, the signer's own left out."""
    try:
        carried = certificates.read_all(tsp.certificates_of(response))
    except NotDer:
        return ()
    issuers = [one for one in carried if one.purpose]  # what is fit to sign tokens issues nothing
    above = [one for one in issuers if not any(other is not one and other.subject == one.issuer for other in issuers)]
    return tuple(above)


def _shown(certificate: Certificate) -> Shown:
    digest = sha256(certificate.der).hexdigest().upper()
    return Shown(
        certificate.name(),
        certificate.x509.not_valid_before_utc.date().isoformat(),
        certificate.x509.not_valid_after_utc.date().isoformat(),
        ":".join(digest[n : n + 2] for n in range(0, 64, 2)),
    )


def _json(one: Shown) -> dict[str, str]:
    return {
        "subject": one.subject,
        "not_before": one.not_before,
        "not_after": one.not_after,
        "sha256": one.fingerprint,
    }
