"""`/api/v1/failing`: what fails, by cursor, and what somebody lets go of."""

from __future__ import annotations

from typing import Any

from pumpkin.store import audit
from tests.web.conftest import Web


async def _put(web: Web, key: dict[str, str], target: str, status: str) -> None:
    body = {"type": "http", "target": target, "status": status, "payload": {"text": "x"}}
    async with web.client.post("/api/v1/checks", json=body, headers=key) as answer:
        assert answer.status == 201, await answer.text()


async def _asked(web: Web, key: dict[str, str], query: str = "") -> Any:
    async with web.client.get(f"/api/v1/failing{query}", headers=key) as answer:
        assert answer.status == 200, await answer.text()
        return (await answer.json())["data"]


async def test_what_fails_is_listed_by_cursor_and_let_go_of(web: Web) -> None:
    key = await web.key("checks:read", "checks:write", "alerts:write")
    for n in range(3):
        await _put(web, key, f"t{n}", "critical")
    await _put(web, key, "mild", "warning")
    await _put(web, key, "t0", "ok")
    first = await _asked(web, key, "?limit=2")
    assert [one["target"] for one in first["items"]] == ["t2", "t1"]
    assert (first["critical"], first["warning"]) == (2, 1)
    rest = await _asked(web, key, f"?limit=2&cursor={first['next']}")
    assert [one["target"] for one in rest["items"]] == ["mild"]
    assert rest["next"] is None
    one = first["items"][0]
    address = f"/api/v1/failing/{one['series']}/let-go"
    for body, status in (({"last": one["last"] - 1}, 404), ({}, 400), ({"last": one["last"]}, 200)):
        async with web.client.post(address, json=body, headers=key) as answer:
            assert answer.status == status, await answer.text()
    assert [one["target"] for one in (await _asked(web, key))["items"]] == ["t1", "mild"]
    (noted,) = await audit.page(web.services.db, act="check.let_go")
    assert noted.detail["target"] == "t2"


async def test_it_refuses_what_it_does_not_know(web: Web) -> None:
    key = await web.key("checks:read")
    for query in ("?cursor=x1", "?cursor=c", "?status=ok", "?limit=0", "?nonsense=1"):
        async with web.client.get(f"/api/v1/failing{query}", headers=key) as answer:
            assert answer.status == 400, query
    async with web.client.post("/api/v1/failing/x/let-go", json={"last": 1}, headers=key) as answer:
        assert answer.status == 403
    async with web.client.get("/api/v1/failing") as answer:
        assert answer.status == 401
