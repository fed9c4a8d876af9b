"""Statements signed by whoever built a release: which repository and commit it was made from, and whether that holds.

PEP 740 attestations of PyPI and npm's provenance are Sigstore bundles. They are verified by Sigstore's own library (the
extra `provenance`), offline: against the trusted root that the library carries, or one of the operator's. A statement
that is there and cannot be verified is said to be just that; only one that is signed well and speaks of another file is
held against the package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from pumpkin.analysis.source import repository as repository_of
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "provenance"
DOCUMENT_LIMIT = 2 * 1024 * 1024
STATEMENTS_MOST = 16
MISSING = "the extra `provenance` is not installed: pumpkin[provenance]"
_PAYLOAD = "application/vnd.in-toto+json"
_SLSA = "https://slsa.dev/provenance/"
_FORGES = ("https://token.actions.githubusercontent.com", "https://gitlab.com")
_OID = "1.3.6.1.4.1.57264.1."
_REPOSITORY, _COMMIT, _REF, _BUILDER, _RUN = (f"{_OID}{number}" for number in (12, 13, 14, 18, 21))
_ROOT = "https://tuf-repo-cdn.sigstore.dev"


class State(StrEnum):
    """What became of the statements, best first."""

    VERIFIED = "verified"
    PRESENT = "present"
    NONE = "none"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the statements say, as far as it holds.

    `verified`: signature, log entry, identity and file fit, and `repository` (https) and `commit` (hex) are from the
    signer's certificate; `present`: there is one that was not verified, `why` says why not; `wrong`: well signed, but
    about another file. All other texts are bounded and printable.
    """

    state: State
    why: str = ""
    repository: str = ""
    commit: str = ""
    ref: str = ""
    builder: str = ""
    run: str = ""
    statements: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        return self.state is State.VERIFIED

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """The file a statement must be about: names it may be called by, and its digests in hex by algorithm."""

    names: tuple[str, ...]
    digests: Mapping[str, str]

    def fits(self, named: str, digests: Mapping[str, Any]) -> bool:
        """Is it this file? Every digest that both sides know must agree, and one at least."""
        known = [(self.digests[one], str(value).lower()) for one, value in digests.items() if one in self.digests]
        called = _plain(named) in {_plain(one) for one in self.names}
        return called and bool(known) and all(ours == theirs for ours, theirs in known)


def hashes(data: bytes) -> dict[str, str]:
    """A file's digests by which a statement may name it."""
    return {name: hashlib.new(name, data).hexdigest() for name in ("sha256", "sha512")}


def available() -> bool:
    """Whether the extra is installed."""
    return find_spec("pypi_attestations") is not None


def examine(document: bytes, subject: Subject, root: Path | None = None) -> Provenance:
    """What a registry's document of attestations (PEP 740, or npm's) says of the file. Raises nothing for its bytes.

    `root` is a trusted root of Sigstore in JSON instead of the library's own.
    """
    if not available():
        return Provenance(State.PRESENT, MISSING)
    found, whys = [], []
    try:
        value = json.loads(document) if len(document) <= DOCUMENT_LIMIT else None
        if not isinstance(value, dict):
            raise ValueError("it is no document of attestations")
        checks = list(_checks(value))[:STATEMENTS_MOST]
        verifier = _verifier(str(root) if root else "")
    except (ValueError, RecursionError, OSError) as error:
        return Provenance(State.PRESENT, quoted(f"it cannot be read: {error}", 300))
    for check in checks:
        try:
            found.append(check(verifier, subject))
        except _Wrong as error:
            return Provenance(State.WRONG, quoted(str(error), 300))
        except _faults() as error:  # a stranger's bytes in a stranger's library: nothing is proven
            whys.append(quoted(f"{type(error).__name__}: {error}", 300))
    if not found:
        return Provenance(State.PRESENT if checks else State.NONE, "; ".join(whys[:3]) or "there is no statement in it")
    best = found[0]
    kinds = tuple(dict.fromkeys(one for each in found for one in each.statements))
    return Provenance(State.VERIFIED, "", best.repository, best.commit, best.ref, best.builder, best.run, kinds)


def findings(seen: Provenance, sources: Iterable[str] = ()) -> list[Finding]:
    """What it means for the verdict; `sources` are the repositories the package's papers name."""
    if seen.state is State.WRONG:
        return [_found("provenance-wrong", Level.HIGH, "its attestation is about another file", seen.why)]
    if not seen.verified:
        return []
    where = f"{seen.repository} at {seen.commit[:12]}"
    made = [
        _found("provenance-attested", Level.GOOD, "a signed statement names the repository it was built from", where)
    ]
    named = [one.lower() for one in sources]
    if named and seen.repository.lower() not in named:
        reason = "it was built from another repository than its papers name"
        made.append(_found("provenance-elsewhere", Level.LOW, reason, f"{seen.repository}, not {named[0]}"))
    return made


