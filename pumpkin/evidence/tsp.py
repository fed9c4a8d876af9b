"""Time-stamps: ask (RFC 3161 section 2.4.1) and verify, strictly, with the certificates' state at the token's time.

`verify` goes through numbered steps; the first that fails gives the verdict's code:

 1 parse               malformed too_large       10 authority's name      tsa_name
 2 status              rejected                  11 signed attributes     attributes content_type imprint_signed ess
 3 imprint algorithm   algorithm                 12 signature             signature (algorithm)
 4 imprint             imprint                   13 chain at genTime      cert_time chain
 5 nonce               nonce                     14 revocation            revoked
 6 policy              policy                    15 time                  time
 7 critical extensions extension
 8 one signer          signers no_certificate
 9 its purpose         eku key_usage (algorithm)

What is accepted but may be changed without the signature noticing (a status text, a certificate nobody needs) is said
in the verdict's warnings. Nothing is ever raised for what the bytes are.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pumpkin.evidence import certificates, signatures
from pumpkin.evidence.certificates import Certificate
from pumpkin.evidence.der import NotDer
from pumpkin.evidence.revocation import Revocation, revoked
from pumpkin.evidence.tsp_binding import Refused, certificate_of, check_attributes, check_name
from pumpkin.evidence.tsp_query import HASHES, SIZES, Query, make_query, parse_query
from pumpkin.evidence.tsp_token import (
    MAX_RESPONSE_BYTES,
    TST_INFO,
    Info,
    Response,
    Signer,
    Token,
    parse_response,
    token_bytes,
)
from pumpkin.model.proofs import Verdict

__all__ = [
    "Refused",
    "certificates_of",
    "check_response",
    "gen_time",
    "make_query",
    "parse_query",
    "parse_response",
    "token_of",
    "verify",
]

CLOCK_SLACK_US = 300 * 1_000_000
"""A token may be this much later than the clock it is judged by, besides its own accuracy."""


@dataclass(slots=True)
class _Case:
    """What is known of one token while it is judged."""

    warnings: list[str]
    info: Info | None = None
    signer: Certificate | None = None
    chain: tuple[Certificate, ...] = ()

    def warn(self, sentence: str) -> None:
        if sentence:
            self.warnings.append(sentence)


def verify(
    response: bytes,
    *,
    roots: Sequence[bytes],
    digest: bytes | None = None,
    data: bytes | None = None,
    query: bytes | None = None,
    untrusted: Sequence[bytes] = (),
    policy: str | None = None,
    at: int | None = None,
    window: tuple[int | None, int | None] | None = None,
    until: int | None = None,
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
) -> Verdict:
    """Judge a TimeStampResp or a bare token against what it should stamp: `data`, its `digest` (of the token's own
    algorithm) or the imprint in `query` (a DER TimeStampReq; then nonce and policy are compared too); all that are
    given must fit, none given is code `imprint`.

    `roots` and `untrusted` are PEM or DER, `crls` and `ocsp` DER or PEM (in the token they are found without). `at` is
    the time to judge at (microseconds, default now): a token later than that is code `time`, as is one outside
    `window` (earliest, latest), each side widened by the token's accuracy. `until` (microseconds) asks the chain to
    hold up to a renewal as well. Revocation counts only as far as lists or answers are given. Never raises on input.
    """
    case = _Case([])
    try:
        _judge(case, response, roots, digest, data, query, untrusted, policy, at, window, until, Revocation(crls, ocsp))
    except Refused as refused:
        return _verdict(case, refused.code, refused.detail)
    return _verdict(case, "ok", "")


def check_response(
    response: bytes,
    *,
    roots: Sequence[bytes],
    query: bytes | None = None,
    data: bytes | None = None,
    digest: bytes | None = None,
    untrusted: Sequence[bytes] = (),
    policy: str | None = None,
    at: int | None = None,
) -> Verdict:
    """`verify` by the words of the command `tsa check`."""
    return verify(
        response, roots=roots, query=query, data=data, digest=digest, untrusted=untrusted, policy=policy, at=at
    )


def token_of(response: bytes) -> bytes:
    """DER of the TimeStampToken (ContentInfo) in a response; a bare token is given back. Raises NotDer, a ValueError,
    when there is none."""
    return token_bytes(response)


def certificates_of(response: bytes) -> tuple[bytes, ...]:
    """DER of the certificates a response or token carries, in its order, nothing verified. Raises NotDer when there is
    no token."""
    token = parse_response(response).token
    if token is None:
        raise NotDer("the response holds no token")
    return token.certificates


def gen_time(response: bytes) -> int:
    """Microseconds of the token's genTime as claimed, nothing verified. Raises NotDer when there is none."""
    token = parse_response(response).token
    if token is None or token.info is None:
        raise NotDer("the response holds no TSTInfo")
    return token.info.gen_time


