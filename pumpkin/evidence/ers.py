"""Evidence records (RFC 4998): a time-stamp's proof for one check alone, which foreign verifiers read; its renewal.

A record is a sequence of chains, a chain a sequence of archive time-stamps, each a token with the reduced hash tree
that leads to its imprint. Within a chain one digest algorithm holds, and each time-stamp covers the token before it
(time-stamp renewal, for a certificate nearing its end). A new chain covers the objects again together with all chains
before it, by a new algorithm (hash-tree renewal).

The rules that verifiers differ on: a group's first list holds exactly its hashes; a list of one hash is never hashed,
so a first list of one is written together with its sibling; a hash-tree renewal's leaf is
`H'(H'(object) || H'(DER of the chains so far))`, not sorted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pumpkin.evidence import der, tsp
from pumpkin.evidence.der import Element, NotDer
from pumpkin.evidence.tsp_query import HASHES, algorithm
from pumpkin.evidence.tsp_token import in_der_order
from pumpkin.model.proofs import Verdict

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Some hundred renewals with their certificates."""

Object = bytes | Mapping[str, bytes]
"""What is proven: its bytes, or (when they are erased) its digests by name, `{"sha256": ...}`."""

_OIDS = {name: oid for oid, name in HASHES.items()}


@dataclass(frozen=True, slots=True)
class ArchiveTimeStamp:
    """`lists` is the reduced hash tree, empty when the token stamps the hash itself; `token` a ContentInfo in DER."""

    digest: str
    lists: tuple[tuple[bytes, ...], ...]
    token: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """An evidence record taken apart; `encoded_chains` are the chains' DER, in order."""

    chains: tuple[tuple[ArchiveTimeStamp, ...], ...]
    encoded_chains: tuple[bytes, ...]


def build(reduced: Sequence[Sequence[bytes]], token: bytes) -> bytes:
    """DER of a first evidence record: the lists of a reduced hash tree, the group's own first, and the token (response
    or ContentInfo) over their root. Raises ValueError when they do not lead to the token's imprint."""
    return _record([[_stamp(reduced, token)]])


def renewal_digest(record: bytes) -> tuple[str, bytes]:
    """What a time-stamp renewal must stamp: the digest's name, and the digest itself; or take that as a leaf among
    others, and give `renew_timestamp` the way up from it."""
    chain = parse(record).chains[-1]
    name, leaves = chain[0].digest, _token_hashes(chain)
    return name, leaves[0] if len(leaves) == 1 else _hash(name, b"".join(leaves))


def renew_timestamp(record: bytes, token: bytes, siblings: Sequence[Sequence[bytes]] = ()) -> bytes:
    """The record with one more token in its last chain. `siblings` is the reduced hash tree above `renewal_digest`,
    empty when the token stamps just that. Raises ValueError when token, tree and record do not fit.

    RFC 4998 section 5.2 asks for the last token to be covered; BouncyCastle asks for every token of the chain. The
    first list holds them all, which suits both.
    """
    parsed = parse(record)
    chain = parsed.chains[-1]
    if _imprint(tsp.token_of(token))[0] != chain[0].digest:
        raise ValueError("a time-stamp renewal keeps its chain's digest algorithm")
    chains = [_members(one) for one in parsed.encoded_chains]
    chains[-1].append(_stamp([_token_hashes(chain), *siblings], token))
    return _record(chains)


def renewal_leaf(record: bytes, proven: Object, digest: str) -> bytes:
    """What a hash-tree renewal by `digest` (sha256, sha384, sha512) must cover for one object."""
    return _renewed(_hash_of(proven, digest), _so_far(parse(record).encoded_chains), digest)


def renew_hashtree(record: bytes, reduced: Sequence[Sequence[bytes]], token: bytes) -> bytes:
    """The record with a new chain, whose tree's first list is the `renewal_leaf` of every object. Raises ValueError
    when tree and token do not fit."""
    chains = [_members(chain) for chain in parse(record).encoded_chains]
    return _record([*chains, [_stamp(reduced, token)]])


def archived(response: bytes) -> bytes:
    """The token of a response (or a bare one) as records hold it: its certificates in DER order."""
    return in_der_order(tsp.token_of(response))


def tokens(record: bytes) -> list[bytes]:
    """All tokens, oldest first, as ContentInfo in DER."""
    return [stamp.token for chain in parse(record).chains for stamp in chain]


