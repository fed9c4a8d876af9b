"""Answers the reads of a sandbox's registry mirror: judged by grammar, fetched by Pumpkin, kept on disk by digest.

A sandbox may ask for one name's page, for a file such a page listed, for an npm document and for the tarball it named.
Anything else is answered 404 and told: asking a registry for what is no package is a way to carry data out. What a page
lists is rewritten so that it leads back to the mirror; both forms of the Python index (PEP 503, PEP 691) are.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import aiohttp
import structlog

from pumpkin.adapters.engines import pages

log = structlog.get_logger("pumpkin.sandbox")
ORIGIN = "http://127.0.0.1:8081"
PAGE_LIMIT = 48 << 20
FILE_LIMIT = 100 << 20
FETCH_S = 60.0
FRESH_S = 600.0

_JSON_PAGE = "application/vnd.pypi.simple.v1+json"
_PYPI_NAME = r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?"
_NPM_NAME = r"(?:@[a-z0-9~_-][a-z0-9._~-]{0,100}/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]{0,212}"
_PATHS = (
    ("pypi", re.compile(rf"/pypi/simple/({_PYPI_NAME})/")),
    ("npm", re.compile(rf"/npm/({_NPM_NAME})")),
    ("file", re.compile(r"/files/([0-9a-f]{24})/([A-Za-z0-9._+~@!-]{1,200})")),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the mirror says; `stray` when the path is none a package manager would ask for."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    stray: bool = False


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file a page listed: where it is and what digest it must have (`sha256=...`, SRI), empty when none is given."""

    url: str
    digest: str


class Cache:
    """Bodies by address, on disk: pages for ten minutes, files for good (they are checked against their digest)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keeps = True

    def get(self, url: str, fresh_s: float | None) -> tuple[str, bytes] | None:
        """(media type, body), None when there is none or it is older than `fresh_s` seconds."""
        path = self._path(url)
        try:
            if fresh_s is not None and time.time() - path.stat().st_mtime > fresh_s:
                return None
            media, _, rest = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        digest, body = rest[:64], rest[65:]
        if hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        return media.decode("latin-1"), body

    def put(self, url: str, media: str, body: bytes) -> None:
        """Keep it. When the disk is full runs go on without, which is said once until it has room again."""
        path = self._path(url)
        fresh = path.with_suffix(f".{time.monotonic_ns()}")
        digest = hashlib.sha256(body).hexdigest().encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.writelines((media.encode("latin-1", "replace") + b"\n" + digest + b"\n", body))
            fresh.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if self._keeps:
                log.warning("what registries answer is not kept", folder=str(self._folder), why=str(error))
            self._keeps = False
        else:
            self._keeps = True

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name[:2] / name


class Registries:
    """The registries a sandbox may read, opened by `async with`; hand a `Relay` of it to each run."""

    def __init__(self, bases: Mapping[str, str], cache: Path, *, headers: Mapping[str, str] | None = None) -> None:
        """`bases`: `pypi` the address of the simple index, `npm` of the registry; one that is missing is not served."""
        self.bases = {name: base.rstrip("/") + "/" for name, base in bases.items()}
        self.cache = Cache(cache)
        self._headers = dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def relay(self) -> Relay:
        """One run's view: it may fetch the files that its own pages listed."""
        return Relay(self)

    def index(self, ecosystem: str) -> str:
        """The mirror's address inside a sandbox, empty for an ecosystem without a base."""
        paths = {"pypi": f"{ORIGIN}/pypi/simple/", "npm": f"{ORIGIN}/npm/"}
        return paths.get(ecosystem, "") if ecosystem in self.bases else ""

    async def fetch(self, url: str, accept: str, limit: int, fresh_s: float | None) -> tuple[int, str, bytes]:
        """(status, media type, body); 502 or 504 when the registry gave no whole answer, 413 past `limit`."""
        known = await asyncio.to_thread(self.cache.get, url, fresh_s)
        if known is not None:
            return 200, *known
        try:
            async with asyncio.timeout(FETCH_S):
                status, media, body = await self._get(url, accept, limit)
        except TimeoutError:
            return 504, "", b""
        except (aiohttp.ClientError, OSError, ValueError):
            return 502, "", b""
        if status == 200:
            await asyncio.to_thread(self.cache.put, url, media, body)
        return status, media, body

    async def _get(self, url: str, accept: str, limit: int) -> tuple[int, str, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=True,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(),
            )
        async with self._session.get(url, headers={"Accept": accept}, max_redirects=5) as response:
            if response.status != 200:
                return (404 if response.status in (404, 410) else 502), "", b""
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > limit:
                    return 413, "", b""
            return 200, response.content_type, bytes(body)


