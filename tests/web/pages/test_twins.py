"""Each page names its JSON twin, and the twin answers whoever may see the page."""

from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestClient

from pumpkin.store.database import Database
from tests.browser import strangers
from tests.browser.furniture import furnish
from tests.web.pages.site import Site, Told

_WITHOUT = {"/verify", "/password", "/nothing/here"}


@pytest.fixture
async def site(database: Database) -> Site:
    """With strangers that have an answer to everything."""
    told = Told()
    made = Site(database, told, **strangers.parts(told))
    await made.people()
    return made


async def test_every_page_has_a_twin_in_json(site: Site, admin: TestClient):
    made = await furnish(site)
    wrong = {}
    for path in made.paths():
        if path in _WITHOUT or path.startswith(("/status", "/proof/")):
            continue
        async with admin.get(path) as answer:
            text, status = await answer.text(), answer.status
        found = re.search(r'rel="alternate" type="application/json" href="([^"]+)"', text)
        if status != 200 or found is None:
            wrong[path] = f"{status}, no twin"
            continue
        async with admin.get(found[1].replace("&amp;", "&")) as answer:
            if answer.status != 200 or answer.content_type != "application/json":
                wrong[path] = f"{found[1]}: {answer.status}"
    assert wrong == {}