def _judge(
    case: _Case,
    response: bytes,
    roots: Sequence[bytes],
    digest: bytes | None,
    data: bytes | None,
    query: bytes | None,
    untrusted: Sequence[bytes],
    policy: str | None,
    at: int | None,
    window: tuple[int | None, int | None] | None,
    until: int | None,
    revocation: Revocation,
) -> None:
    parsed = _parse(response)  # 1
    asked = _asked(query)
    token = _granted(case, parsed)  # 2
    info = case.info = _tst_info(token)
    _imprint_algorithm(info)  # 3
    _imprint(info, digest, data, asked)  # 4
    _nonce(case, info, asked)  # 5
    _policy(info, policy, asked)  # 6
    _extensions(info)  # 7
    signer = _signer(token)  # 8
    pool = _pool(case, token, untrusted)
    certificate = case.signer = certificate_of(signer, pool)
    _purpose(certificate)  # 9
    case.warn(check_name(info, certificate))  # 10
    check_attributes(signer, token, certificate)  # 11
    _signature(signer, certificate)  # 12
    case.chain = _chain(certificate, pool, certificates.read_all(roots), info.gen_time)  # 13
    if until is not None and until > min(one.not_after for one in case.chain[:-1] or case.chain):
        raise Refused("cert_time", "a certificate of the chain had ended when the token was renewed")
    _revocation(case.chain, info.gen_time, revocation.with_crls(token.crls))  # 14
    _time(info, at, window)  # 15
    _flag(case, parsed, token, signer)


def _verdict(case: _Case, code: str, detail: str) -> Verdict:
    info = case.info
    return Verdict(
        ok=code == "ok",
        code=code,
        gen_time=info.gen_time if info else None,
        accuracy=(info.accuracy or 0) if info else None,
        policy=info.policy if info else None,
        serial=info.serial if info else None,
        tsa=case.signer.name() if case.signer else None,
        chain=tuple(one.der for one in case.chain),
        warnings=tuple(case.warnings),
        detail=detail,
    )


def _parse(response: bytes) -> Response:
    if len(response) > MAX_RESPONSE_BYTES:
        raise Refused("too_large", f"{len(response)} bytes")
    try:
        return parse_response(bytes(response))
    except NotDer as error:
        raise Refused("malformed", str(error)) from error


def _asked(query: bytes | None) -> Query | None:
    if query is None:
        return None
    try:
        return parse_query(bytes(query))
    except NotDer as error:
        raise Refused("malformed", f"the query: {error}") from error


def _granted(case: _Case, parsed: Response) -> Token:
    if parsed.status not in (None, 0, 1):
        raise Refused("rejected", f"status {parsed.status}, failure bits {list(parsed.failure)}, {parsed.text!r}")
    if parsed.token is None:
        raise Refused("malformed", "granted, but no token")
    if parsed.failure:
        raise Refused("malformed", "granted, and failure bits set")
    if parsed.status == 1:
        case.warnings.append("granted with modifications: the authority changed what was asked")
    if parsed.text:
        case.warnings.append("the reply carries a text that nothing signs")
    return parsed.token


def _tst_info(token: Token) -> Info:
    if token.content_type != TST_INFO:
        raise Refused("content_type", f"the token holds {token.content_type}")
    if token.info is None:
        raise Refused("malformed", "the token holds no TSTInfo")
    if token.info.version != 1:
        raise Refused("malformed", f"TSTInfo version {token.info.version}")
    return token.info


def _imprint_algorithm(info: Info) -> None:
    if info.algorithm not in HASHES:
        raise Refused("algorithm", f"imprint by {info.algorithm}")
    if len(info.digest) != SIZES[HASHES[info.algorithm]]:
        raise Refused("malformed", "the imprint's length is not its algorithm's")


def _imprint(info: Info, digest: bytes | None, data: bytes | None, asked: Query | None) -> None:
    if digest is None and data is None and asked is None:
        raise Refused("imprint", "nothing given to compare with")
    if data is not None and hashlib.new(HASHES[info.algorithm], data).digest() != info.digest:
        raise Refused("imprint", "the token stamps other data")
    if digest is not None and bytes(digest) != info.digest:
        raise Refused("imprint", "the token stamps another digest")
    if asked is not None and (asked.algorithm, asked.digest) != (info.algorithm, info.digest):
        raise Refused("imprint", "the token stamps another digest than the query asked for")


