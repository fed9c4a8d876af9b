"""The API of ad hoc modules: what is shown, who may act, what is audited."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from pumpkin.errors import NotFound
from pumpkin.store import audit, deliveries
from pumpkin.store.deliveries import Refusal
from pumpkin.web.modules import Modules
from tests.web.conftest import StartWeb, Web

STATUS: dict[str, Any] = {
    "name": "soc",
    "kind": "webhook",
    "target": "https://soc.example/…",
    "filter": {
        "topics": ["check.stored"],
        "types": [],
        "severity": None,
        "agents": [],
        "targets": [],
        "tags": [],
        "labels": {},
    },
    "after": "stored",
    "enabled": True,
    "actor": "running",
    "restarts": 0,
    "waiting": None,
    "waiting_more": False,
}


async def trial(name: str) -> dict[str, Any]:
    if name != "soc":
        raise NotFound
    return {"ok": False, "error": "HTTP status 503", "took_s": 0.1}


@pytest.fixture
async def served(start_web: StartWeb) -> Web:
    """One module that waits for its target and has two dead letters, and one that is no longer configured."""
    web = await start_web(modules=Modules(lambda: [STATUS], trial))
    db = web.services.db
    stood = await deliveries.enrol(db, "soc", "webhook", beginning=True)
    await deliveries.enrol(db, "old", "slack", beginning=True)
    item = await web.stored()
    said = [Refusal(uuid4(), "check.stored", "first <b>", "HTTP status 422", 1, seq=0)]
    said.append(Refusal(uuid4(), "presence.changed", "second", "no", 1, event=uuid4(), event_at=1, data={"jid": "a@b"}))
    assert await deliveries.advance(db, stood, seq=0, event=0, delivered=3, refusals=said)
    await deliveries.failed(db, "soc", attempt=2, not_before=2_000_000_000_000_000, error="HTTP status 503")
    await deliveries.tried(db, "soc", "failed", items=4, took_s=0.25, subject="third", error="HTTP status 503")
    assert item
    return web


async def get(web: Web, path: str, headers: dict[str, str] | None = None, status: int = 200) -> Any:
    async with web.client.get(path, headers=headers or web.writer) as answer:
        assert answer.status == status, await answer.text()
        return (await answer.json()).get("data")


async def post(web: Web, path: str, headers: dict[str, str], status: int = 200) -> Any:
    async with web.client.post(path, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return (await answer.json()).get("data")


async def test_each_module_is_shown_with_state_queue_and_counts(served: Web) -> None:
    old, soc = (await get(served, "/api/v1/modules"))["items"]
    assert (old["name"], old["state"], old["target"]) == ("old", "gone", None)
    shown = {
        key: soc[key] for key in ("state", "queue", "behind", "delivered", "retries", "attempt", "dead", "last_error")
    }
    assert shown == {
        "state": "waiting",
        "queue": None,
        "behind": 1,
        "delivered": 3,
        "retries": 1,
        "attempt": 2,
        "dead": 2,
        "last_error": "HTTP status 503",
    }
    assert soc["next_try"] == "2033-05-18T03:33:20.000000Z"
    one = await get(served, "/api/v1/modules/soc/")
    assert one["tries"][0]["outcome"] == "failed"
    assert (one["tries"][0]["items"], one["tries"][0]["subject"]) == (4, "third")
    await get(served, "/api/v1/modules/nobody", status=404)


async def test_dead_letters_are_looked_at_page_by_page(served: Web) -> None:
    first = await get(served, "/api/v1/modules/soc/dead?limit=1")
    assert (first["items"][0]["subject"], first["items"][0]["data"]) == ("second", {"jid": "a@b"})
    second = await get(served, f"/api/v1/modules/soc/dead?cursor={first['next']}")
    (letter,) = second["items"]
    assert (letter["subject"], letter["reason"], letter["seq"]) == ("first <b>", "HTTP status 422", 0)
    assert (await get(served, f"/api/v1/checks/{letter['check']}"))["seq"] == 0
    await get(served, "/api/v1/modules/soc/dead?limit=0", status=400)
    await get(served, "/api/v1/modules/soc/dead?cursor=x", status=400)


async def test_acting_needs_the_scope_and_is_audited(served: Web) -> None:
    db, able = served.services.db, await served.key("modules:write", "checks:read")
    letters = (await get(served, "/api/v1/modules/soc/dead"))["items"]
    paths = ["retry", "pause", "resume", "test", f"dead/{letters[0]['id']}/retry", f"dead/{letters[0]['id']}/discard"]
    for path in paths:
        await post(served, f"/api/v1/modules/soc/{path}", served.writer, 403)
    assert await post(served, "/api/v1/modules/soc/retry", able) == {"retried": 2}
    assert (await deliveries.get(db, "soc")).not_before == 0  # type: ignore[union-attr]
    assert await post(served, "/api/v1/modules/soc/pause", able) == {"paused": True}
    assert (await get(served, "/api/v1/modules/soc"))["state"] == "paused"
    assert await post(served, "/api/v1/modules/soc/resume", able) == {"paused": False}
    assert (await post(served, "/api/v1/modules/soc/test", able))["error"] == "HTTP status 503"
    assert await post(served, f"/api/v1/modules/soc/{paths[4]}", able) == {"retried": 1}
    assert await post(served, f"/api/v1/modules/soc/{paths[5]}", able) == {"discarded": letters[0]["id"]}
    for path in (*paths[4:], "dead/99999999999999999999/retry", "dead/x/discard"):
        await post(served, f"/api/v1/modules/soc/{path}", able, 404)
    await post(served, "/api/v1/modules/nobody/retry", able, 404)
    acts = [one.act for one in await audit.page(db, object="module:soc")]
    assert acts == [
        "module.discarded",
        "module.retried",
        "module.tested",
        "module.resumed",
        "module.paused",
        "module.retried",
    ]
