"""The one door to registries: bounded, limited a host, cached with validators, every failure a typed error."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import aiohttp
import structlog
from yarl import URL

from pumpkin.adapters.registries.guard import Guard
from pumpkin.errors import PackageNotFound, RegistryError, RegistryRefused, RegistryTooLarge, RegistryUnavailable
from pumpkin.model.documents import Document

DOCUMENT_LIMIT = 64 * 1024 * 1024
CACHED_LIMIT = 8 * 1024 * 1024
HELD_LIMIT = 128 * 1024 * 1024  # bytes of documents at hand in this process
DOCUMENT_S = 20.0
ARTIFACT_S = 300.0
SILENCE_S = 15.0
REDIRECTS = 5
STALE_S = 86_400.0
HURRIED_S = 1.0  # the longest line at a host that somebody who only looks joins
MISSING_S = 60.0  # how long "there is no such package" is believed
MISSING = (404, 410, 451)

_PRINTED = re.compile(r"[!-~]{1,4096}")
_hurried: ContextVar[bool] = ContextVar("hurried", default=False)

log = structlog.get_logger("pumpkin.registries")


@contextmanager
def hurried() -> Iterator[None]:
    """In here what was said at most a day ago is answered at once, while it is asked again behind."""
    token = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(token)


class Cache(Protocol):
    """Where documents are kept (`store.documents` has the real one). `confirmed`: only `fetched` is another."""

    async def document(self, url: str) -> Document | None: ...

    async def keep(self, document: Document, *, confirmed: bool = False) -> None: ...


@dataclass
class NoCache:
    """Keeps documents for as long as the process lives; for commands and tests without a database."""

    kept: dict[str, Document] = field(default_factory=dict)

    async def document(self, url: str) -> Document | None:
        return self.kept.get(url)

    async def keep(self, document: Document, *, confirmed: bool = False) -> None:
        while len(self.kept) > 500:
            self.kept.pop(next(iter(self.kept)))
        self.kept[document.url] = document


class _Host:
    """One host's pace: at most `rate` requests a second, six at once, none before its Retry-After."""

    def __init__(self, rate: float) -> None:
        self._gap_s = 1.0 / rate
        self._next = 0.0
        self._slots = asyncio.Semaphore(6)
        self.not_before = 0.0

    @asynccontextmanager
    async def turn(self, patience_s: float) -> AsyncIterator[None]:
        now = time.monotonic()
        if self.not_before - now > patience_s:
            raise RegistryUnavailable("The package registry asked us to wait; try again later.")
        start = max(now, self._next, self.not_before)
        if start - now > patience_s:
            raise RegistryUnavailable("Too many questions wait for this package registry; try again.")
        self._next = start + self._gap_s
        if start > now:
            await asyncio.sleep(start - now)
        async with self._slots:
            yield


