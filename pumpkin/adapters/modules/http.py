"""A module's target over HTTP: one origin, no redirections, bounded answers, each status judged once for all
modules."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import Field
from yarl import URL

from pumpkin.adapters.modules.base import Away, Failed, Options, Refused
from pumpkin.adapters.registries.guard import Guard
from pumpkin.errors import RegistryRefused, StartError
from pumpkin.model.deliveries import plain

ANSWER_LIMIT = 1024 * 1024
CONNECT_S = 10.0
_LATER = frozenset({401, 403, 404, 405, 407, 408, 410, 421, 425, 429, 502, 503, 504})
"""What says something of the target or of our access to it, and nothing of the item: all waits until it is mended."""
_NEVER = frozenset({400, 406, 409, 411, 413, 414, 415, 417, 422, 431, 451})
"""What says that this item will not be taken."""


class HttpOptions(Options):
    """What every module over HTTP can be told."""

    ca: Path | None = Field(None, description="PEM file of the authority to trust instead of the system's.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers, for instance of a proxy.")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The beginning of the body, for a person."""
        return plain(self.body[:400].decode("utf-8", "replace"), 200)


class Endpoint:
    """The origin of one base address. Nothing else is asked: neither a redirection nor an address in an answer."""

    def __init__(
        self, base: str, *, name: str, ca: Path | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """StartError when `base` is no address that can be asked, or `ca` cannot be read."""
        try:
            self.base = URL(base)
            self._guard = Guard([base], strict=True)
            self._guard.check(self.base)
        except (ValueError, RegistryRefused):
            raise StartError(
                f"The target of the module {name} is no http or https address without name and password in it."
            ) from None
        self._tls: ssl.SSLContext | bool = True
        if ca is not None:
            try:
                self._tls = ssl.create_default_context(cafile=ca)
            except (OSError, ssl.SSLError):
                raise StartError(f"The option ca of the module {name} names no readable PEM file.") from None
        self._headers = dict(headers or {})
        for key, value in self._headers.items():
            if not key.isascii() or set("\r\n\0") & set(key + value):
                raise StartError(f"The option headers of the module {name} holds a header that is none.")
        self._session: aiohttp.ClientSession | None = None

    def url(self, path: str = "") -> URL:
        """The base address, or what stands at `path` below it."""
        return self.base if not path else URL(f"{str(self.base).rstrip('/')}/{path.lstrip('/')}", encoded=True)

    async def ask(
        self, method: str, url: URL | str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer, whatever its status. Away when there is none, Failed when it is longer than any answer."""
        try:
            asked = self._guard.check(URL(url) if isinstance(url, str) else url)
        except (ValueError, RegistryRefused):
            raise Failed("the target names an address outside its own") from None
        try:
            async with self._opened().request(
                method, asked, data=body, headers={**self._headers, **(headers or {})}, allow_redirects=False
            ) as response:
                read = bytearray()
                async for part in response.content.iter_chunked(1 << 16):
                    read += part
                    if len(read) > ANSWER_LIMIT:
                        raise Failed(f"the answer is longer than {ANSWER_LIMIT} bytes")
                return Answer(response.status, response.headers.copy(), bytes(read))
        except aiohttp.ClientConnectorCertificateError:
            raise Away("its certificate does not verify") from None
        except aiohttp.ClientSSLError:
            raise Away("no TLS connection can be made") from None
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError, aiohttp.InvalidURL) as error:
            raise Failed(f"it does not answer in HTTP ({type(error).__name__})") from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Away(f"it cannot be reached ({type(error).__name__})") from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._guard, ssl=self._tls, limit=2),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                headers={"User-Agent": "pumpkin", "Accept-Encoding": "identity"},
                auto_decompress=False,  # a small answer may hold a large one
                trust_env=False,
                max_line_size=16_384,
                max_field_size=16_384,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def judge(answer: Answer, *, also: frozenset[int] = frozenset()) -> Answer:
    """`answer` where it is a success (or one of `also`), else the error that its status means."""
    if 200 <= answer.status < 300 or answer.status in also:
        return answer
    words = f"HTTP status {answer.status}" + (f": {answer.text}" if answer.text else "")
    if answer.status in _NEVER:
        raise Refused(words)
    if 300 <= answer.status < 400:
        raise Away(f"HTTP status {answer.status}: it is elsewhere now, and redirections are not followed")
    if answer.status in _LATER:
        raise Away(words, pause(answer.headers))
    raise Failed(words)


def pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 section 10.2.3: a number or a date), None without one."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        when = parsedate_to_datetime(given)
    except (ValueError, TypeError, IndexError):
        return None
    left = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)
    return max(0.0, left.total_seconds())


def json_object(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object. Failed when it is none."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Failed(f"its answer is not JSON: {answer.text}") from None
    if not isinstance(value, dict):
        raise Failed("its answer is JSON, but no object")
    return value
