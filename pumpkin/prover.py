"""Gathers from the store what proves a check, and gives it as JSON or as an offline bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pumpkin.errors import NotFound, NotSealed
from pumpkin.evidence import bundle, checkpoint, keys, merkle, record, tiles, tsp
from pumpkin.evidence.bundle import After, Cosignature, Direct, Proof, RenewedBy, Stamped
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Check
from pumpkin.model.proofs import Checkpoint, Stamp
from pumpkin.renewer import gather
from pumpkin.store import checks, cosignatures, proofs, renewals, signing
from pumpkin.store.database import Database
from pumpkin.store.renewals import Renewal

T = TypeVar("T")
MOST_CHECKS = 1_000
SIZE_MOST = 2**62


class Prover:
    """Proofs of checks, read from the store; `key` signs the manifests of bundles."""

    def __init__(self, db: Database, key: LogKey, quorum: int = 1) -> None:
        self._db, self._key, self._quorum = db, key, quorum

    async def proof(self, check_id: UUID) -> dict[str, Any]:
        """The data of `GET /api/v1/checks/<id>/proof`. NotFound, or NotSealed while no checkpoint covers the check."""
        check = await self._check(check_id)
        head = await proofs.checkpoint_covering(self._db, check.seq)
        if head is None:
            raise NotSealed
        path = await self.path(check.seq, head.size)
        stamps = [await self._stamped(check, stamp) for stamp in await proofs.stamps_for(self._db, check.seq)]
        latest = stamped_by([one.stamp for one in stamps], self._quorum)
        return {
            "record": check.record.decode(),
            "leaf_hash": check.leaf_hash.hex(),
            "index": check.seq,
            "checkpoint": head.note,
            "size": head.size,
            "path": [one.hex() for one in path],
            "stamps": [_stamp_json(one) for one in stamps],
            "not_before": _moment(await not_before(self._db, check.after, _first([one.stamp for one in stamps]))),
            "not_after": _moment(latest),
            "verdict": "sealed" if latest is None else "stamped",
        }

    async def bundle(self, check_ids: Sequence[UUID]) -> bytes:
        """The zip that proves these checks. NotFound for an unknown one, NotSealed for one without a stamp."""
        if len(check_ids) > MOST_CHECKS:
            raise NotFound(f"A bundle holds at most {MOST_CHECKS} checks.")
        found = [await self._proof(one) for one in dict.fromkeys(check_ids)]
        return bundle.write(found, self._key, cosignatures=await self._cosignatures(found))

    async def _cosignatures(self, found: Sequence[Proof]) -> list[Cosignature]:
        """What witnesses signed of the checkpoints that the stamps are over."""
        notes = {stamped.stamp.size: stamped.note for proof in found for stamped in proof.stamps}
        signed = await cosignatures.of(self._db, notes)
        return [Cosignature(one.vkey, notes[one.size], one.line) for one in signed if one.size and one.line]

    async def path(self, index: int, size: int) -> list[bytes]:
        """The inclusion path of leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3)."""
        return await self._with_tiles(size, lambda nodes: merkle.inclusion_from(nodes, index, size))

    async def _proof(self, check_id: UUID) -> Proof:
        check = await self._check(check_id)
        stamps = []
        for stamp in await proofs.stamps_for(self._db, check.seq):
            captured = await proofs.captured(self._db, stamp)
            stamps.append(await self._stamped(check, replace(stamp, revocation=captured)))
        token = await proofs.token(self._db, check.id)
        return Proof(
            check,
            stamps,
            direct=Direct(token.token, await self._chain(token.token)) if token else None,
            after=await self._after(check, _first([one.stamp for one in stamps])),
            probe_key=await self._probe_key(check),
        )

    async def _probe_key(self, check: Check) -> bytes | None:
        """The key that made the record's signature, where it is known here and does verify it."""
        if check.signature is None or check.key_id is None or check.payload is None:
            return None
        key = await signing.get(self._db, check.agent, check.key_id)
        signed = record.signed_parts(
            id=str(check.id),
            kind=check.kind,
            type=check.type,
            format=check.format,
            agent=check.agent,
            observed=check.observed,
            after=check.after,
            payload_hash=sha256(check.payload).digest(),
        )
        return key.public if key and keys.verifies(key.public, bytes.fromhex(check.signature), signed) else None

    async def _after(self, check: Check, until: int) -> After | None:
        """What bounds the check's time from below: the checkpoint its record names and the token named in that."""
        head, stamp = await named(self._db, check.after, until)
        if head is None:
            return None
        note = checkpoint.signed_only(head.note, self._key)
        return After(note, stamp.response, stamp.chain) if stamp else After(note)

    async def _chain(self, token: bytes) -> tuple[bytes, ...]:
        """The certificates of a token of a check's own, leaf first, up to the root of one of our authorities; only
        those it carries where it leads to none of ours (somebody else's token, brought by TimeStampTokens)."""
        carried = tuple(tsp.certificates_of(token))
        for stamp in await proofs.stamps_below(self._db, SIZE_MOST, most=1):
            if stamp.chain and stamp.chain[0] in carried:
                return stamp.chain
        return carried

    async def _check(self, check_id: UUID) -> Check:
        check = await checks.get(self._db, check_id)
        if check is None:
            raise NotFound("There is no check with this id.")
        return check

    async def _stamped(self, check: Check, stamp: Stamp) -> Stamped:
        head = await proofs.checkpoint(self._db, stamp.size)
        assert head is not None, "a stamp refers to its checkpoint"
        path = await self.path(check.seq, stamp.size)
        gathered = await gather(self._db, stamp, check.seq)
        newer = [await self._renewal(one.renewal) for one in gathered.covering]
        note = checkpoint.signed_only(head.note, self._key)
        return Stamped(stamp, note, path, gathered.record(check), newer if check.payload is not None else ())

    async def _renewal(self, made: Renewal) -> RenewedBy:
        captured = await renewals.captured(self._db, made.id)
        return RenewedBy(made.id, made.data, made.query, made.response, made.chain, captured)

    async def _with_tiles(self, size: int, work: Callable[[merkle.Node], T]) -> T:
        """`work` over the tree's nodes; the few tiles it turns out to need are read one after another."""
        found: dict[tuple[int, int], bytes] = {}

        def read(level: int, n: int) -> bytes:
            if (level, n) not in found:
                raise _Missing(level, n)
            return found[level, n]

        while True:
            try:
                return work(tiles.TileNodes(read))
            except _Missing as missing:
                found[missing.level, missing.n] = await self._tile(missing.level, missing.n, size)

    async def _tile(self, level: int, n: int, size: int) -> bytes:
        if level == 0:
            first = n * tiles.WIDTH
            leaves = await checks.leaves(self._db, first, min(first + tiles.WIDTH, size))
            return b"".join(leaf for leaf, _ in leaves)
        return await proofs.tile(self._db, level, n) or b""


