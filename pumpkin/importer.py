"""Takes the checks, tokens and reports of SCANDALE and Pack-a-mal in: each becomes a check of this log.

What is imported is proven from its import on, not before: its record says when it was observed, by the old system's
word, and the log when it came. Ids are the old ones, or made of them, so that importing again adds nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg

from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.evidence import record, tsp
from pumpkin.model import wire
from pumpkin.model.access import MOST_RATE, RATE
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.purl import SPELLINGS, of_name
from pumpkin.store import checks, imports, proofs
from pumpkin.store.database import Database

AGENT = "system:import"
BATCH = 200
_ZONE = re.compile(r"[+-]\d\d:\d\d(:\d\d)?( BC)?\Z", re.ASCII)
Row = tuple[str, Observation]
"""Which row of the old database it is, and what was seen by it."""


SHOWN = 20
Refused = Callable[[str, str], None]
"""Told of each row that was not taken: which it is, and why."""


@dataclass
class Imported:
    """How many rows of each sort were taken, were there already, or were not taken; why of the first few, of each one
    by `every`. `made` of the taken ones got an id of ours, because the old system gave them none."""

    taken: int = 0
    known: int = 0
    made: int = 0
    tokens: int = 0
    tokens_known: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    every: Refused | None = None

    def refuse(self, what: str, why: str) -> None:
        self.refused += 1
        why = " ".join(why.split())[:500]
        if self.every is not None:
            self.every(what, why)
        if len(self.reasons) < SHOWN:
            self.reasons.append(f"{what}: {why[:200]}")

    def as_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "every"}


async def scandale(db: Database, dsn: str, roots: Sequence[bytes], every: Refused | None = None) -> Imported:
    """Every item, and every token that proves its item by one of `roots` (PEM or DER)."""
    done = Imported(every=every)
    async with imports.scandale(dsn) as old:
        batch: list[Row] = []
        async for row in old.rows("imports_items"):
            what = _named("item", row["id"])
            try:
                batch.append((what, _item(row["scan_data"])))
            except PumpkinError as error:
                done.refuse(what, error.message)
            if len(batch) >= BATCH:
                await _store(db, batch, done)
                batch = []
        await _store(db, batch, done)
        async for row in old.rows("imports_tokens"):
            await _token(db, row, roots, done)
    return done


def _named(sort: str, ident: object) -> str:
    """How a row of the old database is called: `item 21`, or `item` where it has no id."""
    return sort if ident is None else f"{sort} {ident}"


def _item(text: bytes | None) -> Observation:
    """An item of the text its table has. InvalidRequest says what is wrong with it."""
    scan = wire.parse_json(text or b"null")
    meta = scan.get("meta", {})
    if not isinstance(meta, dict):
        raise InvalidRequest("meta is not an object")
    lacks = [name for name in ("uuid", "ts") if meta.get(name) in (None, "")]
    if not lacks:
        return _seen(scan)
    # Some of the first probes gave none. The same row gets the same id at each import: it is made of what stands there.
    labels: dict[str, str] = {}
    meta = {name: value for name, value in meta.items() if name not in lacks}
    if "uuid" in lacks:
        whole = json.dumps(scan, sort_keys=True, separators=(",", ":"))
        meta["uuid"], labels["id"] = str(uuid5(NAMESPACE_URL, f"scandale:{whole}")), "made at import"
    if "ts" in lacks:
        meta["ts"], labels["time"] = 0, "not kept"
    seen = _seen({**scan, "meta": meta})
    kept = seen.detail.get("labels", {})
    return replace(seen, detail={**seen.detail, "labels": {**kept, **labels, "imported-from": "scandale"}})


def _seen(scan: dict[str, Any]) -> Observation:
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
    what = _named("token", row["id"])
    if not row["scan_uuid"] or not row["tst"]:
        return done.refuse(what, "it is empty, or names no item")
    if not isinstance(row["tst"], bytes):
        return done.refuse(what, "its tst is of another kind than bytes")
    text = row["scan_uuid"].decode(errors="replace")
    try:
        named = UUID(text)
    except ValueError:
        return done.refuse(what, f"{text[:80]!r} names no item")
    check = await checks.get(db, named)
    if check is None or check.payload is None:
        return done.refuse(what, f"its item {named} was not imported")
    verdict = tsp.verify(row["tst"], data=check.payload, roots=roots)
    if not verdict.ok:
        return done.refuse(what, f"it does not prove its item by the roots given: {verdict.code}")
    kept = proofs.Token(
        check_id=check.id,
        token=row["tst"],
        gen_time=verdict.gen_time or 0,
        accuracy=verdict.accuracy or 0,
        tsa=verdict.tsa or "",
        stored=time.time_ns() // 1_000,
    )
    if await proofs.add_token(db, kept):
        done.tokens += 1
    else:
        done.tokens_known += 1
    return None


async def packamal(db: Database, dsn: str, every: Refused | None = None) -> tuple[Imported, list[tuple[str, int]]]:
    """Every report; and name and hourly rate of the active API keys, for new ones to be made."""
    done = Imported(every=every)
    async with imports.packamal(dsn) as old:
        keys = [_key(row) for row in await old.all("imports_keys")]
        batch: list[Row] = []
        async for row in old.rows("imports_reports"):
            what = _named("report", row["id"])
            try:
                batch.append((what, _report(row)))
            except PumpkinError as error:
                done.refuse(what, error.message)
            if len(batch) >= BATCH:
                await _store(db, batch, done)
                batch = []
        await _store(db, batch, done)
    return done, keys


def _key(row: Any) -> tuple[str, int]:
    """Name and hourly rate of a key: what cannot be either there gets one that can."""
    name = "".join(char for char in (row["name"] or b"").decode(errors="replace") if char.isprintable())
    try:
        rate = int(row["rate"] or RATE)
    except ValueError:
        rate = RATE
    return (name or f"key {row['id']}")[:200], min(max(rate, 1), MOST_RATE)


def _report(row: Any) -> Observation:
    """A report with its package. InvalidRequest says what is wrong with it."""
    package, report = _object(row["package"]), _object(row["report"])
    if package is None or report is None:
        raise InvalidRequest("its package is not there")
    name, version = package.get("package_name"), package.get("package_version")
    if not isinstance(name, str) or not isinstance(version, str | None):
        raise InvalidRequest("its package has no name, or a version that is no text")
    ecosystem = SPELLINGS.get(str(package.get("ecosystem") or "").casefold())
    if ecosystem is None:
        raise InvalidRequest(f"the ecosystem {str(package.get('ecosystem'))[:40]!r} is not known")
    purl = of_name(ecosystem, name, version).canonical
    took = report.get("time")
    said = {
        "purl": purl,
        "time": float(took) if type(took) is int and abs(took) < 2**53 else took,  # a double there: 3 is 3.0
        "report": _without(report, "id", "package_id", "time"),
        "typosquatting": _without(_object(row["typosquatting"]), "id", "package_id"),
        "source": _without(_object(row["source"]), "id", "package_id"),
    }
    dated = row["completed"] is not None  # where it is not known, it is the same at each import, and said so below
    try:
        payload = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest("it holds half a surrogate pair, which is no text") from None
    return Observation(
        id=uuid5(NAMESPACE_URL, f"packamal:{purl}:{row['id']}"),
        type="package-analysis",
        format="json",
        agent=AGENT,
        observed=_moment(row["completed"]) if dated else 0,
        payload=payload,
        media="application/json",
        detail={
            "target": purl,
            "labels": {"imported-from": "pack-a-mal", "time": "as kept" if dated else "not kept"},
        },
    )


def _moment(text: str) -> int:
    """Microseconds since 1970 of a time as PostgreSQL's JSON has it; one without a zone is of UTC."""
    said = str(json.loads(text))
    try:
        return wire.microseconds(said if _ZONE.search(said) else f"{said}Z")
    except ValueError as error:
        raise InvalidRequest(f"its time {said[:40]!r} is none that can be kept: {error}") from None


