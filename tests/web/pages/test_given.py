"""What pages are given that is no form, no search and no address of theirs, and what their twins in JSON are asked."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.web.pages.site import Site, observation, token

Client = TestClient[Any, Any]


async def text(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path, allow_redirects=False) as answer:
        assert answer.status == status, path
        return await answer.text()


async def twin(client: Client, path: str) -> Any:
    """What the page's link to its JSON answers."""
    found = re.search(r'<link rel="alternate" type="application/json" href="([^"]+)"', await text(client, path))
    assert found, path
    async with client.get(html.unescape(found[1])) as answer:
        assert answer.status == 200, found[1]
        return (await answer.json())["data"]


async def test_bytes_that_are_no_text_are_a_wrong_token_and_no_fault(site: Site, stranger: Client) -> None:
    headers = {"Cookie": "pumpkin_login=\udcff\udcfe"}
    async with stranger.post("/login", data={"csrf": "x"}, headers=headers) as answer:
        assert answer.status == 403


async def test_reports_nested_without_end_are_let_go_of(stranger: Client) -> None:
    async with stranger.post("/csp-report", data="[" * 15_000) as answer:
        assert answer.status == 204


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded; charset=foo", b"name=a"),
        ("application/x-www-form-urlencoded", b"name=\xff&\xfe"),
        ("multipart/form-data; boundary=x", b"name=a"),
        ("multipart/form-data", b"name=a"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: nonsense\r\n\r\nq"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(site: Site, admin: Client, kind: str, body: bytes) -> None:
    for path in ("/checks/searches", "/settings/keys", "/login", "/jobs"):
        async with admin.post(path, data=body, headers={"Content-Type": kind}, allow_redirects=False) as answer:
            assert 400 <= answer.status < 500, path


async def test_a_token_in_a_header_that_is_no_text_is_a_wrong_one(site: Site, admin: Client) -> None:
    async with admin.post("/api/v1/rules/reload", headers={"X-CSRF-Token": "\udcff\udcfe"}) as answer:
        assert answer.status == 403


async def test_a_page_is_found_with_a_slash_at_its_end(site: Site, admin: Client) -> None:
    for path, to in (
        ("/checks/", "/checks"),
        ("/settings/?a=b", "/settings?a=b"),
        ("/agents/a%20b@c/", "/agents/a%20b@c"),
    ):
        async with admin.get(path, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, to)
    for path in ("/nothing/", "/checks/x/y/"):
        await text(admin, path, 404)
    away = f"{admin.make_url('/')}/evil.example/"
    async with admin.session.get(away, allow_redirects=False) as answer:
        assert answer.status == 404


async def test_a_target_as_long_as_is_taken_is_found(site: Site, viewer: Client) -> None:
    target = "T" * 2_000
    await site.receive(observation(detail={"target": target, "status": "critical"}))
    for path in (f"/checks?target={target}", f"/checks/failing?q={target}"):
        assert target[:80] in await text(viewer, path)
    assert len((await twin(viewer, f"/checks?target={target}"))["items"]) == 1


async def test_a_long_search_is_kept_whole_or_not_at_all(site: Site, viewer: Client) -> None:
    csrf = token(await text(viewer, "/checks?q=x"))
    for length, status in ((900, 303), (6_000, 413)):
        fields = {"csrf": csrf, "name": "my", "query": "q=" + "%C3%A9" * length + "&type=x"}
        async with viewer.post("/checks/searches", data=fields, allow_redirects=False) as answer:
            assert answer.status == status
            if status == 303:
                assert answer.headers["Location"] == "/checks?q=" + "%C3%A9" * length + "&type=x"


async def test_the_twin_of_a_search_is_asked_for_the_same(site: Site, viewer: Client) -> None:
    for number in range(3):
        at = 1_795_000_000_000_000 + number * 3_600_000_000
        await site.receive(observation(observed=at, detail={"labels": {"rack": f"r{number}"}}))
    for query, count in (
        ("since=2026-11-18 12:00", 2),
        ("since=2026-11-18T13:30%2B01:00&until=2026-11-18 13:00", 0),
        ("since=2026-11-18T13:00%2B01:00&until=2026-11-18 12:30", 1),
        ("label=rack=r1", 1),
        ("label=rack", 3),
        ("status=nonsense", 3),
        ("since=nonsense", 3),
    ):
        page = await text(viewer, f"/checks?{query}")
        assert page.count('<tr data-key="') == count, query
        assert len((await twin(viewer, f"/checks?{query}"))["items"]) == count, query


async def test_a_filter_that_is_none_is_said(site: Site, viewer: Client) -> None:
    await site.receive(observation())
    assert "a label is written name=value" in await text(viewer, "/checks?label=rack")
    assert "not one of these" in await text(viewer, "/checks?status=nonsense")
    page = await text(viewer, "/checks?cursor=zz")
    assert "The cursor is not one" in page
    assert "No check has come in yet" not in page


async def test_the_twins_of_agents_and_of_the_trail_are_asked_for_the_same(site: Site, admin: Client) -> None:
    await site.agent("attic@pumpkin.example")
    await site.agent("cellar@pumpkin.example", show="unavailable")
    for query, names in (
        ("show=unavailable", ["cellar@pumpkin.example"]),
        ("q=att", ["attic@pumpkin.example"]),
        ("show=available&q=cel", []),
        ("after=attic@pumpkin.example", ["cellar@pumpkin.example"]),
        ("state=pending", []),
        ("show=nonsense", ["attic@pumpkin.example", "cellar@pumpkin.example"]),
    ):
        assert [one["jid"] for one in (await twin(admin, f"/agents?{query}"))["items"]] == names, query
    assert (await twin(admin, "/settings/audit?who=nobody"))["items"] == []
    assert [one["act"] for one in (await twin(admin, "/settings/audit?who=ada&act=log"))["items"]] == ["login"]
