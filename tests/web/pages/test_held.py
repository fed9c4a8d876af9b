"""What somebody typed when the session had ended is not lost, whatever the form and however long."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from aiohttp.test_utils import TestClient

from tests.web.pages.site import Site

Client = TestClient[Any, Any]
_OF_SIGNING_IN = {"/login", "/login/code", "/logout", "/password", "/csp-report"}
_WITH_A_FILE = "/packages/upload"
_OWN = "/account/"
"""One's own account: its forms hold nothing but passwords and codes, which are not carried along."""


def held(text: str) -> dict[str, Any]:
    """What a page of signing in carries along."""
    found = re.search(r'name="held" value="([^"]*)"', text)
    assert found, text[:2_000]
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


def forms(site: Site) -> list[str]:
    """An address of every form the pages have."""
    found = []
    for route in site.app.router.routes():
        resource = route.resource
        if route.method == "POST" and resource and route.handler.__module__.startswith("pumpkin.web.pages"):
            path = re.sub(r"\{n[^}]*\}+", "7", resource.canonical)
            found.append(re.sub(r"\{\w+\}", "8d4bb3e2-6f5c-4c92-9b83-0f1c8a5d7e21", path))
    return sorted(set(found) - _OF_SIGNING_IN)


async def test_every_form_carries_what_was_typed_through_signing_in(site: Site, stranger: Client) -> None:
    typed = {"name": 'words "quoted" & <b>', "long": "line\nafter line\n" * 50, "act": "role"}
    seen = forms(site)
    assert len(seen) > 30
    for path in seen:
        if path == _WITH_A_FILE or path.startswith(_OWN):
            continue
        async with stranger.post(path, data={"csrf": "of the ended session", **typed}) as answer:
            assert answer.status == 401, path
            told = held(await answer.text())
        assert (told["path"], dict(told["fields"])) == (path, typed)


async def test_a_message_of_the_longest_kind_is_not_lost(site: Site, stranger: Client) -> None:
    """32,000 signs of three bytes each are three hundred kilobytes on the wire."""
    await site.agent()
    path, typed = "/agents/probe@pumpkin.example/message", {"body": "南瓜" * 16_000, "performative": "inform"}
    async with stranger.post(path, data=typed) as answer:
        told = held(await answer.text())
    assert dict(told["fields"]) == typed
    async with stranger.get("/login") as answer:
        csrf = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    assert csrf
    fields = {"csrf": csrf[1], "name": "otto", "password": "an able operator", "held": json.dumps(told)}
    async with stranger.post("/login", data=fields) as answer:
        assert answer.status == 200
        shown = html.unescape(await answer.text())
    assert typed["body"] in shown
    assert site.acts == []


async def test_a_form_with_a_file_says_what_to_do(stranger: Client) -> None:
    from aiohttp import FormData

    form = FormData()
    form.add_field("csrf", "x")
    form.add_field("file", b"PK\x03\x04", filename="thing-1.0.zip")
    async with stranger.post(_WITH_A_FILE, data=form) as answer:
        assert answer.status == 401
        text = await answer.text()
    assert "the browser keeps what you typed and chose" in text