def stamped_by(stamps: Sequence[Stamp], quorum: int = 1) -> int | None:
    """When (microseconds, at the latest) so many authorities had said that it exists; None while too few have. Where
    more than one is asked for, the installation's own counts for nothing."""
    times = sorted(one.gen_time + one.accuracy for one in stamps if quorum == 1 or not one.self_asserted)
    return times[quorum - 1] if len(times) >= quorum else None


def _first(stamps: Sequence[Stamp]) -> int:
    """When (microseconds, at the latest) the first authority said that it exists; now where none has, or says a time
    that is still to come."""
    return min((time.time_ns() // 1_000, *(one.gen_time + one.accuracy for one in stamps)))


async def named(db: Database, after: str | None, until: int) -> tuple[Checkpoint | None, Stamp | None]:
    """The checkpoint that a record's `after` names and the stamp whose token that checkpoint names: a third party's
    before a self-asserted one, the newest first. None where the log has no such checkpoint, or it names no token.

    A token that says a later time than `until` (microseconds) bounds nothing: its authority's clock was ahead.
    """
    head = await proofs.checkpoint_named(db, bytes.fromhex(after)) if after else None
    if head is None:
        return None, None
    lines = set(checkpoint.parse_note(head.note).extensions)
    below = [one for one in await proofs.stamps_below(db, head.size) if one.gen_time - one.accuracy <= until]
    found = [stamp for stamp in below if _line_of(stamp) in lines]
    return head, max(found, key=lambda stamp: (not stamp.self_asserted, stamp.gen_time), default=None)


def _line_of(stamp: Stamp) -> str:
    """The line that names a stamp's token; empty where its response was edited and holds none."""
    try:
        return checkpoint.newest_token(tsp.token_of(stamp.response))
    except ValueError:
        return ""


async def not_before(db: Database, after: str | None, until: int | None = None) -> int | None:
    """The time (microseconds) after which a record that says `after` was made; None where nothing bounds it. It is not
    later than `until`: the record's own stamp, else now."""
    _, stamp = await named(db, after, _first(()) if until is None else until)
    return stamp.gen_time - stamp.accuracy if stamp else None


class _Missing(Exception):
    def __init__(self, level: int, n: int) -> None:
        self.level, self.n = level, n


def _moment(micros: int | None) -> str | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC).isoformat().replace("+00:00", "Z")


def _stamp_json(one: Stamped) -> dict[str, Any]:
    stamp = one.stamp
    chain = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode() for der in stamp.chain]
    return {
        "authority": stamp.authority,
        "gen_time": _moment(stamp.gen_time),
        "accuracy_s": stamp.accuracy / 1e6,
        "self_asserted": stamp.self_asserted,
        "checkpoint": one.note,
        "size": stamp.size,
        "path": [sibling.hex() for sibling in one.path],
        "anchor": stamp.anchor.hex(),
        "token": stamp.response.hex(),
        "chain": chain,
    }
