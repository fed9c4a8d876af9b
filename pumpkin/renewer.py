"""Renews proofs before they weaken: one token over all older ones, or over every check again by a stronger digest.

A time-stamp renewal covers the tokens of stamps (RFC 4998 section 5.2) and costs one call of an authority, however many
checks stand under them. A hash-tree renewal (section 5.3) reads every check that still has its payload.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from pumpkin.evidence import ers, groups, proof, renewal
from pumpkin.model.checks import Check
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.store import checks, proofs, renewals
from pumpkin.store.database import Database
from pumpkin.store.renewals import Covering, Earlier, Renewal

log = structlog.get_logger("pumpkin.renewer")

DAY_US = 86_400_000_000
PAGE = 500  # checks held at a time
PART = 4_096  # stamps whose leaves are kept together, a power of two: a proof reads one part


@dataclass(frozen=True, slots=True)
class Granted:
    """A verified token over the bytes asked for: DER of request and response, chain in DER leaf first; times in
    microseconds."""

    authority: str
    query: bytes
    response: bytes
    chain: tuple[bytes, ...]
    gen_time: int
    accuracy: int
    self_asserted: bool
    revocation: Mapping[str, bytes] = field(default_factory=dict)


Ask = Callable[[bytes, str], Awaitable[Granted]]
"""From bytes and a digest's name to a verified token over them."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was renewed: the renewal's number (of its last part), its kind, how many stamps and checks it covers."""

    number: int
    kind: str
    digest: str
    authority: str
    stamps: int
    checks: int | None = None


class Renewer:
    """Renewals over one store. `margin_us` is how long before a proof's end it is renewed; `part` (a power of two) how
    many stamps' leaves are kept together."""

    def __init__(
        self,
        db: Database,
        *,
        margin_us: int = 90 * DAY_US,
        part: int = PART,
        policy: renewal.Policy = renewal.DEFAULT,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._db, self._margin_us, self._policy, self._now, self._part = db, margin_us, policy, now, part

    async def due(self, *, every: bool = False) -> list[tuple[int, bytes]]:
        """(number, response) of the stamps whose proof ends within the margin; with `every` of all that no renewal
        covers for longer than their own token does."""
        horizon = self._now() + self._margin_us
        ending = [
            hash_
            for hash_, chain, response in await renewals.chains(self._db)
            if every or _good_until(chain, response, self._policy) <= horizon
        ]
        return await renewals.due(self._db, ending, renewal.END if every else horizon) if ending else []

    async def renew(self, ask: Ask, *, every: bool = False) -> list[Done]:
        """Renew by time-stamp what is due: one token for each digest in use (one, but after a hash-tree renewal)."""
        waiting = await self.due(every=every)
        before = await renewals.earlier(self._db, [stamp for stamp, _ in waiting])
        chains: dict[str, list[tuple[int, list[bytes]]]] = {}
        for stamp, response in waiting:
            try:
                digest, tokens = _chain(response, before.get(stamp, ()))
            except ValueError:  # it was edited in the database; an audit says so
                log.error("a stamp holds no token and cannot be renewed", stamp=stamp)
                continue
            chains.setdefault(digest, []).append((stamp, tokens))
        return [await self._renew(ask, digest, members) for digest, members in chains.items()]

    async def _renew(self, ask: Ask, digest: str, members: Sequence[tuple[int, list[bytes]]]) -> Done:
        leaves = [renewal.leaf(tokens, digest) for _, tokens in members]
        data = renewal.stamped_data(leaves, renewal.preimage(members[0][1], digest), digest)
        return await self._keep("timestamp", digest, data, await ask(data, digest), leaves, [one for one, _ in members])

    async def rehash(self, ask: Ask, digest: str) -> list[Done]:
        """Renew every check's proof by a hash-tree over the checks again, by `digest`. A check whose payload was erased
        keeps its proof as it is."""
        roots: list[bytes] = []
        stamps: list[int] = []
        hashes: list[bytes | None] = []
        count = 0
        for stamp in await renewals.stamps(self._db):
            found = await self._groups(stamp, digest)
            there = [one for one in found if one]
            if not there:
                continue
            roots.append(groups.group_root(there, digest))
            stamps.append(stamp.id)
            size = len(there[0])
            hashes.append(b"".join(one or bytes(size) for one in found))
            count += len(there)
        if not roots:
            return []
        if len(roots) == 1:  # a tree needs two leaves for its token to stamp bytes that are kept
            roots.append(groups.group_root([roots[0], bytes(len(roots[0]))], digest))
        data = groups.top(roots, digest)
        return [await self._keep("hashtree", digest, data, await ask(data, digest), roots, stamps, hashes, count)]

    async def _groups(self, stamp: Stamp, digest: str) -> list[bytes | None]:
        """The new leaf of each check a stamp covers, in log order; None where the payload was erased."""
        gathered = await gather(self._db, stamp)
        found: list[bytes | None] = []
        for start in range(stamp.start, stamp.size, PAGE):
            for check in await checks.items(self._db, start, min(PAGE, stamp.size - start)):
                record = gathered.record(check)
                objects = (check.record, check.payload or b"")
                found.append(None if record is None else renewal.rehashed(record, objects, digest)[1])
        return found

    async def _keep(
        self,
        kind: str,
        digest: str,
        data: bytes,
        granted: Granted,
        leaves: Sequence[bytes],
        stamps: Sequence[int],
        hashes: Sequence[bytes | None] | None = None,
        count: int | None = None,
    ) -> Done:
        parts = [leaves[n : n + self._part] for n in range(0, len(leaves), self._part)]
        roots = [groups.group_root(part, digest) for part in parts]
        whole = Renewal(
            kind=kind,
            digest=digest,
            authority=granted.authority,
            data=data,
            query=granted.query,
            response=granted.response,
            chain=granted.chain,
            gen_time=granted.gen_time,
            accuracy=granted.accuracy,
            self_asserted=granted.self_asserted,
            good_until=renewal.good_until(granted.chain, digest, self._policy),
            leaves=b"",
            revocation=granted.revocation,
        )
        number = 0
        for n, part in enumerate(parts):
            siblings = [one for level in groups.reduced_tree(roots, n, digest) for one in level]
            kept = replace(whole, leaves=b"".join(part), above=b"".join(siblings))
            mine = slice(n * self._part, (n + 1) * self._part)
            number = await renewals.add(self._db, kept, stamps[mine], hashes[mine] if hashes else None)
        return Done(number, kind, digest, granted.authority, len(stamps), count)


class Gathered:
    """All a stamp's evidence records are made of, read once. `record(check)` gives one, with its renewals."""

    def __init__(
        self,
        stamp: Stamp,
        heads: Sequence[Checkpoint],
        batches: Mapping[int, Sequence[bytes]],
        covering: Sequence[Covering],
    ) -> None:
        self.stamp, self.covering = stamp, covering
        self._heads, self._batches = heads, batches
        self._roots = [one.group_root for one in heads]
        self._steps = [_Step(one) for one in covering]

    def record(self, check: Check) -> bytes | None:
        """The check's EvidenceRecord (DER), renewals included; None once its payload is erased."""
        own = next(at for at, head in enumerate(self._heads) if head.start <= check.seq < head.size)
        head = self._heads[own]
        record = proof.evidence_record(
            check.record,
            check.payload,
            batch=self._batches[head.size],
            index=check.seq - head.start,
            batches=self._roots,
            batch_index=own,
            note=self._heads[-1].note,
            response=self.stamp.response,
        )
        for step in self._steps:
            if record is not None:
                record = step.applied(record, (check.record, check.payload or b""), check.seq - self.stamp.start)
        return record


class _Step:
    """One renewal as it is applied to the evidence records under a stamp."""

    def __init__(self, covering: Covering) -> None:
        made = self._made = covering.renewal
        size = hashlib.new(made.digest).digest_size
        self._above = groups.reduced_tree(_parts(made.leaves, size), covering.place, made.digest)
        self._above += [[one] for one in _parts(made.above, size)]
        places = _parts(covering.hashes or b"", size)
        self._hashes = [one for one in places if any(one)]
        self._index: dict[int, int] = {}
        for at, one in enumerate(places):
            if any(one):
                self._index[at] = len(self._index)

    def applied(self, record: bytes, objects: tuple[bytes, bytes], at: int) -> bytes:
        made = self._made
        if made.kind == "timestamp":
            return ers.renew_timestamp(record, made.response, self._above)
        if at not in self._index:  # the payload was erased when this was made, and has not come back
            return record
        first, _ = renewal.rehashed(record, objects, made.digest)
        own = groups.reduced_tree(self._hashes, self._index[at], made.digest)
        return ers.renew_hashtree(record, [first, *own, *self._above], made.response)


async def gather(db: Database, stamp: Stamp, seq: int | None = None) -> Gathered:
    """What the evidence records under a stamp are made of; with `seq` only what that one check's needs."""
    heads = await proofs.checkpoints(db, stamp.start, stamp.size)
    batches = {}
    for head in heads:
        if seq is None or head.start <= seq < head.size:
            batches[head.size] = [group for _, group in await checks.leaves(db, head.start, head.size)]
    return Gathered(stamp, heads, batches, await renewals.covering(db, stamp.id))


def _parts(joined: bytes, size: int) -> list[bytes]:
    return [joined[n : n + size] for n in range(0, len(joined), size)]


def _good_until(chain: Sequence[bytes], response: bytes, policy: renewal.Policy) -> int:
    """0 where the response was edited and holds no token: the rest of its chain's stamps is looked at one by one."""
    try:
        return renewal.good_until(chain, renewal.digest_of(response), policy)
    except ValueError:
        return 0


def _chain(response: bytes, before: Sequence[Earlier]) -> tuple[str, list[bytes]]:
    """Digest and tokens of a stamp's last chain: since its last hash-tree renewal, which begins a new one."""
    digest, token = renewal.opened(response)
    tokens = [token]
    for one in before:
        if one.kind == "hashtree":
            digest, tokens = one.digest, []
        tokens.append(ers.archived(one.response))
    return digest, tokens
