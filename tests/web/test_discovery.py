"""Discovery by HTTP: search, versions, watch lists, known bad, and Pack-a-mal's eleven routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pumpkin.adapters.registries import Registries, build
from pumpkin.store import packages
from pumpkin.web import discovery_operations, routes
from pumpkin.web.api.discovery import OLD
from pumpkin.web.discovery import Discovery
from tests.registries.conftest import NAMES, fake
from tests.registries.fake import FakeRegistry
from tests.web.conftest import StartWeb, Web

__all__ = ["fake"]


@pytest.fixture
async def registries(fake: FakeRegistry) -> AsyncIterator[Registries]:
    opened = build(fake.places(), rate=10_000, slow=10_000)
    yield opened
    await opened.close()


@pytest.fixture
async def web(start_web: StartWeb, registries: Registries) -> Web:
    looks: list[int] = []
    discovery = Discovery(registries.glance, registries.about, registries.known_bad, look=lambda: looks.append(1))
    served = await start_web(discovery=discovery)
    for ecosystem, name in NAMES.items():
        await packages.remember_versions(
            served.services.db, ecosystem, name, [("1.0.0", None), ("1.1.0", None)], "1.1.0"
        )
    return served


async def get(web: Web, path: str, status: int = 200) -> Any:
    async with web.client.get(path) as answer:
        assert answer.status == status, await answer.text()
        assert answer.content_type == "application/json"
        return await answer.json()


async def test_the_old_routes_have_their_shapes_with_both_slash_forms(web: Web) -> None:
    for slash in ("", "/"):
        assert await get(web, f"/get_pypi_packages{slash}") == {"packages": ["thing"]}
        assert await get(web, f"/get_npm_packages{slash}") == {"packages": ["@scope/thing"]}
        assert await get(web, f"/get_packagist_packages{slash}") == {"packages": ["vendor/thing"]}
        assert await get(web, f"/get_rubygems_packages{slash}") == {"packages": ["thing"]}
        assert await get(web, f"/get_maven_packages{slash}") == {"org.example": {"thing": ["1.0.0", "1.1.0"]}}
        assert await get(web, f"/get_rust_packages{slash}") == {"thing": ["1.0.0", "1.1.0"]}
        assert await get(web, f"/get_wolfi_packages{slash}") == {"packages": {"packages": ["thing-1.1.0"]}}
        assert (await get(web, f"/get_pypi_versions{slash}?package_name=Thing"))["versions"][0] == "2.0.0b1"
        assert (await get(web, f"/get_npm_versions{slash}?package_name=@scope/thing"))["versions"][-1] == "1.0.0"
        assert "1.1.0" in (await get(web, f"/get_packagist_versions{slash}?package_name=vendor/thing"))["versions"]
        assert "1.1.0" in (await get(web, f"/get_rubygems_versions{slash}?package_name=thing"))["versions"]


def test_each_address_is_described_with_an_example() -> None:
    named = {f"{route.method} {route.path}" for route in routes.ROUTES if route.tag == "discovery"}
    assert set(discovery_operations.DETAILS) == named
    assert all(detail.example is not None for detail in discovery_operations.DETAILS.values())


async def test_there_are_eleven_of_them() -> None:
    assert len({path for path, _ in OLD}) == 11


async def test_q_and_limit_narrow_them(web: Web) -> None:
    await packages.remember(web.services.db, "pypi", [(f"other-{n}", None) for n in range(5)])
    assert await get(web, "/get_pypi_packages/?q=other&limit=2") == {"packages": ["other-0", "other-1"]}
    assert await get(web, "/get_pypi_packages/?q=thing") == {"packages": ["thing"]}
    for wrong in ("limit=0", "limit=x", "limit=1001", "q=" + "x" * 215):
        assert (await get(web, f"/get_pypi_packages/?{wrong}", 400))["code"] == "invalid_request"


async def test_a_name_is_required_and_must_be_one(web: Web) -> None:
    for kind in ("pypi", "npm", "packagist", "rubygems"):
        assert (await get(web, f"/get_{kind}_versions/", 400))["error"] == "Package name is required"
        wrong = await get(web, f"/get_{kind}_versions/?package_name=..%2F..%2Fetc%3B%20id", 400)
        assert wrong["code"] == "invalid_purl"
        name = "vendor/absent" if kind == "packagist" else "absent"
        assert (await get(web, f"/get_{kind}_versions/?package_name={name}", 404))["code"] == "package_not_found"


@pytest.mark.parametrize("mode", ["down", "not json", "private", "another"])
async def test_a_registry_that_does_not_answer_is_never_an_empty_list(web: Web, fake: FakeRegistry, mode: str) -> None:
    fake.misbehave(mode)
    wrong = await get(web, "/get_npm_versions/?package_name=%40scope/thing", 502)
    assert wrong["code"].startswith("registry_")
    assert "127.0.0.1" not in wrong["message"]
    assert (await get(web, "/api/v1/packages/gem/thing/", 502))["request_id"]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("pypi", "thing"), ("npm", "@scope/thing"), ("rubygems", "thing"), ("maven", "org.example:thing"),
     ("packagist", "vendor/thing"), ("rust", "thing"), ("wolfi", "thing")],
)  # fmt: skip
async def test_a_package_shows_versions_metadata_and_source(web: Web, spelling: str, name: str) -> None:
    data = (await get(web, f"/api/v1/packages/{spelling}/{name}/"))["data"]
    assert data["name"] == name
    assert data["latest"] in [version["version"] for version in data["versions"]]
    assert data["metadata"]["licence"] == "MIT"
    assert "forge.example" in (data["repository"] or data["metadata"]["home_page"])
    found = (await get(web, f"/api/v1/packages/{spelling}/?q=thing"))["data"]
    assert [item["name"] for item in found["items"]] == [name]


async def test_what_a_private_registry_says_needs_a_key(start_web: StartWeb, registries: Registries) -> None:
    only_npm = Discovery(registries.glance, registries.about, registries.known_bad, lambda kind: kind == "npm")
    web = await start_web(discovery=only_npm)
    paths = (
        "/get_npm_versions/?package_name=@scope/thing",
        "/get_npm_packages/",
        "/api/v1/packages/npm",
        "/api/v1/packages/npm/@scope/thing",
        "/api/v1/known-bad?purl=pkg:npm/%2540scope/thing",
    )
    reader = await web.key("packages:read")
    for path in paths:
        assert (await get(web, path, 401))["code"] == "api_key_required"
        async with web.client.get(path, headers=reader) as answer:
            assert answer.status == 200, path
    await get(web, "/get_pypi_packages/")


async def test_what_is_misspelt_gets_suggestions(web: Web) -> None:
    await packages.remember(web.services.db, "pypi", [("requests", "2.32.0")])
    data = (await get(web, "/api/v1/packages/pypi?q=reqeusts"))["data"]
    assert data["items"] == []
    assert data["suggestions"] == [{"name": "requests", "latest": "2.32.0", "purl": "pkg:pypi/requests"}]


async def test_known_bad_is_told(web: Web, fake: FakeRegistry) -> None:
    fake.advisories["pkg:pypi/thing@1.0.0"] = [{"id": "MAL-2026-1", "summary": "Malicious code"}]
    data = (await get(web, "/api/v1/known-bad?purl=pkg:pypi/thing@1.0.0"))["data"]
    assert (data["malicious"], [one["id"] for one in data["advisories"]]) == (True, ["MAL-2026-1"])
    assert not (await get(web, "/api/v1/known-bad?purl=pkg:pypi/thing@1.1.0"))["data"]["malicious"]
    assert (await get(web, "/api/v1/known-bad?purl=x", 400))["code"] == "invalid_purl"
    for nothing in ("", "?purl="):
        assert (await get(web, f"/api/v1/known-bad{nothing}", 400))["code"] == "missing_purl"


async def test_watches_belong_to_whoever_added_them(web: Web) -> None:
    mine, other = await web.key("packages:write", "packages:read"), await web.key("packages:write", "packages:read")
    body = {"purl": "pkg:npm/%40scope/*", "priority": 4}
    async with web.client.post("/api/v1/watches/", json=body, headers=mine) as answer:
        assert answer.status == 201
        made = (await answer.json())["data"]
        assert (made["ecosystem"], made["name"], made["priority"]) == ("npm", "@scope/*", 4)
    for headers, seen in ((mine, [made["id"]]), (other, [])):
        async with web.client.get("/api/v1/watches", headers=headers) as answer:
            assert [one["id"] for one in (await answer.json())["data"]["items"]] == seen
    async with web.client.delete(f"/api/v1/watches/{made['id']}", headers=other) as answer:
        assert answer.status == 404
    async with web.client.get(f"/api/v1/watches/{made['id']}", headers=mine) as answer:
        assert (await answer.json())["data"]["history"] == []
    async with web.client.delete(f"/api/v1/watches/{made['id']}/", headers=mine) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"purl": "pkg:pypi/a", "purl": "pkg:pypi/b"}', "invalid_json"),
        (b'{"purl": "pkg:pypi/a", "priority": "3"}', "invalid_request"),
        (b'{"purl": "pkg:pypi/a", "owner": "key:other"}', "invalid_request"),
        (b"", "invalid_json"),
        (b'{"purl": 1}', "invalid_request"),
        (b'{"purl": "pkg:npm/*"}', "invalid_request"),
        (b'{"purl": "pkg:pypi/a@1"}', "invalid_request"),
        (b'{"purl": "pkg:pypi/a", "priority": 10}', "invalid_request"),
        (b'{"purl": "pkg:pypi/..%2Fa"}', "invalid_purl"),
        (b'{"purl": "pkg:deb/debian/a"}', "unsupported_ecosystem"),
    ],
)
async def test_a_wish_that_is_none_is_refused(web: Web, body: bytes, code: str) -> None:
    async with web.client.post("/api/v1/watches", data=body, headers=await web.key("packages:write")) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)


async def test_watching_needs_a_key_with_the_scope(web: Web) -> None:
    async with web.client.post("/api/v1/watches", json={"purl": "pkg:pypi/a"}) as answer:
        assert answer.status == 401
    async with web.client.post("/api/v1/watches", json={"purl": "pkg:pypi/a"}, headers=web.writer) as answer:
        assert answer.status == 403