class Fetcher:
    """Asks registries. `fresh_s` is how long a document answers without the registry being asked,
    `feed_s` the same for feeds.

    `rates` are requests a second by host (others `rate`); `agent` the User-Agent, with a contact as the registries'
    etiquette asks; `tokens` are Authorization values by base address, sent to that origin only.
    """

    def __init__(
        self,
        guard: Guard,
        cache: Cache | None = None,
        *,
        agent: str = "pumpkin",
        fresh_s: float = 600.0,
        feed_s: float = 30.0,
        rate: float = 10.0,
        rates: Mapping[str, float] | None = None,
        tokens: Mapping[str, str] | None = None,
        document_s: float = DOCUMENT_S,
        trust: Callable[[], ssl.SSLContext | bool] = lambda: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._guard = guard
        self._cache: Cache = cache or NoCache()
        self._fresh_s = fresh_s
        self.feed_s = min(feed_s, fresh_s)
        self._rate, self._rates = rate, dict(rates or {})
        self._tokens = {URL(base).origin(): value for base, value in (tokens or {}).items()}
        self._agent = agent
        self._document_s = document_s
        self._clock = clock
        self._trust = trust
        self._hosts: dict[str, _Host] = {}
        self._recent: dict[str, Document] = {}
        self._held = 0
        self._under_way: dict[str, asyncio.Task[Document]] = {}
        self._session: aiohttp.ClientSession | None = None
        self.asked = 0

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._guard, ssl=self._trust(), limit=32, ttl_dns_cache=60),
                headers={"User-Agent": self._agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small answer may hold a large one: unpacked by us, within the limit
                trust_env=False,
                max_line_size=16_384,
                max_field_size=16_384,
            )
        return self._session

    async def close(self) -> None:
        """Ends what is under way."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def document(
        self,
        url: str,
        *,
        accept: str = "application/json",
        limit: int = DOCUMENT_LIMIT,
        fresh_s: float | None = None,
        also: tuple[int, ...] = (),
        stale: bool = True,
    ) -> Document:
        """The document at `url`: from the cache while fresh, else asked with its validators, else (registry down) what
        it said at most a day ago, `stale`. Inside `hurried` an old one is answered at once and asked again meanwhile.

        PackageNotFound for 404, 410 and 451; other RegistryErrors otherwise. Equal questions at once are asked once.
        `also` are statuses whose body is an answer too; without `stale` nothing old is answered.
        """
        key = f"{url} {accept}" if accept != "application/json" else url
        old = self._recent.get(key) or await self._cache.document(key)
        age = self._clock() - old.fetched if old else STALE_S
        if old is not None and key not in self._recent:
            self._hold(old)
        fresh_s = self._fresh_s if fresh_s is None else fresh_s
        age = fresh_s if age < 0 else age  # the clock was set back: ask again
        if old is not None and age < (min(fresh_s, MISSING_S) if old.status in MISSING else fresh_s):
            return _found(old)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(
                self._renewed(key, url, accept, limit, old, also, stale or fresh_s > 0), name=f"ask {url[:80]}"
            )
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        if stale and _hurried.get() and old is not None and age < STALE_S:
            return _found(replace(old, stale=True))
        try:
            return _found(await asyncio.shield(task))
        except RegistryUnavailable:
            if old is None or age >= STALE_S or not stale:
                raise
            return _found(replace(old, stale=True))

    async def feed(self, url: str, **more: Any) -> Document:
        """A feed's document: asked again soon, and never what it said before it went away."""
        return await self.document(url, **{"fresh_s": self.feed_s, "stale": False, **more})

    def _forget(self, key: str, task: asyncio.Task[Document]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _renewed(
        self, key: str, url: str, accept: str, limit: int, old: Document | None, also: tuple[int, ...], keep: bool
    ) -> Document:
        headers = {"Accept": accept, "Accept-Encoding": "gzip"}
        if old is not None and old.etag:
            headers["If-None-Match"] = old.etag
        if old is not None and old.last_modified:
            headers["If-Modified-Since"] = old.last_modified
        async with self.answer("GET", url, headers=headers, total_s=self._document_s, also=also) as response:
            if response.status == 304 and old is not None:
                new = replace(old, fetched=self._clock(), stale=False)
                if len(new.body) <= CACHED_LIMIT:
                    await self._cache.keep(new, confirmed=True)
                self._hold(new)
                return new
            else:
                body = await _read(response, limit) if response.status in (200, *also) else b""
                new = Document(
                    key,
                    response.status,
                    body,
                    response.content_type,
                    response.headers.get("ETag"),
                    response.headers.get("Last-Modified"),
                    self._clock(),
                )
        if not keep:
            return new  # an answer to a question that is not asked again
        if len(new.body) <= CACHED_LIMIT:
            await self._cache.keep(new)
        self._hold(new)
        return new

    def _hold(self, document: Document) -> None:
        """Keep a document at hand, the longest unused forgotten first."""
        before = self._recent.pop(document.url, None)
        self._recent[document.url] = document
        self._held += len(document.body) - (len(before.body) if before else 0)
        while self._held > HELD_LIMIT and len(self._recent) > 1:
            self._held -= len(self._recent.pop(next(iter(self._recent))).body)

    async def post_json(self, url: str, value: Any, *, limit: int = DOCUMENT_LIMIT) -> Any:
        """The JSON answer to a JSON question."""
        gzip = {"Accept-Encoding": "gzip"}
        async with self.answer("POST", url, json=value, headers=gzip, total_s=self._document_s) as response:
            return Document(url, response.status, await _read(response, limit)).json()

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        url: str,
        *,
        total_s: float,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        also: tuple[int, ...] = (),
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An open answer, redirections followed one by one past the guard. Status 200, 304, or one of MISSING."""
        here = self._guard.check(_address(url))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=SILENCE_S)
        try:
            async with asyncio.timeout(total_s):
                for _ in range(REDIRECTS + 1):
                    host = self._hosts.setdefault(here.host or "", _Host(self._rates.get(here.host or "", self._rate)))
                    # Strangers' looks must not make analyses wait: they are turned away before a line forms.
                    async with host.turn(HURRIED_S if _hurried.get() else total_s / 2):
                        self.asked += 1
                        async with self._opened().request(
                            method,
                            here,
                            headers={**(headers or {}), **self._credentials(here)},
                            json=json,
                            timeout=timeout,
                            allow_redirects=False,
                        ) as response:
                            if response.status not in (301, 302, 303, 307, 308):
                                _judge(response, host, also)
                                yield response
                                return
                            here = self._guard.check(_target(here, response.headers.get("Location", "")))
                raise RegistryRefused("The package registry sends us from address to address.")
        except TimeoutError as error:
            raise RegistryUnavailable("The package registry gives no whole answer within the deadline.") from error
        except (aiohttp.ClientError, OSError) as error:
            log.warning("registry", host=here.host, error=type(error).__name__)
            raise RegistryUnavailable from error

    def guarded(self, url: str) -> bool:
        """Whether that origin is asked with credentials of ours."""
        return URL(url).origin() in self._tokens

    def _credentials(self, url: URL) -> dict[str, str]:
        value = self._tokens.get(url.origin())
        return {"Authorization": value} if value else {}


def _address(text: str) -> URL:
    """An address a registry gave, taken as it is; RegistryRefused for what could break a request's line."""
    if not _PRINTED.fullmatch(text):
        raise RegistryRefused("The package registry gives an address that is none.")
    try:
        return URL(text, encoded=True)
    except ValueError as error:
        raise RegistryRefused("The package registry gives an address that is none.") from error


def _target(here: URL, location: str) -> URL:
    try:
        return here.join(URL(location))
    except ValueError as error:
        raise RegistryRefused from error


def _found(document: Document) -> Document:
    if document.status in MISSING:
        raise PackageNotFound
    return document


def _judge(response: aiohttp.ClientResponse, host: _Host, also: tuple[int, ...]) -> None:
    if response.status in (200, 304, *MISSING, *also):
        return
    if response.status == 429 or response.status >= 500:
        wait = response.headers.get("Retry-After", "")
        if wait.isdigit():
            host.not_before = time.monotonic() + min(int(wait), 3_600)
        raise RegistryUnavailable(f"The package registry answers {response.status}; try again.")
    raise RegistryError(f"The package registry answers {response.status}.")


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body, unpacked; RegistryTooLarge past `limit` bytes of it."""
    announced = response.content_length
    if announced is not None and announced > limit:
        raise RegistryTooLarge
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise RegistryError(f"The package registry packs its answer as {coding[:20]!a}.")
    unpack = zlib.decompressobj(31) if coding == "gzip" else None
    found = bytearray()
    try:
        async for part in response.content.iter_chunked(1 << 16):
            found += part if unpack is None else unpack.decompress(part, limit - len(found) + 1)
            if len(found) > limit:
                raise RegistryTooLarge
    except zlib.error as error:
        raise RegistryError("The package registry's answer cannot be unpacked.") from error
    if unpack is not None and not unpack.eof:
        raise RegistryError("The package registry's answer ends in the middle.")
    return bytes(found)
