"""Whatever a page links to is there: no link of any page leads to nothing."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from pumpkin.store.database import Database
from pumpkin.web.services import Public
from tests.browser import strangers
from tests.browser.furniture import furnish
from tests.web.pages.site import Site, Told

Client = TestClient[Any, Any]


@pytest.fixture
async def site(database: Database) -> Site:
    """With strangers that have an answer to everything, and public pages."""
    told = Told()
    made = Site(database, told, public=Public(status=True, proofs=True), **strangers.parts(told))
    await made.people()
    return made


def _kind(link: str) -> str:
    """Links that differ by a number, an id or a hash alone lead to one kind of page."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|\d+", "#", link)


async def test_every_link_of_every_page_leads_somewhere(site: Site, admin: Client) -> None:
    made = await furnish(site, "plain words")
    links: dict[str, tuple[str, str]] = {}
    for path in made.paths():
        async with admin.get(path) as answer:
            text = await answer.text()
        for link in re.findall(r'href="(/[^"#]*)', text):
            if not link.startswith("/static/"):
                links.setdefault(_kind(link), (html.unescape(link), path))
    lost = {}
    for link, path in links.values():
        async with admin.get(link) as answer:
            if answer.status >= 400:
                lost[link] = f"{answer.status}, on {path}"
    assert len(links) > 100
    # A bundle needs what the furniture's log has not: a check of a report, a token of its own.
    assert {link: why for link, why in lost.items() if not link.endswith("/bundle")} == {}
