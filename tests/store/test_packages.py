"""Names as they are seen, found again by beginning, by part and by likeness; documents; watches."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from pumpkin.model.documents import Document
from pumpkin.model.purl import ECOSYSTEMS
from pumpkin.model.watches import Wish
from pumpkin.store import packages, watches
from pumpkin.store.database import Database
from pumpkin.store.documents import DocumentCache

NAMES = ("django", "django-rest-framework", "python-django", "requests", "requests-oauthlib", "six", "xyz", "ab")


@pytest.fixture
async def known(database: Database) -> Database:
    await packages.remember(database, "pypi", [(name, "1.0") for name in NAMES])
    await packages.remember(database, "npm", [("@babel/core", "7.0.0"), ("django", None)])
    return database


def names(found: list[packages.Found]) -> list[str]:
    return [one.name for one in found]


async def test_names_are_found_by_beginning_then_by_part(known: Database) -> None:
    assert names(await packages.search(known, "pypi", "djan")) == ["django", "django-rest-framework", "python-django"]
    assert names(await packages.search(known, "pypi", "REST.framework")) == ["django-rest-framework"]
    assert names(await packages.search(known, "npm", "babel")) == ["@babel/core"]
    assert names(await packages.search(known, "npm", "@babel/")) == ["@babel/core"]


async def test_a_search_stays_in_its_ecosystem_and_within_its_limit(known: Database) -> None:
    assert names(await packages.search(known, "npm", "django")) == ["django"]
    assert names(await packages.search(known, "pypi", "", 3)) == ["ab", "django", "django-rest-framework"]
    assert await packages.search(known, "pypi", "django", 0) == []
    assert await packages.search(known, "gem", "django") == []


@pytest.mark.parametrize(
    "text", ["%", "_", "dj%go", "'; drop table package_names; --", "\0", "джанго", "\u212aeras", "x" * 999]
)
async def test_a_hostile_search_finds_nothing(known: Database, text: str) -> None:
    assert await packages.search(known, "pypi", text) == []
    assert await packages.suggest(known, "pypi", text) == []


async def test_what_is_misspelt_is_suggested_nearest_first(known: Database) -> None:
    assert names(await packages.suggest(known, "pypi", "reqeusts"))[:1] == ["requests"]
    assert names(await packages.suggest(known, "pypi", "djagno")) == ["django"]
    assert await packages.suggest(known, "pypi", "entirely-else") == []


async def test_the_trigrams_of_python_are_those_of_the_database(known: Database) -> None:
    chance = random.Random(3)
    async with known.reader() as connection:
        for ecosystem in ECOSYSTEMS:
            text = "".join(chance.choices("abcxyz0-._@/:+", k=chance.randint(0, 40)))
            found = await connection.fetchval("select package_grams($1, $2)", ecosystem, text)
            assert sorted(found) == packages.grams(ecosystem, text)


async def test_a_text_of_common_trigrams_is_still_found(database: Database) -> None:
    await packages.remember(database, "npm", [(f"x{n}-plugin", None) for n in range(3_000)])
    async with database.writer() as connection:
        await connection.execute("analyze package_names")
    assert len(await packages.search(database, "npm", "plugin", 20)) == 20
    assert names(await packages.search(database, "npm", "77-plugin", 1_000))[:1] == ["x77-plugin"]


async def test_versions_are_remembered_with_their_package(known: Database) -> None:
    when = datetime(2026, 1, 31, tzinfo=UTC)
    for _ in range(2):
        await packages.remember_versions(known, "maven", "org.example:lib", [("1.0", when), ("1.1", None)], "1.1")
    assert dict(await packages.versions_of(known, "maven", ["org.example:lib", "org.example:no"])) == {
        "org.example:lib": ["1.0", "1.1"]
    }
    assert await packages.search(known, "maven", "example") == [packages.Found("org.example:lib", "1.1")]
    assert (await packages.count(known))["maven"] == 1


async def test_a_document_is_kept_and_confirmed(database: Database) -> None:
    cache = DocumentCache(database)
    document = Document("https://registry.example/x", 200, b"{}", "application/json", '"tag"', None, 1_000.5)
    await cache.keep(document)
    assert await cache.document(document.url) == document
    confirmed = Document(document.url, 200, b"{}", "application/json", '"tag"', None, 2_000.0)
    await cache.keep(confirmed, confirmed=True)
    assert await cache.document(document.url) == confirmed
    await cache.tidy(1_500.0)
    assert await cache.document(document.url) is not None
    await cache.tidy(2_500.0)
    assert await cache.document(document.url) is None


async def test_a_watch_deals_with_each_version_once(database: Database) -> None:
    watch = await watches.add(database, Wish.of("pkg:pypi/django", 3), "key:one")
    again = await watches.add(database, Wish.of("pkg:pypi/Django", 5), "key:one")
    assert (again.id, again.priority) == (watch.id, 5)
    assert await watches.unseen(database, watch, "django", ["1.0", "2.0"]) == ["1.0", "2.0"]
    await watches.seen(database, watch, "django", ["1.0"])
    await watches.seen(database, watch, "django", ["2.0"], 7)
    assert await watches.unseen(database, watch, "django", ["1.0", "2.0", "3.0"]) == ["3.0"]
    assert [one["version"] for one in await watches.history(database, watch.id)] == ["2.0"]
    assert await watches.every(database, "key:two") == []
    assert not await watches.remove(database, watch.id, "key:two")
    assert await watches.remove(database, watch.id, "key:one")
    await watches.seen(database, watch, "django", ["4.0"])  # removed meanwhile: nothing to note, no error


async def test_a_feed_remembers_where_it_stood(database: Database) -> None:
    assert await watches.feed(database, "npm") == watches.Feed("npm")
    await watches.read_feed(database, "npm", "55", 3)
    await watches.read_feed(database, "npm", "56", 2, "down")
    stood = await watches.feed(database, "npm")
    assert (stood.cursor, stood.found, stood.error) == ("56", 5, "down")
    assert await watches.feeds(database) == [stood]
