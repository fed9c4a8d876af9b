"""Gathers from the store what proves a check, and gives it as JSON or as an offline bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pumpkin.errors import NotFound, NotSealed
from pumpkin.evidence import bundle, merkle, tiles
from pumpkin.evidence.bundle import Direct, Proof, Stamped
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.evidence.proof import evidence_record
from pumpkin.model.checks import Check
from pumpkin.model.proofs import Stamp
from pumpkin.store import checks, proofs
from pumpkin.store.database import Database

T = TypeVar("T")
MOST_CHECKS = 1_000


class Prover:
    """Proofs of checks, read from the store; `key` signs the manifests of bundles."""

    def __init__(self, db: Database, key: LogKey) -> None:
        self._db, self._key = db, key

    async def proof(self, check_id: UUID) -> dict[str, Any]:
        """The data of `GET /api/v1/checks/<id>/proof`. NotFound, or NotSealed while no checkpoint covers the check."""
        check = await self._check(check_id)
        head = await proofs.checkpoint_covering(self._db, check.seq)
        if head is None:
            raise NotSealed
        path = await self.path(check.seq, head.size)
        stamps = [await self._stamped(check, stamp) for stamp in await proofs.stamps_for(self._db, check.seq)]
        return {
            "record": check.record.decode(),
            "leaf_hash": check.leaf_hash.hex(),
            "index": check.seq,
            "checkpoint": head.note,
            "size": head.size,
            "path": [one.hex() for one in path],
            "stamps": [_stamp_json(one) for one in stamps],
            "verdict": "stamped" if stamps else "sealed",
        }

    async def bundle(self, check_ids: Sequence[UUID]) -> bytes:
        """The zip that proves these checks. NotFound for an unknown one, NotSealed for one without a stamp."""
        if len(check_ids) > MOST_CHECKS:
            raise NotFound(f"A bundle holds at most {MOST_CHECKS} checks.")
        return bundle.write([await self._proof(one) for one in dict.fromkeys(check_ids)], self._key)

    async def path(self, index: int, size: int) -> list[bytes]:
        """The inclusion path of leaf `index` in the tree of `size` leaves (RFC 9162 section 2.1.3)."""
        return await self._with_tiles(size, lambda nodes: merkle.inclusion_from(nodes, index, size))

    async def _proof(self, check_id: UUID) -> Proof:
        check = await self._check(check_id)
        stamps = [await self._stamped(check, stamp) for stamp in await proofs.stamps_for(self._db, check.seq)]
        token = await proofs.token(self._db, check.id)
        return Proof(check, stamps, direct=Direct(token.token) if token else None)

    async def _check(self, check_id: UUID) -> Check:
        check = await checks.get(self._db, check_id)
        if check is None:
            raise NotFound("There is no check with this id.")
        return check

    async def _stamped(self, check: Check, stamp: Stamp) -> Stamped:
        head = await proofs.checkpoint(self._db, stamp.size)
        assert head is not None, "a stamp refers to its checkpoint"
        path = await self.path(check.seq, stamp.size)
        return Stamped(stamp, head.note, path, await self._evidence(check, stamp, head.note))

    async def _evidence(self, check: Check, stamp: Stamp, note: str) -> bytes | None:
        """The check's RFC 4998 EvidenceRecord: its group, the tree of its checkpoint, the tree over the checkpoints the
        stamp covers, and the checkpoint's own hash as the last sibling. None once the payload is erased."""
        if check.payload is None:
            return None
        heads = await proofs.checkpoints(self._db, stamp.start, stamp.size)
        own = next(at for at, head in enumerate(heads) if head.start <= check.seq < head.size)
        leaves = await checks.leaves(self._db, heads[own].start, heads[own].size)
        return evidence_record(
            check.record,
            check.payload,
            batch=[group for _, group in leaves],
            index=check.seq - heads[own].start,
            batches=[head.group_root for head in heads],
            batch_index=own,
            note=note,
            response=stamp.response,
        )

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


class _Missing(Exception):
    def __init__(self, level: int, n: int) -> None:
        self.level, self.n = level, n


def _stamp_json(one: Stamped) -> dict[str, Any]:
    stamp = one.stamp
    when = datetime.fromtimestamp(stamp.gen_time / 1e6, UTC)
    chain = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode() for der in stamp.chain]
    return {
        "authority": stamp.authority,
        "gen_time": when.isoformat().replace("+00:00", "Z"),
        "accuracy_s": stamp.accuracy / 1e6,
        "self_asserted": stamp.self_asserted,
        "checkpoint": one.note,
        "size": stamp.size,
        "path": [sibling.hex() for sibling in one.path],
        "anchor": stamp.anchor.hex(),
        "token": stamp.response.hex(),
        "chain": chain,
    }
