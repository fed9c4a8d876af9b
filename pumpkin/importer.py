"""Takes the checks, tokens and reports of SCANDALE and Pack-a-mal in: each becomes a check of this log.

What is imported is proven from its import on, not before: its record says when it was observed, by the old system's
word, and the log when it came. Ids are the old ones, or made of them, so that importing again adds nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.evidence import record, tsp
from pumpkin.model import wire
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import SPELLINGS, of_name
from pumpkin.store import checks, imports, proofs
from pumpkin.store.database import Database

AGENT = "system:import"
BATCH = 200


@dataclass
class Imported:
    """How many rows of each sort were taken, were there already, or were not taken and why (the first few)."""

    taken: int = 0
    known: int = 0
    tokens: int = 0
    tokens_known: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def refuse(self, what: str, why: str) -> None:
        self.refused += 1
        if len(self.reasons) < 20:
            self.reasons.append(f"{what}: {why[:200]}")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def scandale(db: Database, dsn: str, roots: Sequence[bytes]) -> Imported:
    """Every item, and every token that proves its item by one of `roots` (PEM or DER)."""
    done = Imported()
    async with imports.scandale(dsn) as old:
        batch: list[Observation] = []
        async for row in old.rows("imports_items"):
            try:
                batch.append(_item(row["scan_data"]))
            except PumpkinError as error:
                done.refuse(f"item {row['id']}", error.message)
            if len(batch) >= BATCH:
                await _store(db, batch, done)
                batch = []
        await _store(db, batch, done)
        async for row in old.rows("imports_tokens"):
            await _token(db, row, roots, done)
    return done


def _item(scan: Any) -> Observation:
    if not isinstance(scan, dict):
        raise InvalidRequest("not an object")
    try:
        return wire.from_scandale(scan, agent=AGENT)
    except PumpkinError:
        raw = scan.get("payload", {}).get("raw") if isinstance(scan.get("payload"), dict) else None
        meta = scan.get("meta")
        if not isinstance(raw, str) or not isinstance(meta, dict):
            raise
        # Older ones hold plain text where base64 belongs; what was seen is kept in our own shape.
        body = {
            "id": meta.get("uuid"),
            "type": meta.get("type"),
            "format": scan.get("format"),
            "observed": meta.get("ts"),
            "payload": {"text": raw},
        }
        return wire.from_native({name: value for name, value in body.items() if value is not None}, agent=AGENT)


async def _token(db: Database, row: Any, roots: Sequence[bytes], done: Imported) -> None:
    check = await checks.get(db, row["scan_uuid"]) if row["scan_uuid"] else None
    if check is None or check.payload is None or not row["tst"]:
        done.refuse(f"token {row['id']}", "its item was not imported")
        return
    verdict = tsp.verify(bytes(row["tst"]), data=check.payload, roots=roots)
    if not verdict.ok:
        done.refuse(f"token {row['id']}", f"it does not prove its item by the roots given: {verdict.code}")
        return
    kept = proofs.Token(
        check_id=check.id,
        token=bytes(row["tst"]),
        gen_time=verdict.gen_time or 0,
        accuracy=verdict.accuracy or 0,
        tsa=verdict.tsa or "",
        stored=time.time_ns() // 1_000,
    )
    if await proofs.add_token(db, kept):
        done.tokens += 1
    else:
        done.tokens_known += 1


async def packamal(db: Database, dsn: str) -> tuple[Imported, list[tuple[str, int]]]:
    """Every report; and name and hourly rate of the active API keys, for new ones to be made."""
    done = Imported()
    async with imports.packamal(dsn) as old:
        batch: list[Observation] = []
        async for row in old.rows("imports_reports"):
            try:
                batch.append(_report(row))
            except PumpkinError as error:
                done.refuse(f"report {row['id']}", error.message)
            if len(batch) >= BATCH:
                await _store(db, batch, done)
                batch = []
        await _store(db, batch, done)
        keys = [(str(row["name"]), int(row["rate_limit_per_hour"])) for row in await old.all("imports_keys")]
    return done, keys


def _report(row: Any) -> Observation:
    ecosystem = SPELLINGS.get(str(row["ecosystem"]).casefold())
    if ecosystem is None:
        raise InvalidRequest(f"the ecosystem {str(row['ecosystem'])[:40]!r} is not known")
    purl = of_name(ecosystem, row["package_name"], row["package_version"]).canonical
    said = {
        "purl": purl,
        "time": row["time"],
        "report": _without(row["report"], "id", "package_id", "time"),
        "typosquatting": _without(row["typosquatting"], "id", "package_id"),
        "source": _without(row["source"], "id", "package_id"),
    }
    seen = row["completed"] or datetime.fromtimestamp(0, UTC)  # not known: the same at each import, and said so below
    return Observation(
        id=uuid5(NAMESPACE_URL, f"packamal:{purl}:{row['id']}"),
        type="package-analysis",
        format="json",
        agent=AGENT,
        observed=int(seen.timestamp() * 1_000_000),
        payload=json.dumps(said, sort_keys=True, ensure_ascii=False).encode(),
        media="application/json",
        detail={
            "target": purl,
            "labels": {"imported-from": "pack-a-mal", "time": "as kept" if row["completed"] else "not kept"},
        },
    )


def _without(found: Any, *names: str) -> Any:
    return {name: value for name, value in found.items() if name not in names} if isinstance(found, dict) else None


async def _store(db: Database, batch: Sequence[Observation], done: Imported) -> None:
    """Store them, each id once; what a batch repeats counts as known."""
    single: dict[UUID, Observation] = {}
    for seen in batch:
        if single.setdefault(seen.id, seen) is not seen:
            done.known += 1
    if not single:
        return
    now = time.time_ns() // 1_000
    answers = await checks.store_batch(db, [(seen, now, record.make(seen, now)) for seen in single.values()])
    for seen, answer in zip(single.values(), answers, strict=True):
        if isinstance(answer, Receipt):
            done.known += answer.known
            done.taken += not answer.known
        else:
            done.refuse(str(seen.id), answer.message)