def _nonce(case: _Case, info: Info, asked: Query | None) -> None:
    if asked is None:
        return
    if asked.nonce is None and info.nonce is not None:
        case.warnings.append("the token bears a nonce that was not asked for")
    elif asked.nonce != info.nonce:
        raise Refused("nonce", "missing" if info.nonce is None else "another than asked")


def _policy(info: Info, policy: str | None, asked: Query | None) -> None:
    for wanted in (policy, asked.policy if asked else None):
        if wanted is not None and wanted != info.policy:
            raise Refused("policy", f"issued under {info.policy}, not {wanted}")


def _extensions(info: Info) -> None:
    if info.critical:
        raise Refused("extension", f"unknown critical {', '.join(info.critical)}")


def _signer(token: Token) -> Signer:
    if len(token.signers) != 1:
        raise Refused("signers", f"{len(token.signers)} signers")
    return token.signers[0]


def _pool(case: _Case, token: Token, untrusted: Sequence[bytes]) -> tuple[Certificate, ...]:
    inside = [certificates.read(one) for one in token.certificates]
    if None in inside:
        case.warnings.append("an element among the token's certificates is none that can be read")
    found = {one.der: one for one in (*inside, *certificates.read_all(untrusted)) if one}
    return tuple(found.values())


def _purpose(certificate: Certificate) -> None:
    if certificate.purpose:
        raise Refused(certificate.purpose, "the certificate is not one for time-stamping only")
    if certificate.key is None:
        raise Refused("algorithm", "the signer's key is of a kind or strength not taken")


def _signature(signer: Signer, certificate: Certificate) -> None:
    if certificate.key is None or signer.signed is None:
        raise Refused("signature", "nothing to verify with")
    try:
        scheme = signatures.scheme(signer.signature_algorithm, HASHES.get(signer.digest, ""), certificate.key)
    except ValueError as error:
        raise Refused("algorithm", str(error)) from error
    if not scheme.verifies(certificate.key, signer.signature, signer.signed):
        raise Refused("signature", "does not verify")


def _chain(
    leaf: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], moment: int
) -> tuple[Certificate, ...]:
    if not leaf.not_before <= moment <= leaf.not_after:
        raise Refused("cert_time", "the signer's certificate was not valid at genTime")
    found = certificates.chain(leaf, pool, roots, moment)
    if found:
        return found
    if certificates.chain_at_other_time(leaf, pool, roots):
        raise Refused("cert_time", "a certificate of the chain was not valid at genTime")
    raise Refused("chain", "no chain of valid issuers leads to a root given")


def _revocation(chain: Sequence[Certificate], moment: int, known: Revocation) -> None:
    for certificate, issuer in pairwise(chain):
        if known and revoked(certificate, issuer, moment, known):
            raise Refused("revoked", certificate.name())


def _time(info: Info, at: int | None, window: tuple[int | None, int | None] | None) -> None:
    accuracy = info.accuracy or 0
    judged = time.time_ns() // 1000 if at is None else at
    if info.gen_time > judged + accuracy + CLOCK_SLACK_US:
        raise Refused("time", "the token is later than the time it is judged at")
    earliest, latest = window or (None, None)
    if earliest is not None and info.gen_time < earliest - accuracy:
        raise Refused("time", "the token is earlier than the request")
    if latest is not None and info.gen_time > latest + accuracy:
        raise Refused("time", "the token is later than its answer")


def _flag(case: _Case, parsed: Response, token: Token, signer: Signer) -> None:
    """Say what no signature covers and is not as every authority writes it."""
    used = {one.der for one in case.chain}
    notes = (
        (parsed.ber, "not DER: written as BER"),
        (any(one not in used for one in token.certificates), "the token carries certificates its chain does not use"),
        (token.crls, "the token carries revocation lists"),
        (signer.unsigned, "the token carries attributes that nothing signs"),
        (token.version != 3, f"SignedData has version {token.version} instead of 3"),
        (signer.version != (1 if signer.key_id is None else 3), f"SignerInfo has version {signer.version}"),
        (signer.digest not in token.digests, "SignedData does not announce the signer's digest"),
        (len(token.digests) > 1, "SignedData announces more digests than used"),
        (case.info is not None and case.info.accuracy is None, "the authority claims no accuracy"),
    )
    case.warnings += [sentence for holds, sentence in notes if holds]