def verify(
    record: bytes,
    objects: Sequence[Object],
    roots: Sequence[bytes],
    *,
    untrusted: Sequence[bytes] = (),
    at: int | None = None,
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
) -> Verdict:
    """Whether the record proves that `objects`, all of one group, existed at the first token's time, which is the
    verdict's. Codes are `tsp.verify`'s; `imprint` is a hash that is not where it belongs, `time` a token older than
    the one it renews, `cert_time` a certificate that had ended when its token was renewed. Never raises on input.

    With one object its hash may stand in the first list among others, with several the list must hold just theirs.
    """
    try:
        parsed = parse(record)
    except NotDer as error:
        return Verdict(False, "malformed", detail=str(error))
    if not objects:
        return Verdict(False, "imprint", detail="no object given")
    stamps = [stamp for chain in parsed.chains for stamp in chain]
    try:
        _follow(parsed, objects)
        times = [tsp.gen_time(stamp.token) for stamp in stamps]
    except tsp.Refused as refused:
        return Verdict(False, refused.code, detail=refused.detail)
    except NotDer as error:
        return Verdict(False, "malformed", detail=str(error))
    if times != sorted(times):
        return Verdict(False, "time", detail="a token is older than the one it renews")
    verdicts = []
    for stamp, until in zip(stamps, [*times[1:], None], strict=True):
        digest = _imprint(stamp.token)[1]
        judged = tsp.verify(
            stamp.token, digest=digest, roots=roots, untrusted=untrusted, at=at, until=until, crls=crls, ocsp=ocsp
        )
        if not judged.ok:
            return judged
        verdicts.append(judged)
    warnings = dict.fromkeys(sentence for one in verdicts for sentence in one.warnings)
    return replace(verdicts[0], warnings=tuple(warnings))


def parse(record: bytes) -> Record:
    """Raises NotDer for what is no EvidenceRecord of version 1 in DER, or is encrypted, or mixes algorithms."""
    if len(record) > MAX_RECORD_BYTES:
        raise NotDer("too large")
    record = bytes(record)
    parts = der.children(record, der.whole(record, der.SEQUENCE))
    if len(parts) < 3 or der.read_integer(record, parts[0]) != 1 or parts[1][0] != der.SEQUENCE:
        raise NotDer("no evidence record of version 1")
    if [part[0] for part in parts[2:]] not in ([der.SEQUENCE], [0xA0, der.SEQUENCE]):
        raise NotDer("encrypted evidence, or an unexpected element")
    announced = {algorithm(record, one) for one in der.children(record, parts[1])}
    encoded = [_sequence(record, one) for one in der.children(record, parts[-1])]
    chains = tuple(tuple(_archive_time_stamp(record, one) for one in der.children(record, found)) for found in encoded)
    used = [{stamp.digest for stamp in chain} for chain in chains]
    if not chains or any(len(names) != 1 for names in used):
        raise NotDer("a chain that is empty or mixes digest algorithms")
    if not {_OIDS[name] for names in used for name in names} <= announced:
        raise NotDer("a digest algorithm that is not announced")
    return Record(chains, tuple(der.encoded(record, found) for found in encoded))


def _archive_time_stamp(data: bytes, found: Element) -> ArchiveTimeStamp:
    parts = der.children(data, _sequence(data, found))
    fields = {part[0]: part for part in parts}
    order = [part[0] for part in parts]
    if order != [tag for tag in (0xA0, 0xA1, 0xA2, der.SEQUENCE) if tag in fields] or der.SEQUENCE not in fields:
        raise NotDer("archive time-stamp")
    token = der.encoded(data, fields[der.SEQUENCE])
    imprint_by, _ = _imprint(token)
    if 0xA0 in fields:
        stated = algorithm(data, (der.SEQUENCE, *fields[0xA0][1:]))
        if HASHES.get(stated) != imprint_by:
            raise NotDer("the tree's digest algorithm is not the token's")
    lists: tuple[tuple[bytes, ...], ...] = ()
    if 0xA2 in fields:
        lists = tuple(
            tuple(der.expect(data, one, der.OCTET_STRING) for one in der.children(data, _sequence(data, partial)))
            for partial in der.children(data, fields[0xA2])
        )
    size = hashlib.new(imprint_by).digest_size
    if any(not partial for partial in lists) or any(len(one) != size for partial in lists for one in partial):
        raise NotDer("hash tree")
    return ArchiveTimeStamp(imprint_by, lists, token)


