"""How long a token's proof is good, and what a renewal has to cover (RFC 4998 section 5).

A proof is good while every certificate under its root is valid and every algorithm it rests on is thought to hold.
Before that ends, a newer token over the older ones (time-stamp renewal) or over the objects again by a stronger digest
(hash-tree renewal) takes over. Until when algorithms hold is a table, to be changed by who knows better.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pumpkin.evidence import certificates, ers, groups, tsp
from pumpkin.evidence.certificates import Certificate
from pumpkin.evidence.der import NotDer
from pumpkin.evidence.tsp_query import HASHES
from pumpkin.evidence.tsp_token import in_der_order

END = 253_402_300_799_000_000
"""The year 9999: good for as long as anybody knows."""


def _day(year: int) -> int:
    return int(datetime(year, 12, 31, tzinfo=UTC).timestamp()) * 1_000_000


HOLDS_UNTIL: dict[str, int] = {
    "sha256": END,
    "sha384": END,
    "sha512": END,
    "rsa2048": _day(2030),
    "rsa3072": _day(2035),
    "p256": _day(2035),
    "p384": _day(2035),
    "p521": _day(2035),
}
"""Microseconds. 112 bits of strength end in 2030 (NIST SP 800-57 part 1 revision 5, table 4); signatures that a quantum
computer would break in 2035 (NIST IR 8547); for these digests no end is named."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Until when each algorithm is trusted here, microseconds by name: the table above, or one more careful."""

    until: Mapping[str, int]

    def of(self, name: str) -> int:
        """0 for an algorithm the table does not know."""
        return self.until.get(name, 0)


DEFAULT = Policy(HOLDS_UNTIL)


def good_until(chain: Sequence[bytes], digest: str, policy: Policy = DEFAULT) -> int:
    """Until when (microseconds) a token is good by its chain (DER, leaf first) and the digest it stamps by. The root's
    own end does not count: it is trusted because a person pinned it."""
    found = certificates.read_all(chain)
    below = found[:-1] or found
    ends = [one.not_after for one in below] + [policy.of(_strength(one)) for one in found]
    return min([*ends, policy.of(digest)])


def digest_of(response: bytes) -> str:
    """The name of the digest a token stamps by: sha256, sha384 or sha512. NotDer when there is no such token."""
    return opened(response)[0]


def opened(response: bytes) -> tuple[str, bytes]:
    """The name of the digest a token stamps by, and the token as evidence records hold it (`ers.archived`)."""
    token = tsp.parse_response(response).token
    if token is None or token.info is None or token.info.algorithm not in HASHES:
        raise NotDer("no token over a digest that is taken")
    return HASHES[token.info.algorithm], in_der_order(token.der)


def leaf(tokens: Sequence[bytes], digest: str) -> bytes:
    """What a time-stamp renewal covers of one chain: the hash over its tokens (ContentInfo as records hold it, oldest
    first, since the last hash-tree renewal). `ers.renewal_digest` gives the same of a record."""
    hashes = sorted(hashlib.new(digest, token).digest() for token in tokens)
    return hashes[0] if len(hashes) == 1 else hashlib.new(digest, b"".join(hashes)).digest()


def stamped_data(leaves: Sequence[bytes], alone: bytes, digest: str) -> bytes:
    """The bytes whose digest a renewal's token stamps: the two nodes under the tree's root; for a single leaf `alone`,
    the bytes that leaf is the digest of."""
    return groups.top(leaves, digest) if len(leaves) > 1 else alone


def preimage(tokens: Sequence[bytes], digest: str) -> bytes:
    """The bytes that `leaf` is the digest of."""
    if len(tokens) == 1:
        return tokens[0]
    return b"".join(sorted(hashlib.new(digest, token).digest() for token in tokens))


def rehashed(record: bytes, objects: Sequence[ers.Object], digest: str) -> tuple[list[bytes], bytes]:
    """For a hash-tree renewal: the first list of one group, ascending, and the group's own hash, its leaf."""
    first = sorted(ers.renewal_leaf(record, one, digest) for one in objects)
    return first, first[0] if len(first) == 1 else hashlib.new(digest, b"".join(first)).digest()


def _strength(certificate: Certificate) -> str:
    key = certificate.x509.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa3072" if key.key_size >= 3_072 else "rsa2048"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}.get(key.curve.name, "")
    return ""