def _found(rule: str, level: Level, reason: str, quote_: str) -> Finding:
    return Finding(TOOL, rule, level, Group.PROVENANCE, reason, "T1195.002" if level is Level.HIGH else "",
                   quote=quoted(quote_))  # fmt: skip


def _faults() -> tuple[type[Exception], ...]:
    """What Sigstore's library and those below it raise for bytes that do not hold."""
    from cryptography import exceptions, x509
    from pyasn1.error import PyAsn1Error
    from sigstore.errors import Error

    own = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, AssertionError)
    signed = (Error, exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm, PyAsn1Error)
    return (*own, *signed, x509.ExtensionNotFound, x509.DuplicateExtension, x509.InvalidVersion)


class _Wrong(ValueError):
    """Signed well, and not about this file."""


Check = Callable[[Any, Subject], Provenance]


def _checks(value: dict[str, Any]) -> Iterator[Check]:
    """One check a statement, by the shape of the document."""
    for group in _list(value.get("attestation_bundles")):
        if not isinstance(group, dict):
            continue
        for one in _list(group.get("attestations")):
            yield _pypi(one, group.get("publisher"))
    if "envelope" in value and "verification_material" in value:
        yield _alone(value)
    for one in _list(value.get("attestations")):
        if isinstance(one, dict) and _is_statement(one.get("predicateType")):
            yield _npm(one.get("bundle"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pypi(one: Any, publisher: Any) -> Check:
    """PEP 740: the index names the publisher, the certificate must be one of that publisher's."""

    def check(verifier: Any, subject: Subject) -> Provenance:
        from pypi_attestations import AttestationBundle

        read = AttestationBundle.model_validate({"publisher": publisher, "attestations": [one]})
        policy = read.publisher._as_policy()  # the library's own rule for a publisher; it has no other door
        attestation = read.attestations[0]
        return _judged(verifier, attestation.to_bundle(), policy, subject)

    return check


def _alone(one: dict[str, Any]) -> Check:
    """One attestation of PEP 740 by itself, as it lies beside a file: nobody names its publisher."""

    def check(verifier: Any, subject: Subject) -> Provenance:
        from pypi_attestations import Attestation

        return _judged(verifier, Attestation.model_validate(one).to_bundle(), _of_a_forge(), subject)

    return check


def _npm(bundle: Any) -> Check:
    """npm: nobody names a publisher."""

    def check(verifier: Any, subject: Subject) -> Provenance:
        from sigstore.models import Bundle

        return _judged(verifier, Bundle.from_json(json.dumps(bundle)), _of_a_forge(), subject)

    return check


def _of_a_forge() -> Any:
    """The certificate must be one of a forge's builders."""
    from sigstore.verify import policy

    return policy.AnyOf([policy.OIDCIssuerV2(issuer) for issuer in _FORGES])


def _is_statement(kind: object) -> bool:
    """Whether a predicate of this type says how a release was made: SLSA's, or the index's own by its library."""
    if str(kind).startswith(_SLSA):
        return True
    if find_spec("pypi_attestations") is None:
        return False
    from pypi_attestations import AttestationType

    return kind == AttestationType.PYPI_PUBLISH_V1.value


def _judged(verifier: Any, bundle: Any, policy: Any, subject: Subject) -> Provenance:
    """Signature, certificate, log entry and identity by the library; then whether it is about this file."""
    kind, payload = verifier.verify_dsse(bundle, policy)
    statement = json.loads(payload)
    if kind != _PAYLOAD or not _is_statement(statement.get("predicateType")):
        raise ValueError("it is signed, but no statement of how a release was made")
    subjects = statement["subject"]
    if not any(subject.fits(str(one.get("name", "")), one.get("digest", {})) for one in subjects):
        named = ", ".join(str(one.get("name", "")) for one in subjects[:3])
        raise _Wrong(f"it is about {named}, with other digests or another name")
    claims = _claims(bundle)
    address, commit = repository_of(claims.get(_REPOSITORY, "")), claims.get(_COMMIT, "")
    if address is None or not commit:
        raise ValueError("its certificate names no repository and commit")
    ref, builder, run = (quoted(claims.get(one, ""), 300) for one in (_REF, _BUILDER, _RUN))
    kinds = (quoted(statement["predicateType"], 100),)
    return Provenance(State.VERIFIED, "", address, commit.lower(), ref, builder, run, kinds)


def _claims(bundle: Any) -> dict[str, str]:
    from pypi_attestations import Attestation

    return dict(Attestation.from_bundle(bundle).certificate_claims)


@lru_cache(maxsize=4)
def _verifier(root: str) -> Any:
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    carried = files("sigstore._store") / quote(_ROOT, safe="") / "trusted_root.json"
    return Verifier(trusted_root=TrustedRoot.from_file(root or str(carried)))


def _plain(name: str) -> Any:
    """A file name as the ecosystem compares it: wheels and sdists by their parts, purls unescaped."""
    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)
        if name.endswith((".tar.gz", ".zip")):
            return parse_sdist_filename(name)
    except ValueError:
        return name
    return unquote(name)
