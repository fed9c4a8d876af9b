"""Reads the feeds of new releases, remembers the names, and has each new version of what is watched analysed.

A feed may skip what was published while nobody read it, and some registries have none: so each package watched by name
is asked for too. A version is noted only after it was submitted; submitting twice is harmless (equal packages are one
task), losing one is not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from actors.base import LoopActor
from pumpkin.errors import PackageNotFound, PumpkinError, RegistryError, Unavailable
from pumpkin.model.packages import NewRelease, Versions
from pumpkin.model.purl import Purl
from pumpkin.model.watches import Watch
from pumpkin.store import packages, watches
from pumpkin.store.database import Database
from pumpkin.store.documents import DocumentCache

AT_ONCE = 20  # versions of one package submitted in one round; the rest waits for the next
POLL, ROUND, TIDY = "poll", "round", "tidy"
DAY_S = 86_400.0
NO_FEED = "This registry has no feed; packages watched by name are asked for one by one, patterns cannot be followed."
KEPT_DAYS = 7  # registries' documents nobody asked for since are forgotten

log = structlog.get_logger("pumpkin.watcher")

Submit = Callable[[Purl, str, int], Awaitable[int | None]]
"""Submits a package version for an owner with a priority; the task's id."""


class Sources(Protocol):
    """What of the registries is asked here."""

    @property
    def ecosystems(self) -> tuple[str, ...]: ...

    async def versions(self, purl: Purl) -> Versions: ...

    async def names(self, ecosystem: str) -> Sequence[tuple[str, str | None]]: ...

    async def new_releases(self, ecosystem: str, cursor: str) -> tuple[Sequence[NewRelease], str]: ...


class Watcher(LoopActor):
    """One round every `period_s` seconds, and one whenever it is told "poll" (a watch was added).

    Feeds are read where something is watched; with `all_feeds` everywhere, which fills the names. Of several nodes only
    the one that is `leading()` looks by itself."""

    def __init__(
        self,
        db: Database,
        sources: Sources,
        submit: Submit,
        *,
        period_s: float,
        all_feeds: bool = False,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._leading = leading
        self._db, self._sources, self._submit = db, sources, submit
        self._period_s, self._all_feeds = period_s, all_feeds
        self.rounds = 0

    async def on_start(self) -> None:
        self.every(self._period_s, ROUND)
        self.every(DAY_S, TIDY)

    async def on_receive(self, message: object) -> object:
        if message == ROUND and not self._leading():
            return 0
        if message == TIDY:
            await DocumentCache(self._db).tidy(time.time() - KEPT_DAYS * DAY_S)
            return None
        if message not in (POLL, ROUND):
            return await super().on_receive(message)
        try:
            return await self.round()
        except Unavailable as error:  # the database is away: the next round may find it
            log.warning("round left", reason=error.message)
            return 0

    async def round(self) -> int:
        """Read what is to be read; how many versions were submitted."""
        watched = await watches.every(self._db)
        ecosystems = {watch.ecosystem for watch in watched}
        if self._all_feeds:
            ecosystems |= set(self._sources.ecosystems)
        submitted = 0
        for ecosystem in sorted(ecosystems & set(self._sources.ecosystems)):
            submitted += await self._feed(ecosystem, [watch for watch in watched if watch.ecosystem == ecosystem])
        for watch in watched:
            submitted += await self._look(watch)
        self.rounds += 1
        return submitted

    async def _feed(self, ecosystem: str, watched: Sequence[Watch]) -> int:
        stood = await watches.feed(self._db, ecosystem)
        try:
            releases, cursor = await self._sources.new_releases(ecosystem, stood.cursor)
        except PackageNotFound:
            await watches.read_feed(self._db, ecosystem, stood.cursor, 0, NO_FEED)
            return 0
        except RegistryError as error:
            await watches.read_feed(self._db, ecosystem, stood.cursor, 0, error.message)
            return 0
        seen = {one.purl.full_name: one.purl.version for one in releases}
        if not stood.cursor:
            seen |= dict(await self._sources.names(ecosystem))
        await packages.remember(self._db, ecosystem, seen.items())
        submitted = 0
        for release in releases:
            for watch in watched:
                if watch.exact is None and watch.covers(release.purl):
                    submitted += await self._new(watch, release.purl)
        await watches.read_feed(self._db, ecosystem, cursor, len(releases))
        return submitted

    async def _new(self, watch: Watch, purl: Purl) -> int:
        """What a feed said about a package a pattern covers; a feed without versions means the latest."""
        try:
            number = purl.version or (await self._sources.versions(purl)).latest
            return await self._offer(watch, purl, [number] if number else [])
        except PumpkinError as error:
            await watches.polled(self._db, watch, primed=True, error=error.message)
            return 0

    async def _look(self, watch: Watch) -> int:
        """A package watched by name: all its versions against those dealt with."""
        purl = watch.exact
        if purl is None:
            await watches.polled(self._db, watch, primed=True)
            return 0
        try:
            numbers = (await self._sources.versions(purl)).numbers
        except PackageNotFound:
            numbers = []  # may still come: then all its versions are new
        except PumpkinError as error:
            await watches.polled(self._db, watch, primed=False, error=error.message)
            return 0
        submitted = 0
        error_text = None
        if watch.primed:
            try:
                submitted = await self._offer(watch, purl, numbers)
            except PumpkinError as error:
                error_text = error.message
        else:
            await watches.seen(self._db, watch, purl.full_name, numbers)
        await watches.polled(self._db, watch, primed=True, error=error_text)
        return submitted

    async def _offer(self, watch: Watch, purl: Purl, numbers: Sequence[str]) -> int:
        new = await watches.unseen(self._db, watch, purl.full_name, numbers)
        for number in new[-AT_ONCE:]:
            task = await self._submit(purl.at(number), watch.owner, watch.priority)
            await watches.seen(self._db, watch, purl.full_name, [number], task)
            log.info("new version", purl=purl.at(number).canonical, watch=watch.id, task=task)
        return len(new[-AT_ONCE:])
