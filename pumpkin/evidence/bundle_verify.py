"""Verify a bundle: no database, no network, no configuration, and nothing raised whatever the bytes are.

 1 the zip is exactly as Pumpkin writes it, within its limits                      unreadable
 2 the manifest names every file with its digest and is signed by the log key      manifest log_key
 3 each record is one; payload, detail and probe's signature fit it                record payload detail probe
 4 the record stands in the tree of each authority's checkpoint                    inclusion
 5 each checkpoint is signed by the log key                                        checkpoint
 6 the anchor holds the checkpoint's hash, the token is over the anchor            anchor, and the codes of tsp.verify
 7 the evidence record proves the same by RFC 4998 alone                           evidence
 8 the lower bound of time, the direct token, the cosignatures                     after direct cosignature
 9 nothing in the bundle is left unread                                            surplus
10 the token's chain ends in a root given (else exit 3)                            trust

A signature by a key that came in the bundle proves nothing alone: a forger makes such keys. What needs a root or log
key from elsewhere is told apart in the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from pumpkin.evidence import bundle, bundle_renew, bundle_zip, certificates, checkpoint
from pumpkin.evidence.bundle_check import Fault, Opened, judge_check
from pumpkin.evidence.checkpoint import BadNote, VerifierKey
from pumpkin.evidence.claims import Report, quoted

_FOLDER = re.compile(r"checks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_MICRO = 1_000_000


def verify_bundle(
    data: bytes, *, roots: Sequence[bytes] = (), log_key: bytes | None = None, at: datetime | None = None
) -> Report:
    """The report on a bundle. `roots` are certificates (PEM or DER) and `log_key` the log's public key (PEM or vkey)
    that the caller trusts; `at` is the time to judge at, default now. Never raises on input."""
    try:
        files = bundle_zip.unpack(data)
    except bundle_zip.NoBundle as error:
        return Report("unreadable", str(error))
    opened = Opened(files, roots, None if at is None else int(at.timestamp() * _MICRO))
    try:
        return _judge(opened, log_key)
    except Fault as fault:
        return Report(fault.code, fault.detail, warnings=tuple(opened.warnings), log_trusted=False)


def fingerprints(pem: bytes) -> tuple[str, ...]:
    """SHA-256 of each certificate's DER, as hex."""
    return tuple(sha256(one.der).hexdigest() for one in certificates.read_all([pem]))


def _judge(opened: Opened, log_key: bytes | None) -> Report:
    _manifest(opened, log_key)
    reports = [judge_check(opened, folder) for folder in _folders(opened.files)]
    _cosignatures(opened)
    bad = next((one for one in reports if one.code != "ok"), None)
    if not bad:
        _nothing_unread(opened)
    prints = fingerprints(opened.files.get("trust-root.pem", b""))
    trusted = all(any(time.trusted for time in one.times) for one in reports)
    if bad:
        code, detail = bad.code, f"{bad.id}: {bad.detail}" if len(reports) > 1 else bad.detail
    elif not trusted and opened.roots:
        code, detail = "chain", "no token leads to a root given"
    else:
        code, detail = ("proven" if trusted else "trust"), ""
    for time in {time for one in reports for time in one.times}:
        if opened.roots and not time.trusted and code == "proven":
            opened.warnings[f"{quoted(time.authority)} does not lead to a root given"] = None
    if not opened.log_trusted:
        opened.warnings["the place in the log is not established: give the log's key with --log-key"] = None
    return Report(
        code,
        detail,
        tuple(reports),
        trusted and not bad,
        opened.log_trusted and not bad,
        tuple(opened.warnings),
        prints,
    )


def _manifest(opened: Opened, log_key: bytes | None) -> None:
    raw, signature = opened.need("manifest.json", "manifest"), opened.need("manifest.sig", "manifest")
    try:
        body = json.loads(raw)
        key = opened.key = VerifierKey.parse(body["log"])
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        raise Fault("manifest", "the manifest is none") from None
    others = {
        name: one
        for name, one in opened.files.items()
        if name not in ("manifest.json", "manifest.sig") and not name.startswith("renewed/")
    }
    if bad := bundle_renew.misnamed(opened.files):
        raise Fault("manifest", f"{bad} is not named by its SHA-256")
    if raw != bundle.manifest_of(others, key):
        raise Fault("manifest", "the manifest does not fit the files")
    if opened.get("log-key.pem") != key.pem or not key.verify(signature, raw):
        raise Fault("manifest", "the manifest is not signed by the log key in the bundle")
    if log_key is not None:
        if _log_key(log_key, key.name) != key:
            raise Fault("log_key", "the bundle is not signed by the log key given")
        opened.log_trusted = True
    for name, own in (("verify.sh", "verify.sh"), ("README.txt", "bundle-readme.txt")):
        if opened.get(name) != bundle.data_file(own):
            opened.warnings[f"{name} is not the one this version of Pumpkin writes: do not rely on it"] = None


def _log_key(given: bytes, name: str) -> VerifierKey:
    try:
        if b"-----BEGIN" in given:
            return VerifierKey.from_pem(name, given)
        return VerifierKey.parse(given.decode("utf-8", "replace"))
    except BadNote as error:
        raise Fault("log_key", f"the log key given: {error}") from None


def _folders(files: dict[str, bytes]) -> list[str]:
    if "record.json" in files:
        return [""]
    found = sorted({match[0] for match in map(_FOLDER.match, files) if match})
    if not found:
        raise Fault("record", "the bundle holds no record")
    return found


def _cosignatures(opened: Opened) -> None:
    for name in sorted(opened.files):
        if not name.startswith("cosignatures/"):
            continue
        text = (opened.get(name) or b"").decode("utf-8", "replace")
        vkey, _, note = text.partition("\n")
        body, _, line = note.partition("\n\n")
        notes = [
            one.decode("utf-8", "replace") for path, one in opened.files.items() if path.endswith("checkpoint.txt")
        ]
        try:
            witness = VerifierKey.parse(vkey)
        except BadNote as error:
            raise Fault("cosignature", str(error)) from None
        whole = next((one for one in notes if one.partition("\n\n")[0] == body), None)
        when = checkpoint.cosigned_at(whole, line, witness) if whole else None
        if when is None:
            raise Fault("cosignature", f"{name} is no witness's signature of a checkpoint here")
        opened.warnings[f"cosigned by a witness that calls itself {quoted(witness.name)} (key {witness.text})"] = None


def _nothing_unread(opened: Opened) -> None:
    opened.get("trust-root.pem")
    left = sorted(set(opened.files) - opened.read)
    if left:
        raise Fault("surplus", f"{left[0]} belongs to nothing in the bundle")
