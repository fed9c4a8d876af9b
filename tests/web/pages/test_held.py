"""What somebody typed when the session had ended is not lost, whatever the form and however long."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient

from tests.web.pages.site import Site, token

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
    """35,000 signs of three bytes each are three hundred kilobytes on the wire."""
    await site.agent()
    path, typed = "/agents/probe@pumpkin.example/message", {"body": "南瓜" * 16_000, "metadata": "瓜" * 3_000}
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


def with_a_file(csrf: str = "x") -> FormData:
    form = FormData(quote_fields=False)
    form.add_field("csrf", csrf)
    form.add_field("ecosystem", 'npm "<b>')
    form.add_field("file", b"PK\x03\x04" * 50_000, filename="thing <i>-1.0.zip")
    return form


async def test_of_a_form_with_a_file_all_is_kept_but_its_bytes(site: Site, stranger: Client) -> None:
    async with stranger.post(_WITH_A_FILE, data=with_a_file()) as answer:
        assert answer.status == 401
        told = held(await answer.text())
    assert (told["path"], told["fields"]) == (_WITH_A_FILE, [["ecosystem", 'npm "<b>']])
    assert told["file"] == ["file", "thing <i>-1.0.zip"]
    async with stranger.get("/login") as answer:
        csrf = token(await answer.text())
    fields = {"csrf": csrf, "name": "otto", "password": "an able operator", "held": json.dumps(told)}
    async with stranger.post("/login", data=fields) as answer:
        shown = await answer.text()
    assert 'enctype="multipart/form-data"' in shown
    assert re.search(r'name="file" type="file" required', shown)
    assert "It was <bdi>thing &lt;i&gt;-1.0.zip</bdi>." in shown
    assert 'value="npm &#34;&lt;b&gt;"' in shown


async def test_a_form_with_a_file_of_a_session_before_is_shown_once_more(site: Site, admin: Client) -> None:
    async with admin.post(_WITH_A_FILE, data=with_a_file("of the session before")) as answer:
        assert answer.status == 403
        shown = await answer.text()
    assert "You signed in anew" in shown
    assert 'name="file" type="file"' in shown
    assert 'value="npm &#34;&lt;b&gt;"' in shown


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"no multipart at all", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"--x\r\n\r\nnameless\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno file\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"y" * 40_000 + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
async def test_an_odd_form_with_a_file_says_what_to_do(stranger: Client, body: bytes, kind: str) -> None:
    async with stranger.post(_WITH_A_FILE, data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == 401
        text = await answer.text()
    assert "the browser keeps what you typed and chose" in text


async def test_a_held_form_with_an_odd_file_is_none(stranger: Client) -> None:
    for odd in ("x", 7, ["file"], ["a", "b", "c"], {"a": 1}):
        async with stranger.get("/login") as answer:
            csrf = token(await answer.text())
        told = json.dumps({"path": "/packages/upload", "fields": [], "file": odd})
        fields = {"csrf": csrf, "name": "nobody", "password": "x", "held": told}
        async with stranger.post("/login", data=fields) as answer:
            assert answer.status == 401, odd
            assert 'name="held"' not in await answer.text(), odd
