"""The registries as the settings have them, and the watcher of new releases."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

from actors.supervision import Restart, System
from actors.watcher import POLL, Watcher
from pumpkin.adapters.registries import Places, Registries, build
from pumpkin.adapters.registries.fetch import Cache
from pumpkin.model.packages import Versions
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Submission
from pumpkin.settings import Settings
from pumpkin.store import packages
from pumpkin.store.database import Database
from pumpkin.store.documents import DocumentCache
from pumpkin.web.discovery import Discovery
from pumpkin.web.services import Packages

REMEMBERED = 10_000


async def build_registries(settings: Settings, db: Database, stack: AsyncExitStack) -> Registries:
    """The configured registries; what is learned of names and versions goes to the store."""
    registries = configured(settings, DocumentCache(db))
    registries.seen = _remembering(db)
    stack.push_async_callback(registries.close)
    return registries


def configured(settings: Settings, cache: Cache | None = None) -> Registries:
    """The registries of the settings, documents kept in `cache` (without one: as long as the process lives)."""
    wanted = settings.registries
    contact = f" ({wanted.contact})" if wanted.contact else ""
    return build(
        Places(
            pypi=wanted.pypi,
            npm=wanted.npm,
            gem=wanted.gem,
            maven=wanted.maven,
            composer=wanted.composer,
            cargo=wanted.cargo,
            apk=wanted.apk,
            osv=wanted.osv,
            npm_changes=wanted.npm_changes,
            crates_api=wanted.crates_api,
            crates_files=wanted.crates_files,
            allowed=tuple(wanted.allowed),
            tokens=wanted.tokens,
        ),
        cache,
        agent=f"pumpkin/{version('pumpkin')}{contact}",
        fresh_s=wanted.fresh,
        strict=wanted.strict,
    )


def _remembering(db: Database) -> Callable[[Versions], Awaitable[None]]:
    """Notes a package's versions, once for each state of them."""
    noted: OrderedDict[str, tuple[int, str | None]] = OrderedDict()

    async def seen(found: Versions) -> None:
        state = (len(found.versions), found.latest)
        if noted.get(found.purl.key) == state:
            return
        rows = [(one.number, one.published) for one in found.versions]
        await packages.remember_versions(db, found.purl.type, found.purl.full_name, rows, found.latest)
        noted[found.purl.key] = state
        if len(noted) > REMEMBERED:
            noted.popitem(last=False)

    return seen


async def build_discovery(
    settings: Settings,
    system: System,
    db: Database,
    registries: Registries,
    analysis: Packages,
    leading: Callable[[], bool],
) -> Discovery:
    """The watcher, running, and what the web is handed. What a watch leads to is its owner's, outside their hour."""

    async def analyse(purl: Purl, owner: str, priority: int) -> int | None:
        wish = Submission(
            owner=owner,
            asked=purl.canonical,
            purl=purl.canonical,
            ecosystem=purl.type,
            name=purl.full_name,
            version=purl.version or "",
            tools=",".join(sorted(analysis.tools())),
            priority=priority,
            timeout_s=analysis.timeout_s,
        )
        return (await analysis.submit(wish)).id

    wanted = settings.registries
    watcher = await system.start(
        "watcher",
        lambda: Watcher.start(db, registries, analyse, period_s=wanted.poll, all_feeds=wanted.feeds, leading=leading),
        restart=Restart(then="leave"),
    )

    def look() -> None:
        if watcher.running:
            watcher.tell(POLL)

    return Discovery(registries.glance, registries.about, registries.known_bad, registries.private, look)
