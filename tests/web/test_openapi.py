"""The OpenAPI document: valid, whole, with examples that fit; and its page without Internet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter

from pumpkin.store.database import Database
from pumpkin.web import openapi, routes
from pumpkin.web.operations import DETAILS, MODELS
from tests.web.conftest import Web
from tests.web.pages.site import Site


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.build(routes.ROUTES, "1.2.3")


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_stands_in_it_with_a_summary(document: dict[str, Any]) -> None:
    for route in routes.ROUTES:
        operation = document["paths"][re.sub(r":[^}]*", "", route.path)][route.method.lower()]
        assert len(operation["summary"]) > 5, route
        assert ("security" in operation) is bool(route.needs)
        assert any(status.startswith(("1", "2")) for status in operation["responses"])


def test_whatever_a_router_serves_but_pages_stands_in_it(document: dict[str, Any], database: Database) -> None:
    """The table is not all: nothing may be served beside it that this document does not know."""
    unknown = set()
    for route in Site(database).app.router.routes():
        found = route.resource.canonical if route.resource else ""
        page = route.handler.__module__.startswith("pumpkin.web.pages") and not found.startswith("/api/")
        if route.method == "HEAD" or page or found.startswith("/static"):
            continue
        if route.method.lower() not in document["paths"].get(found.rstrip("/") or "/", {}):
            unknown.add(f"{route.method} {found}")
    assert unknown == set()


def test_events_are_heard_with_any_scope_of_a_topic(document: dict[str, Any]) -> None:
    assert document["paths"]["/api/v1/events"]["get"]["x-scopes"] == ["agents:read", "checks:read", "packages:read"]


def test_no_detail_is_of_a_route_that_is_gone() -> None:
    assert set(DETAILS) <= {f"{route.method} {route.path}" for route in routes.ROUTES}


def test_examples_of_bodies_fit_their_models() -> None:
    models = {model.__name__: model for model in MODELS}
    seen = 0
    for detail in DETAILS.values():
        for content in detail.body.values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            if name:
                TypeAdapter(models[name]).validate_python(content["example"])
                seen += 1
    assert seen >= 4


async def test_both_addresses_serve_it(web: Web) -> None:
    for path in ("/openapi.json", "/api/v1/openapi.json", "/api/v1/openapi.json/"):
        async with web.client.get(path) as answer:
            assert (await answer.json())["openapi"] == "3.1.0"


async def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_script(web: Web) -> None:
    async with web.client.get("/docs") as answer:
        text = await answer.text()
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"(?:src|href)=\"(?!/static/|/openapi)", text)
    assert not re.search(r"<script(?![^>]*src=)", text)
    assert "style=" not in text


def test_every_route_is_documented_with_what_it_needs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    for route in routes.ROUTES:
        path = re.sub(r":[^}]*", "", route.path)
        needs = {"": "anyone", "reading": "reading", "topics": "any scope of a topic"}.get(
            route.needs, f"`{route.needs}`"
        )
        assert f"| `{route.method} {path}` | {needs} |" in text


async def test_every_figure_is_documented(web: Web) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    async with web.client.get("/metrics", headers=await web.key("metrics")) as answer:
        names = set(re.findall(r"^# TYPE (pumpkin_\w+)", await answer.text(), re.M))
    assert {"pumpkin_checks_stored_total", "pumpkin_http_responses_total", "pumpkin_database_up"} <= names
    assert [name for name in names if f"| `{name}` |" not in text] == []
