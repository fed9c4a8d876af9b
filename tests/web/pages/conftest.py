"""A site to look at, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.store.database import Database
from tests.web.pages.site import Site, sign_in


@pytest.fixture
async def site(database: Database) -> Site:
    """People, one agent, three checks of which two are stamped."""
    made = Site(database)
    await made.people()
    return made


@pytest.fixture
async def stranger(site: Site) -> AsyncIterator[TestClient]:
    """Somebody who has not signed in."""
    async with TestClient(TestServer(site.app)) as client:
        yield client


@pytest.fixture
async def viewer(stranger: TestClient) -> TestClient:
    """Vera, who may read."""
    await sign_in(stranger, "vera")
    return stranger


@pytest.fixture
async def admin(stranger: TestClient) -> TestClient:
    """Ada, who may all."""
    await sign_in(stranger, "ada")
    return stranger
