"""Verify one check of a bundle: its record, its place, its times (steps 3 to 8 of `bundle_verify`)."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from pumpkin.evidence import authority, bundle, bundle_renew, checkpoint, ers, groups, merkle, record, renewal, tsp
from pumpkin.evidence.checkpoint import BadNote, Checkpoint, VerifierKey
from pumpkin.evidence.claims import CheckReport, Time, moment, quoted
from pumpkin.model.proofs import Verdict

_RENEWAL = re.compile(r"renewals/[1-9][0-9]{0,18}/")


class Fault(Exception):
    """Something in the bundle is not as it must be. `code` as in the module's table."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class Opened:
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


def judge_check(opened: Opened, folder: str) -> CheckReport:
    """The report on the check in `folder` ("" or "checks/<uuid>/"). Never raises on input."""
    name = folder.removeprefix("checks/").rstrip("/")
    try:
        return _proven(opened, folder, name)
    except Fault as fault:
        return CheckReport(name, fault.code, fault.detail)


def _proven(opened: Opened, folder: str, name: str) -> CheckReport:
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
    renewals: dict[Time, None] = {}
    for way in ways:
        time, index, size, newer = _stamped(opened, folder, way.removesuffix("proof.txt"), raw, payload)
        times.append(time)
        places.add((size, index))
        renewals |= dict.fromkeys(newer)
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
        renewals=tuple(sorted(renewals, key=lambda one: one.gen_time)),
        log_trusted=opened.log_trusted,
    )


def _payload(opened: Opened, folder: str, body: dict[str, Any]) -> bytes | None:
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


def _probe(opened: Opened, folder: str, body: dict[str, Any], payload: bytes | None) -> str:
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


def _stamped(
    opened: Opened, folder: str, way: str, raw: bytes, payload: bytes | None
) -> tuple[Time, int, int, list[Time]]:
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
    response, chain = opened.need(f"{shared}token.tsr", "malformed"), opened.get(f"{shared}chain.pem")
    time = _time(
        opened,
        response,
        anchor,
        query=opened.get(f"{shared}token.tsq"),
        chain=chain,
        revocation=_revocation(opened, shared),
    )
    renewals = _evidence(opened, way, raw, payload, response, chain)
    _still_good(opened, time, renewals)
    return time, index, size, renewals


def _note(opened: Opened, name: str, code: str) -> Checkpoint:
    try:
        return checkpoint.open_note(opened.need(name, code).decode(), opened.key)
    except ValueError as error:
        raise Fault(code, str(error)) from None


def _revocation(opened: Opened, shared: str) -> dict[str, bytes]:
    names = [name for name in opened.files if name.startswith(f"{shared}revocation/")]
    return {name: opened.get(name) or b"" for name in names}


def _time(
    opened: Opened,
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
    end = renewal.good_until(verdict.chain, renewal.digest_of(response))
    return Time(verdict.tsa or "an unnamed authority", verdict.gen_time, verdict.accuracy or 0, own, is_trusted, end)


def _after(opened: Opened, folder: str, body: dict[str, Any]) -> tuple[Time | None, int | None]:
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


def _direct(opened: Opened, folder: str, payload: bytes | None) -> Time | None:
    response, chain = opened.get(f"{folder}direct/token.tsr"), opened.get(f"{folder}direct/chain.pem")
    if response is None or payload is None:
        return None
    try:
        return _time(opened, response, payload, chain=chain)
    except Fault as fault:
        raise Fault("direct", f"{fault.code}: {fault.detail}") from None


def _evidence(
    opened: Opened, way: str, raw: bytes, payload: bytes | None, response: bytes, chain: bytes | None
) -> list[Time]:
    """What renewed the proof, oldest first. The evidence record must prove the record (and the payload where it is
    there) by the very token beside it, and each renewal in `renewals/` must be one of its tokens."""
    data = opened.get(f"{way}evidence.ers")
    if data is None:
        return []
    objects = [raw] if payload is None else [raw, payload]
    folders = sorted({match[0] for name in opened.files if (match := _RENEWAL.match(name))})
    chains = [opened.files.get(f"{folder}chain.pem") for folder in folders]
    untrusted = [one for one in (chain, *chains) if one]
    verdict = ers.verify(data, objects, [*opened.roots, *opened.own_roots], untrusted=untrusted, at=opened.at)
    if not verdict.ok:
        raise Fault("evidence", f"evidence.ers: {verdict.code} {verdict.detail}".rstrip())
    tokens = ers.tokens(data)
    if tokens[0] != ers.archived(response):
        raise Fault("evidence", "evidence.ers begins with another token than token.tsr")
    times = [time for folder in folders if (time := _renewal(opened, folder, tokens[1:]))]
    return times + _held(opened, data, objects, untrusted)


def _held(opened: Opened, data: bytes, objects: Sequence[bytes], untrusted: Sequence[bytes]) -> list[Time]:
    """What the bundle's holder renewed it by (`renewed/`), oldest first. A renewal that no root vouches for is told."""
    longer = bundle_renew.newest(opened.files, data)
    if longer is data:
        return []
    opened.get(f"renewed/{sha256(longer).hexdigest()}.ers")
    roots = [*opened.roots, *opened.own_roots]
    verdict = ers.verify(longer, objects, roots, untrusted=untrusted, at=opened.at)
    if not verdict.ok:
        opened.warnings[f"the holder's renewal is not taken: {verdict.code} {verdict.detail}".rstrip()] = None
        return []
    times = []
    for token in ers.tokens(longer)[len(ers.tokens(data)) :]:
        info = tsp.parse_response(token).token
        digest = info.info.digest if info and info.info else None
        times.append(_time(opened, token, None, digest=digest))
    return times


def _renewal(opened: Opened, folder: str, tokens: Sequence[bytes]) -> Time | None:
    """What a renewal's token says; None where it is not one of `tokens` (it belongs to another check's record)."""
    response = opened.files.get(f"{folder}token.tsr", b"")
    try:
        if ers.archived(response) not in tokens:
            return None
    except ValueError as error:
        raise Fault("evidence", f"{folder}token.tsr: {error}") from None
    opened.get(f"{folder}token.tsr")
    try:
        return _time(
            opened,
            response,
            opened.need(f"{folder}data.bin", "evidence"),
            query=opened.get(f"{folder}token.tsq"),
            chain=opened.get(f"{folder}chain.pem"),
            revocation=_revocation(opened, folder),
        )
    except Fault as fault:
        raise Fault("evidence", f"{folder}: {fault.code}: {fault.detail}") from None


def _still_good(opened: Opened, time: Time, renewals: Sequence[Time]) -> None:
    """Say where the proof ended before the time it is judged at, and nothing renewed it while it was good. Where a root
    was given, only renewals that lead to one count: an authority of the operator's own prolongs nothing."""
    end = time.good_until
    counted = [one for one in renewals if one.trusted or not opened.roots]
    for one in sorted(counted, key=lambda one: one.gen_time):
        end = max(end, one.good_until) if one.gen_time <= end else end
    judged = clock.time_ns() // 1_000 if opened.at is None else opened.at
    if judged > end:
        opened.warnings[f"{quoted(time.authority)}: the proof was good until {moment(end)}; nothing renewed it"] = None
