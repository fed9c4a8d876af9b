"""Who changed what over the web stands in the audit trail, whether the handler thought of it or not."""

from __future__ import annotations

from aiohttp import web as aiohttp_web
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.errors import NotFound
from pumpkin.store import audit
from pumpkin.store.audit import Act
from pumpkin.web import routes
from pumpkin.web.acts import NAMES, QUIET
from pumpkin.web.envelope import success
from pumpkin.web.guard import require
from pumpkin.web.routes import ROUTES
from tests.web.conftest import Web, item

SAFE = ("GET", "HEAD")


async def acts(web: Web) -> list[Act]:
    return await audit.page(web.services.db)


async def later(request: aiohttp_web.Request) -> aiohttp_web.Response:
    """What somebody adds one day, without a thought of the trail."""
    require(request, "checks:write")
    if request.query:
        raise NotFound
    return success(request, {})


async def moved(request: aiohttp_web.Request) -> aiohttp_web.Response:
    require(request, "checks:write")
    raise aiohttp_web.HTTPSeeOther("/")


async def test_a_new_changing_route_leaves_a_record_by_itself(web: Web) -> None:
    app = routes.application(web.services)
    app.router.add_post("/api/v1/later/{id}", later)
    app.router.add_delete("/api/v1/later/{id}", moved)
    asked = (
        ("/api/v1/later/7", "POST", 200),
        ("/api/v1/later/7?no=1", "POST", 404),
        ("/api/v1/later/8", "DELETE", 303),
    )
    async with TestClient(TestServer(app)) as client:
        for path, method, status in asked:
            async with client.request(method, path, headers=web.writer, allow_redirects=False) as answer:
                assert answer.status == status
        async with client.post("/api/v1/later/9") as answer:
            assert answer.status == 401
    found = await acts(web)
    assert [(one.act, one.object) for one in found] == [
        ("delete /api/v1/later/{id}", "/api/v1/later/8"),
        ("post /api/v1/later/{id}", "/api/v1/later/7"),
    ]
    assert all(one.who.startswith("key:") and one.at for one in found)


async def test_one_that_notes_its_act_itself_is_not_noted_twice_and_checks_are_not_acts(web: Web) -> None:
    key = await web.key("packages:write", "packages:read", "admin")
    body = {"purl": "pkg:pypi/six"}
    async with web.client.post("/api/v1/watches", json=body, headers=key) as answer:
        assert answer.status == 201, await answer.text()
    async with web.client.post("/items/", json=item(), headers=web.writer) as answer:
        assert answer.status == 200
    assert [one.act for one in await acts(web)] == ["watch.added"]
    stored = item()
    async with web.client.post("/items/", json=stored, headers=web.writer) as answer:
        assert answer.status == 200
    path = f"/api/v1/checks/{stored['meta']['uuid']}/erase"
    async with web.client.post(path, json={"reason": "asked for"}, headers=key) as answer:
        assert answer.status == 200, await answer.text()
    assert len(await acts(web)) == 2


def test_what_is_quiet_or_named_is_a_route_that_changes_something() -> None:
    changing = {route.path for route in ROUTES if route.method not in SAFE}
    pages = {"/packages", "/packages/upload", "/login", "/login/code", "/csp-report", "/packages/tasks/{id}/cancel",
             "/alerts/rules/reload", "/packages/reports/{id}/rescore", "/checks/searches", "/logout"}  # fmt: skip
    assert set(QUIET) | set(NAMES) <= changing | pages
    assert len(QUIET) == 15, "each one more has to be argued for"