class Relay:
    """One run's answers; call it with a path."""

    def __init__(self, registries: Registries) -> None:
        self._registries = registries
        self._files: dict[str, _Listed] = {}

    async def __call__(self, path: str) -> Answer:
        """Raises nothing: each path has an answer."""
        plain = path.partition("?")[0]
        if plain.startswith("/npm/@"):
            plain = plain.replace("%2f", "/").replace("%2F", "/")
        for kind, pattern in _PATHS:
            match = pattern.fullmatch(plain)
            if match and plain == path.replace("%2f", "/").replace("%2F", "/"):
                return await self._answer(kind, match)
        return Answer(404, stray=True)

    async def _answer(self, kind: str, match: re.Match[str]) -> Answer:
        if kind == "file":
            return await self._file(match[1], match[2])
        base = self._registries.bases.get(kind)
        if base is None:
            return Answer(404)
        return await (self._python(base, match[1]) if kind == "pypi" else self._node(base, match[1]))

    async def _python(self, base: str, name: str) -> Answer:
        url = f"{base}{name}/"
        accept = f"{_JSON_PAGE}, text/html;q=0.5"
        status, media, body = await self._registries.fetch(url, accept, PAGE_LIMIT, FRESH_S)
        if status != 200:
            return Answer(status)
        try:
            rewrite = pages.python_json if media == _JSON_PAGE else pages.python_html
            rewritten = await asyncio.to_thread(rewrite, body, url, self._list)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Answer(502)
        return Answer(200, {"Content-Type": media}, rewritten)

    async def _node(self, base: str, name: str) -> Answer:
        url = base + name.replace("/", "%2f")
        accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
        status, _, body = await self._registries.fetch(url, accept, PAGE_LIMIT, FRESH_S)
        if status != 200:
            return Answer(status)
        try:
            rewritten = await asyncio.to_thread(pages.npm_document, body, self._list)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Answer(502)
        return Answer(200, {"Content-Type": "application/vnd.npm.install-v1+json"}, rewritten)

    def _list(self, url: str, digest: str) -> str:
        """Where a listed file is found at the mirror. Bounded by what pages hold, which are bounded themselves."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("a listed file is not at an http address")
        key = hashlib.sha256(url.encode()).hexdigest()[:24]
        self._files[key] = _Listed(url, digest)
        name = re.sub(r"[^A-Za-z0-9._+~@!-]", "_", unquote(urlsplit(url).path.rpartition("/")[2]))[:200] or "file"
        return f"{ORIGIN}/files/{key}/{name}"

    async def _file(self, key: str, name: str) -> Answer:
        listed = self._files.get(key)
        if listed is None:
            return Answer(404, stray=True)
        url, digest = listed.url, listed.digest
        if name.endswith(".metadata"):  # PEP 658: beside the file, with a digest of its own
            url, digest = f"{url}.metadata", ""
        status, _, body = await self._registries.fetch(url, "*/*", FILE_LIMIT, FRESH_S if not digest else None)
        if status == 200 and digest and not await asyncio.to_thread(_fits, body, digest):
            return Answer(502)
        return Answer(status, {"Content-Type": "application/octet-stream"}, body)


def _fits(body: bytes, digest: str) -> bool:
    """Whether `body` has the digest `sha256=<hex>`, `sha1=<hex>` or one of an SRI list (`sha512-<base64>`)."""
    algorithm, separator, value = digest.partition("=")
    if separator and algorithm in ("sha256", "sha1", "sha384", "sha512", "md5"):
        return not value or hashlib.new(algorithm, body, usedforsecurity=False).hexdigest() == value.lower()
    for one in digest.split():
        algorithm, _, value = one.partition("-")
        if algorithm in ("sha512", "sha384", "sha256", "sha1"):
            try:
                wanted = base64.b64decode(value.partition("?")[0])
            except (ValueError, binascii.Error):
                return False
            return hashlib.new(algorithm, body, usedforsecurity=False).digest() == wanted
    return True
