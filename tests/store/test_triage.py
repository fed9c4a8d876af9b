"""Words on findings are kept, replaced and taken back, and each is an act in the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from pumpkin.store import audit, triage
from pumpkin.store.database import Database


async def test_a_word_is_kept_replaced_and_taken_back(database: Database) -> None:
    finding, until = uuid4(), datetime(2030, 1, 1, tzinfo=UTC)
    await triage.put(database, package="pypi/x", finding=finding, state="reviewed", reason="looked", by="ada")
    await triage.put(
        database, package="pypi/x", finding=finding, state="suppressed", reason="ours", by="bob", until=until
    )
    (word,) = await triage.of(database, "pypi/x")
    assert (word["state"], word["reason"], word["by"], word["until"]) == ("suppressed", "ours", "bob", until)
    assert await triage.drop(database, package="pypi/x", finding=finding, by="ada")
    assert not await triage.drop(database, package="pypi/x", finding=finding, by="ada")
    assert await triage.of(database) == []
    acts = [act.act for act in await audit.page(database, object="pypi/x")]
    assert acts == ["triage.removed", "triage.suppressed", "triage.reviewed"]