def _imprint(token: bytes) -> tuple[str, bytes]:
    """Digest name and digest a token stamps."""
    parsed = tsp.parse_response(token).token
    if parsed is None or parsed.info is None:
        raise NotDer("no token")
    if parsed.info.algorithm not in HASHES:
        raise NotDer(f"a token over a digest by {parsed.info.algorithm}")
    return HASHES[parsed.info.algorithm], parsed.info.digest


def _follow(record: Record, objects: Sequence[Object]) -> None:
    """From the objects to every token's imprint (RFC 4998 sections 4.3 and 5.3)."""
    for n, chain in enumerate(record.chains):
        name = chain[0].digest
        leaves = [_hash_of(one, name) for one in objects]
        if n:
            before = _so_far(record.encoded_chains[:n])
            leaves = [_renewed(leaf, before, name) for leaf in leaves]
        for stamp in chain:
            _reach(stamp, leaves)
            leaves = [_hash(name, stamp.token)]


def _reach(stamp: ArchiveTimeStamp, leaves: list[bytes]) -> None:
    lists = stamp.lists or (tuple(leaves),)
    first = list(lists[0])
    missing = [leaf for leaf in leaves if leaf not in first]
    if missing or (len(leaves) > 1 and sorted(first) != sorted(leaves)):
        raise tsp.Refused("imprint", "the tree's first list does not hold the hashes it must")
    if _climb(stamp.digest, lists) != _imprint(stamp.token)[1]:
        raise tsp.Refused("imprint", "the tree does not lead to what the token stamps")


def _climb(name: str, lists: Sequence[Sequence[bytes]]) -> bytes:
    """A list's hashes ascending, joined and hashed, go into the next; a single hash goes as it is."""
    node: list[bytes] = []
    for partial in lists:
        members = sorted([*node, *partial])
        node = members if len(members) == 1 else [_hash(name, b"".join(members))]
    return node[0]


def _hash_of(proven: Object, name: str) -> bytes:
    if isinstance(proven, Mapping):
        if name not in proven:
            raise tsp.Refused("imprint", f"the object's {name} digest is needed")
        return proven[name]
    return _hash(name, proven)


def _hash(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def _token_hashes(chain: Sequence[ArchiveTimeStamp]) -> list[bytes]:
    return sorted(_hash(stamp.digest, stamp.token) for stamp in chain)


def _renewed(leaf: bytes, so_far: bytes, name: str) -> bytes:
    return _hash(name, leaf + _hash(name, so_far))


def _so_far(chains: Sequence[bytes]) -> bytes:
    return der.put(der.SEQUENCE, *chains)


def _stamp(reduced: Sequence[Sequence[bytes]], token: bytes) -> bytes:
    """DER of an ArchiveTimeStamp. A tree of one hash is left out: the token stamps it."""
    token = archived(token)
    name, stamped = _imprint(token)
    lists = [sorted(partial) for partial in reduced if partial]
    if len(lists) > 1 and len(lists[0]) == 1:
        lists[:2] = [sorted(lists[0] + lists[1])]
    if not lists or _climb(name, lists) != stamped:
        raise ValueError("the hash tree does not lead to what the token stamps")
    tree = [der.put(der.SEQUENCE, *(der.put(der.OCTET_STRING, one) for one in partial)) for partial in lists]
    if len(lists) == 1 and len(lists[0]) == 1:
        tree = []
    return der.put(
        der.SEQUENCE,
        der.put(0xA0, der.put_oid(_OIDS[name])),
        der.put(0xA2, *tree) if tree else b"",
        token,
    )


def _record(chains: Sequence[Sequence[bytes]]) -> bytes:
    """DER of an EvidenceRecord around encoded archive time-stamps."""
    encoded = [der.put(der.SEQUENCE, *chain) for chain in chains]
    names = dict.fromkeys(_first_digest(chain) for chain in encoded)
    algorithms = (der.put(der.SEQUENCE, der.put_oid(_OIDS[name])) for name in names)
    return der.put(
        der.SEQUENCE, der.put_integer(1), der.put(der.SEQUENCE, *algorithms), der.put(der.SEQUENCE, *encoded)
    )


def _first_digest(chain: bytes) -> str:
    return _archive_time_stamp(chain, der.children(chain, der.whole(chain, der.SEQUENCE))[0]).digest


def _members(chain: bytes) -> list[bytes]:
    return [der.encoded(chain, one) for one in der.children(chain, der.whole(chain, der.SEQUENCE))]


def _sequence(data: bytes, found: Element) -> Element:
    if found[0] != der.SEQUENCE:
        raise NotDer(f"no sequence at {found[1]}")
    return found
