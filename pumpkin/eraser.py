"""Erases a check's payload and puts the act into the log: that something was erased, by whom, why, is itself proven."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from uuid import NAMESPACE_URL, UUID, uuid5

from pumpkin.errors import NotFound
from pumpkin.evidence import record
from pumpkin.model.checks import Observation, Receipt
from pumpkin.store import checks, erasure
from pumpkin.store.database import Database

Receive = Callable[[Observation], Awaitable[Receipt]]


async def erase(db: Database, check_id: UUID, *, who: str, reason: str, receive: Receive | None = None) -> int:
    """Forget what the check said; the place of the check that stays. NotFound for an unknown check and for one that is
    erased already.

    `who` is the person or key in the form `user:NAME` or `key:PREFIX`; the act becomes a check of kind `erasure` of
    theirs. Without `receive` (the aggregator's) it is stored here, and sealed by whichever server runs on the log.
    """
    seq = await erasure.erase(db, check_id, who=who, reason=reason)
    if seq is None:
        raise NotFound("There is no check with this id, or its payload is erased already.")
    now = time.time_ns() // 1_000
    said = {"erased": str(check_id), "seq": seq, "who": who, "reason": reason[:1_000]}
    seen = Observation(
        id=uuid5(NAMESPACE_URL, f"pumpkin:erasure:{check_id}"),
        kind="erasure",
        type="erasure",
        format="json",
        agent=who,
        observed=now,
        payload=json.dumps(said, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace"),
        media="application/json",
        detail={"target": str(check_id), "status": "ok"},
    )
    if receive is not None:
        await receive(seen)
    else:
        await checks.store_batch(db, [(seen, now, record.make(seen, now))])
    return seq
