"""What must be true after a fault, looked for in database, log, queue and engine by who knows what clients were told.

Each function gives the sentence of what was seen, or raises Broken. tests/test_faults.py breaks each once.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from scripts.faults.packages import containers
from scripts.faults.traffic import Told

AUDIT_S = 600.0  # large payloads of minutes are gigabytes
WORK = "select id::text, state, outcome, verdict ->> 'check' as report, uuid::text, purl, tools from tasks"
SENT = "select id::text, seq, payload_hash, sha256(payload) = payload_hash as fits from checks where type = 'chaos'"
AGAIN = "select count(*) - count(distinct payload_hash) from checks where type = 'chaos'"
RAN_AGAIN = (
    "select count(*) from (select 1 from tasks where state = 'completed' group by purl, tools having count(*) > 1) x"
)


class Broken(AssertionError):
    """An invariant does not hold."""


async def kept(connection: Any, acked: Mapping[str, Told]) -> str:
    """Nothing acknowledged is lost: each check is there, with the bytes it was sent with, where it was said to be."""
    stored = {row["id"]: row for row in await connection.fetch(SENT)}
    lost = acked.keys() - stored.keys()
    if lost:
        raise Broken(f"{len(lost)} acknowledged checks are lost, for instance {next(iter(lost))}")
    for name, told in acked.items():
        row = stored[name]
        if row["seq"] != told.seq:
            raise Broken(f"check {name} was acknowledged at place {told.seq} and stands at {row['seq']}")
        if row["payload_hash"] != told.payload or not row["fits"]:
            raise Broken(f"check {name} does not hold the bytes it was sent with")
    return f"nothing acknowledged lost: {len(acked):,} checks with their bytes at the places that were told"


async def once(connection: Any) -> str:
    """Nothing is doubled: no payload (each is sent as one check) stands in two records, no package ended twice."""
    doubled, again = await connection.fetchval(AGAIN), await connection.fetchval(RAN_AGAIN)
    if doubled:
        raise Broken(f"{doubled} checks are doubled")
    if again:
        raise Broken(f"{again} packages were analysed to the end more than once")
    size, most, rows = await connection.fetchrow(
        "select size, (select max(seq) + 1 from checks), (select count(*) from checks) from log_head"
    )
    if not size == most == rows:
        raise Broken(f"the log has holes: size {size}, highest {most}, {rows} rows")
    return f"nothing doubled: {rows:,} records, as many places"


def consistent(command: Callable[..., str], notes: Sequence[str]) -> str:
    """The whole log audits, and it still holds every checkpoint that was shown to anyone on the way."""
    if not notes:
        raise Broken("no checkpoint was shown")
    with tempfile.TemporaryDirectory(prefix="pumpkin-chaos-") as folder:
        options = []
        for number, note in enumerate(notes):
            file = Path(folder) / f"{number}.checkpoint"
            file.write_text(note, "utf-8")
            options += ["--checkpoint", str(file)]
        said = json.loads(command("audit", "--json", *options, status=None, within_s=AUDIT_S) or "{}")
    if not said.get("ok"):
        raise Broken(f"the audit says {str(said)[:400]}")
    return (
        f"log consistent: {said['records']:,} records audited, {len(notes)} checkpoints shown meanwhile are all of it"
    )


async def stamped(connection: Any, within_s: float = 90.0) -> str:
    """Every check that is stored now is soon under a token."""
    size, deadline = await connection.fetchval("select size from log_head"), time.monotonic() + within_s
    while (newest := await connection.fetchval("select coalesce(max(size), 0) from stamps")) < size:
        if time.monotonic() > deadline:
            raise Broken(f"{size - newest} of {size} checks are not stamped {within_s:.0f} s after all is well again")
        await asyncio.sleep(0.2)
    return f"all {size:,} stamped"


async def ended(connection: Any, accepted: Collection[str], within_s: float = 240.0) -> str:
    """No task is stuck or lost: each that was accepted ends, and the report of each that completed is a check."""
    deadline = time.monotonic() + within_s
    while True:
        rows = await connection.fetch(WORK)
        left = [row["id"] for row in rows if row["state"] not in ("completed", "failed")]
        reports = {row["report"] for row in rows if row["report"]}
        entered = await connection.fetchval("select count(*) from checks where id::text = any($1)", list(reports))
        if not left and entered == len(reports):
            break
        if time.monotonic() > deadline:
            raise Broken(f"{len(left)} tasks are stuck, {len(reports) - entered} reports are not in the log")
        await asyncio.sleep(0.3)
    lost = set(accepted) - {row["uuid"] for row in rows}
    if lost:
        raise Broken(f"{len(lost)} accepted tasks are lost")
    silent = [row["id"] for row in rows if row["state"] == "completed" and not row["report"]]
    if silent:
        raise Broken(f"{len(silent)} tasks completed without a report in the log")
    outcomes = Counter(row["outcome"] or row["state"] for row in rows)
    said = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
    return f"no task stuck: {len(rows)} accepted, all ended ({said or 'none'}), {len(reports)} reports in the log"


def gone(nodes: Collection[str], ran: Collection[str], within_s: float = 60.0) -> str:
    """No container is left. `ran` are those seen on the way: without any there would be nothing to see."""
    if not ran:
        raise Broken("no container was seen to run")
    deadline = time.monotonic() + within_s
    while left := set().union(*map(containers, nodes)):
        if time.monotonic() > deadline:
            raise Broken(f"{len(left)} containers are left")
        time.sleep(0.3)
    return f"no container left, of {len(ran)} that were seen"


def ended_with(data: Path, within_s: float = 15.0) -> str:
    """No process of the installation on the folder `data` outlives it."""
    deadline = time.monotonic() + within_s
    while left := [one for one in psutil.process_iter() if _of(one, data)]:
        if time.monotonic() > deadline:
            raise Broken(f"left running: {[' '.join(one.cmdline())[:80] for one in left]}")
        time.sleep(0.2)
    return "no process left"


def _of(process: psutil.Process, data: Path) -> bool:
    try:
        where, words = process.cwd(), process.cmdline()
    except psutil.Error:
        return False
    return where.startswith(f"{data}/") or any(str(data) in word for word in words)
