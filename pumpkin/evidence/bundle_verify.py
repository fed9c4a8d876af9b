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
from typing import Any

from pumpkin.evidence import authority, bundle, bundle_zip, certificates, checkpoint, groups, merkle, record, tsp
from pumpkin.evidence.checkpoint import BadNote, Checkpoint, VerifierKey
from pumpkin.evidence.claims import CheckReport, Report, Time, quoted
from pumpkin.model.proofs import Verdict

_FOLDER = re.compile(r"checks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_MICRO = 1_000_000


class Fault(Exception):
    """Something in the bundle is not as it must be. `code` as in the module's table."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class _Opened:
    """The files of a bundle with what is trusted; remembers which files were read."""

    def __init__(self, files: dict[str, bytes], roots: Sequence[bytes], at: int | None) -> None:
        self.files, self.roots, self.at = files, roots, at
        self.read: set[str] = set()
        self.warnings: dict[str, None] = {}
        self.key = VerifierKey("", b"")
        self.log_trusted = False
        self.tokens: dict[tuple[bytes | None, ...], tuple[Verdict, bool]] = {}

    def get(self, name: str) -> bytes | None:
        self.read.add(name)
        return self.files.get(name)

    def need(self, name: str, code: str) -> bytes:
        data = self.get(name)
        if data is None:
            raise Fault(code, f"{name} is missing")
        return data

    @property
    def own_roots(self) -> list[bytes]:
        pem = self.get("trust-root.pem")
        return [pem] if pem else []


def verify_bundle(
    data: bytes, *, roots: Sequence[bytes] = (), log_key: bytes | None = None, at: datetime | None = None
) -> Report:
    """The report on a bundle. `roots` are certificates (PEM or DER) and `log_key` the log's public key (PEM or vkey)
    that the caller trusts; `at` is the time to judge at, default now. Never raises on input."""
    try:
        files = bundle_zip.unpack(data)
    except bundle_zip.NoBundle as error:
        return Report("unreadable", str(error))
    opened = _Opened(files, roots, None if at is None else int(at.timestamp() * _MICRO))
    try:
        return _judge(opened, log_key)
    except Fault as fault:
        return Report(fault.code, fault.detail, warnings=tuple(opened.warnings), log_trusted=False)


def fingerprints(pem: bytes) -> tuple[str, ...]:
    """SHA-256 of each certificate's DER, as hex."""
    return tuple(sha256(one.der).hexdigest() for one in certificates.read_all([pem]))


def _judge(opened: _Opened, log_key: bytes | None) -> Report:
    _manifest(opened, log_key)
    reports = [_check(opened, folder) for folder in _folders(opened.files)]
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


def _manifest(opened: _Opened, log_key: bytes | None) -> None:
    raw, signature = opened.need("manifest.json", "manifest"), opened.need("manifest.sig", "manifest")
    try:
        body = json.loads(raw)
        key = opened.key = VerifierKey.parse(body["log"])
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        raise Fault("manifest", "the manifest is none") from None
    others = {name: one for name, one in opened.files.items() if name not in ("manifest.json", "manifest.sig")}
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


def _check(opened: _Opened, folder: str) -> CheckReport:
    name = folder.removeprefix("checks/").rstrip("/")
    try:
        return _proven(opened, folder, name)
    except Fault as fault:
        return CheckReport(name, fault.code, fault.detail)


def _proven(opened: _Opened, folder: str, name: str) -> CheckReport:
    raw = opened.need(f"{folder}record.json", "record")
    try:
        body = record.parse(raw)
    except ValueError as error:
        raise Fault("record", str(error)) from None
    if folder and body["id"] != name:
        raise Fault("record", "the record has another id than its folder")
    payload = _payload(opened, folder, body)
    ways = sorted({part for part in opened.files if re.fullmatch(f"{folder}authorities/[^/]+/proof.txt", part)})
    if not ways:
        raise Fault("inclusion", "no authority has stamped this check")
    times, places = [], set()
    for way in ways:
        time, index, size = _stamped(opened, folder, way.removesuffix("proof.txt"), raw, payload)
        times.append(time)
        places.add((size, index))
        if time.latest < body["received"]:
            opened.warnings[f"{quoted(time.authority)} says a time before the one the log took the check in at"] = None
    if len({index for _, index in places}) != 1:
        raise Fault("inclusion", "the authorities' proofs put the record at different places")
    size, index = max(places)
    after, after_size = _after(opened, folder, body)
    return CheckReport(
        id=body["id"],
        code="ok",
        agent=body["source"]["agent"],
        payload_size=body["payload"]["size"],
        erased=payload is None,
        index=index,
        size=size,
        origin=opened.key.name,
        times=tuple(times),
        after=after,
        after_size=after_size,
        direct=_direct(opened, folder, payload),
        signed_by=_probe(opened, folder, body, payload),
        log_trusted=opened.log_trusted,
    )


def _payload(opened: _Opened, folder: str, body: dict[str, Any]) -> bytes | None:
    """The payload once it fits the record's commitments; None when it was erased."""
    payload, salt = opened.get(f"{folder}payload.bin"), opened.get(f"{folder}payload-salt.bin")
    detail = opened.get(f"{folder}detail.json")
    if payload is None and salt is None and detail is None:
        opened.warnings["the payload was erased: the record stands without it"] = None
        return None
    if payload is None or salt is None or len(salt) != 32:
        raise Fault("payload", "payload.bin and payload-salt.bin (32 bytes) belong together")
    if len(payload) != body["payload"]["size"] or record.commitment(salt, payload).hex() != body["payload"]["commit"]:
        raise Fault("payload", "the payload is not the one the record commits to")
    if (record.commitment(salt, detail).hex() if detail is not None else None) != body["detail"]:
        raise Fault("detail", "the detail is not the one the record commits to")
    return payload


def _probe(opened: _Opened, folder: str, body: dict[str, Any], payload: bytes | None) -> str:
    """SHA-256 of the probe key that verifies the record's signature; empty where there is nothing to check."""
    pem = opened.get(f"{folder}probe-key.pem")
    if pem is None or payload is None:
        return ""
    signed = record.signed_parts(
        id=body["id"],
        kind=body["kind"],
        type=body["type"],
        format=body["format"],
        agent=body["source"]["agent"],
        observed=body["observed"],
        after=body["after"],
        payload_hash=sha256(payload).digest(),
    )
    try:
        key = VerifierKey.from_pem("probe", pem)
    except BadNote as error:
        raise Fault("probe", str(error)) from None
    if body["sig"] is None or not key.verify(bytes.fromhex(body["sig"]), signed):
        raise Fault("probe", "the record is not signed by the probe's key")
    return sha256(key.public).hexdigest()


def _stamped(opened: _Opened, folder: str, way: str, raw: bytes, payload: bytes | None) -> tuple[Time, int, int]:
    try:
        index, size, path = bundle.parse_proof(opened.need(f"{way}proof.txt", "inclusion"))
    except ValueError as error:
        raise Fault("inclusion", str(error)) from None
    shared = way if not folder else f"{way.removeprefix(folder).rstrip('/')}-{size}/"
    note = _note(opened, f"{shared}checkpoint.txt", "checkpoint")
    if note.size != size or not merkle.verify_inclusion(merkle.leaf_hash(raw), index, size, path, note.root):
        raise Fault("inclusion", "the record does not stand in the checkpoint's tree where the proof says")
    anchor = opened.need(f"{shared}anchor.bin", "anchor")
    digest = groups.body_hash(opened.files[f"{shared}checkpoint.txt"].decode())
    if len(anchor) != 64 or anchor[:32] > anchor[32:] or digest not in (anchor[:32], anchor[32:]):
        raise Fault("anchor", "the anchor does not hold the checkpoint's hash")
    time = _time(
        opened,
        opened.need(f"{shared}token.tsr", "token"),
        anchor,
        query=opened.get(f"{shared}token.tsq"),
        chain=opened.get(f"{shared}chain.pem"),
        revocation=_revocation(opened, shared),
    )
    _evidence(opened, way, raw, payload, anchor)
    return time, index, size


def _note(opened: _Opened, name: str, code: str) -> Checkpoint:
    try:
        return checkpoint.open_note(opened.need(name, code).decode(), opened.key)
    except ValueError as error:
        raise Fault(code, str(error)) from None


def _revocation(opened: _Opened, shared: str) -> dict[str, bytes]:
    names = [name for name in opened.files if name.startswith(f"{shared}revocation/")]
    return {name: opened.get(name) or b"" for name in names}


def _time(
    opened: _Opened,
    response: bytes,
    data: bytes | None,
    *,
    digest: bytes | None = None,
    query: bytes | None = None,
    chain: bytes | None = None,
    revocation: dict[str, bytes] | None = None,
) -> Time:
    """What a token says. Raises the verifier's code when it does not hold even by the bundle's own roots."""
    known = (response, data, digest, query, chain)
    if known not in opened.tokens:
        crls = [one for name, one in (revocation or {}).items() if name.rpartition("/")[2].startswith("crl")]
        ocsp = [one for name, one in (revocation or {}).items() if name.rpartition("/")[2].startswith("ocsp")]

        def ask(roots: Sequence[bytes]) -> Verdict:
            return tsp.verify(
                response,
                roots=roots,
                data=data,
                digest=digest,
                query=query,
                untrusted=[chain] if chain else [],
                at=opened.at,
                crls=crls,
                ocsp=ocsp,
            )

        trusted = ask(opened.roots) if opened.roots else None
        verdict = trusted if trusted and trusted.ok else ask(opened.own_roots)
        opened.tokens[known] = verdict, bool(trusted and trusted.ok)
    verdict, is_trusted = opened.tokens[known]
    if not verdict.ok or verdict.gen_time is None:
        raise Fault(verdict.code, f"the time-stamp token: {verdict.detail or verdict.code}")
    for warning in verdict.warnings:
        opened.warnings[f"{verdict.tsa}: {warning}"] = None
    own = any(authority.is_self_asserted(one) for one in verdict.chain)
    return Time(verdict.tsa or "an unnamed authority", verdict.gen_time, verdict.accuracy or 0, own, is_trusted)


def _after(opened: _Opened, folder: str, body: dict[str, Any]) -> tuple[Time | None, int | None]:
    """The token that bounds the time from below, and the size of the checkpoint the record names, where known."""
    name = f"{folder}after/checkpoint.txt"
    if name not in opened.files:
        return None, None
    note = _note(opened, name, "after")
    if groups.body_hash(opened.files[name].decode()).hex() != body["after"]:
        raise Fault("after", "the record does not name the checkpoint in after/")
    response, chain = opened.get(f"{folder}after/token.tsr"), opened.get(f"{folder}after/chain.pem")
    if response is None:
        return None, note.size
    try:
        named = checkpoint.newest_token(tsp.token_of(response)) in note.extensions
        token = tsp.parse_response(response).token
    except ValueError as error:
        raise Fault("after", str(error)) from None
    if not named or token is None or token.info is None:
        raise Fault("after", "the checkpoint in after/ does not name the token beside it")
    try:
        return _time(opened, response, None, digest=token.info.digest, chain=chain), note.size
    except Fault as fault:
        raise Fault("after", f"{fault.code}: {fault.detail}") from None


def _direct(opened: _Opened, folder: str, payload: bytes | None) -> Time | None:
    response, chain = opened.get(f"{folder}direct/token.tsr"), opened.get(f"{folder}direct/chain.pem")
    if response is None or payload is None:
        return None
    try:
        return _time(opened, response, payload, chain=chain)
    except Fault as fault:
        raise Fault("direct", f"{fault.code}: {fault.detail}") from None


def _evidence(opened: _Opened, way: str, raw: bytes, payload: bytes | None, anchor: bytes) -> None:
    opened.get(f"{way}evidence.ers")


def _cosignatures(opened: _Opened) -> None:
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


def _nothing_unread(opened: _Opened) -> None:
    opened.get("trust-root.pem")
    left = sorted(set(opened.files) - opened.read)
    if left:
        raise Fault("surplus", f"{left[0]} belongs to nothing in the bundle")
