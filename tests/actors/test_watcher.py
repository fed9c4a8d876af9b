"""The watcher over a real database and the fake registry: each new version once, and none lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.watcher import POLL, Watcher
from pumpkin.adapters.registries import Registries, build
from pumpkin.errors import Unavailable
from pumpkin.model.purl import Purl
from pumpkin.model.watches import Wish
from pumpkin.store import packages, watches
from pumpkin.store.database import Database
from tests.registries.fake import FakeRegistry


class Desk:
    """Takes submissions, as the queue does; `closed` refuses them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, int]] = []
        self.closed = False

    async def submit(self, purl: Purl, owner: str, priority: int) -> int:
        if self.closed:
            raise Unavailable
        self.taken.append((purl.canonical, owner, priority))
        return len(self.taken)

    @property
    def purls(self) -> list[str]:
        return [purl for purl, _, _ in self.taken]


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    registry = FakeRegistry()
    async with registry.running():
        yield registry


@pytest.fixture
async def registries(fake: FakeRegistry) -> AsyncIterator[Registries]:
    opened = build(fake.places(), fresh_s=0, rate=10_000, slow=10_000)
    yield opened
    await opened.close()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def watcher(database: Database, registries: Registries, desk: Desk) -> AsyncIterator[Watcher]:
    ref = Watcher.start(database, registries, desk.submit, period_s=3_600.0)
    actor = ref._actor_weakref()
    assert isinstance(actor, Watcher)
    yield actor
    await ref.stop(block=False)


async def test_only_what_comes_after_the_watch_is_submitted_and_once(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk
) -> None:
    for version in ("1.0", "1.1"):
        fake.publish("pypi", "thing", version)
    await watches.add(database, Wish.of("pkg:pypi/thing", 5), "key:one")
    assert await watcher.round() == 0
    fake.publish("pypi", "thing", "1.2")
    assert await watcher.round() == 1
    assert await watcher.round() == 0
    assert desk.taken == [("pkg:pypi/thing@1.2", "key:one", 5)]


async def test_a_package_that_does_not_exist_yet_is_met_when_it_comes(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk
) -> None:
    await watches.add(database, Wish.of("pkg:maven/org.example/thing"), "key:one")
    await watcher.round()
    assert await watcher.round() == 0
    fake.publish("maven", "org.example:thing", "0.0.1")
    await watcher.round()
    assert desk.purls == ["pkg:maven/org.example/thing@0.0.1"]


@pytest.mark.parametrize(
    ("ecosystem", "pattern", "inside", "outside"),
    [
        ("pypi", "pkg:pypi/django-*", "django-new", "flask-new"),
        ("npm", "pkg:npm/%40scope/*", "@scope/new", "@other/new"),
        ("composer", "pkg:composer/vendor/*", "vendor/new", "other/new"),
        ("gem", "pkg:gem/rails-*", "rails-new", "rake-new"),
        ("cargo", "pkg:cargo/serde*", "serde_new", "tokio"),
        ("apk", "pkg:apk/wolfi/lib*", "libnew", "curl"),
    ],
)
async def test_a_pattern_is_followed_by_its_feed(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk,
    ecosystem: str, pattern: str, inside: str, outside: str,
) -> None:  # fmt: skip
    fake.publish(ecosystem, "older" if ecosystem != "composer" else "vendor/older", "0.1")
    await watches.add(database, Wish.of(pattern), "key:one")
    await watcher.round()
    desk.taken.clear()
    fake.publish(ecosystem, inside, "3.0.0")
    fake.publish(ecosystem, outside, "3.0.0")
    await watcher.round()
    await watcher.round()
    assert [Purl.package(purl).full_name for purl in desk.purls] == [inside]
    assert Purl.package(desk.purls[0]).version == "3.0.0"
    assert inside in [found.name for found in await packages.search(database, ecosystem, inside[:4])]


async def test_a_submission_that_fails_is_made_again(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk
) -> None:
    fake.publish("npm", "thing", "1.0.0")
    watch = await watches.add(database, Wish.of("pkg:npm/thing"), "key:one")
    await watcher.round()
    fake.publish("npm", "thing", "1.1.0")
    desk.closed = True
    await watcher.round()
    assert (await watches.every(database))[0].error
    desk.closed = False
    await watcher.round()
    assert desk.purls == ["pkg:npm/thing@1.1.0"]
    assert (await watches.every(database))[0].error is None
    assert [(one["version"], one["task"]) for one in await watches.history(database, watch.id)] == [("1.1.0", 1)]


async def test_a_registry_that_is_down_is_said_and_nothing_is_missed(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk
) -> None:
    fake.publish("gem", "thing", "1.0.0")
    await watches.add(database, Wish.of("pkg:gem/thing"), "key:one")
    await watcher.round()
    fake.publish("gem", "thing", "1.1.0")
    fake.misbehave("down")
    await watcher.round()
    assert (await watches.feed(database, "gem")).error
    fake.mode = ""
    await watcher.round()
    assert desk.purls == ["pkg:gem/thing@1.1.0"]
    assert (await watches.feed(database, "gem")).error is None


async def test_a_round_is_asked_for_by_message(watcher: Watcher) -> None:
    assert await watcher.actor_ref.ask(POLL, block=False) == 0
    assert watcher.rounds == 1


async def test_wolfis_names_are_known_once_its_index_was_read(
    database: Database, fake: FakeRegistry, watcher: Watcher, desk: Desk
) -> None:
    fake.publish("apk", "curl", "8.14.1-r0")
    fake.publish("apk", "curl", "8.14.1-r1")
    await watches.add(database, Wish.of("pkg:apk/wolfi/lib*"), "key:one")
    await watcher.round()
    assert await packages.search(database, "apk", "curl") == [packages.Found("curl", "8.14.1-r1")]


async def test_every_feed_fills_the_names_where_wanted(
    database: Database, registries: Registries, fake: FakeRegistry, desk: Desk
) -> None:
    fake.publish("pypi", "seen-in-a-feed", "1.0")
    ref = Watcher.start(database, registries, desk.submit, period_s=3_600.0, all_feeds=True)
    await ref.ask(POLL, block=False)
    await ref.stop(block=False)
    assert await packages.search(database, "pypi", "seen") == [packages.Found("seen-in-a-feed", "1.0")]
    assert desk.taken == []