def _object(text: bytes | None) -> Any:
    """What a row of the old database is as JSON; InvalidRequest where nobody can read it (5,000 digits)."""
    return None if text is None else wire.parse_json(text)


def _without(found: Any, *names: str) -> Any:
    return {name: value for name, value in found.items() if name not in names} if isinstance(found, dict) else None


async def _store(db: Database, batch: Sequence[Row], done: Imported) -> None:
    """Store them, each id once; one that is repeated with other content is not taken, and named."""
    if not batch:
        return None
    now = time.time_ns() // 1_000
    try:
        answers = await checks.store_batch(db, [(seen, now, record.make(seen, now)) for _, seen in batch])
    except (InvalidRequest, ValueError, TypeError, asyncpg.PostgresError) as error:
        if not checks.is_content_fault(error):
            raise
        if len(batch) == 1:  # it fits no column; the others are taken all the same
            return done.refuse(batch[0][0], error.message if isinstance(error, PumpkinError) else "it cannot be kept")
        for one in batch:
            await _store(db, [one], done)
        return None
    for (what, seen), answer in zip(batch, answers, strict=True):
        if isinstance(answer, Receipt):
            done.known += answer.known
            done.taken += not answer.known
            done.made += not answer.known and seen.detail.get("labels", {}).get("id") == "made at import"
        else:
            done.refuse(what, f"another one has its id {seen.id}, and other content")
    return None
