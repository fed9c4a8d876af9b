"""A probe's other way up: HTTPS to the same server, for when XMPP cannot be reached."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement

import aiohttp

from pumpkin.adapters.stanzas import name
from pumpkin.errors import (
    CheckConflict,
    Forbidden,
    InvalidCheck,
    InvalidRequest,
    PayloadTooLarge,
    PumpkinError,
    StartError,
    Unavailable,
)

ADDRESS = "urn:pumpkin:address:0"
ANSWER_S = 30.0
FETCH_S = 1_800.0
CA_LIMIT = 64 * 1024
ANSWER_LIMIT = 8 * 1024 * 1024
_MEANING: dict[int, type[PumpkinError]] = {
    400: InvalidCheck,
    401: Forbidden,
    403: Forbidden,
    409: CheckConflict,
    413: PayloadTooLarge,
    422: InvalidCheck,
}


@dataclass(frozen=True, slots=True)
class HttpsPlace:
    """Where the server takes checks by HTTPS: `url` without path; `host` is connected to where it is given, and the
    certificate must then be that of the URL's host. `ca` is PEM text, empty for the system's authorities."""

    url: str
    ca: str = ""
    host: str = ""

    def as_json(self) -> dict[str, str]:
        return {"url": self.url, "ca": self.ca, "host": self.host}


class HttpsWay:
    """`deliver` posts one native body as the agent `account`; `place` may be learnt or changed at any time.

    A password goes over TLS, or over plain HTTP to this machine only: any other plain address is StartError.
    """

    def __init__(self, account: str, password: str, place: HttpsPlace | None = None) -> None:
        self._login = aiohttp.BasicAuth(account, password, "utf-8")
        self._session: aiohttp.ClientSession | None = None
        self._place: HttpsPlace | None = None
        self._context: ssl.SSLContext | bool = True
        if place is not None:
            self.use(place)

    @property
    def place(self) -> HttpsPlace | None:
        """Where it posts; None while nobody told it."""
        return self._place

    def use(self, place: HttpsPlace) -> None:
        """Post there from now on; StartError when the address cannot be used."""
        parts = urlsplit(place.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(place.host or parts.hostname or "")):
            raise StartError(f"{place.url[:200]} is no https address; a password is not sent in the clear.")
        try:
            self._context = ssl.create_default_context(cadata=place.ca) if place.ca else True
        except (ssl.SSLError, ValueError) as error:
            raise StartError(f"The certificates for {place.url[:200]} cannot be read: {error}.") from None
        self._place = place

    async def deliver(self, body: Mapping[str, Any]) -> None:
        """Until the server has stored it; raises as `adapters.uplink.Uplink.deliver` does."""
        await self._ask("POST", "/api/v1/checks", body)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the server answers (JSON) to another question of this agent; raises as `deliver` does."""
        return await self._ask("POST", path, body)

    async def get(self, path: str) -> Any:
        """What the server answers (JSON) there; raises as `deliver` does."""
        return await self._ask("GET", path, None)

    async def fetch(self, path: str, target: Path, most: int) -> None:
        """Lay what the server answers there, at most `most` bytes, into the file `target`. InvalidRequest when it has
        no such thing or a larger one, Unavailable when it cannot be asked now; OSError is of the file."""
        timeout = aiohttp.ClientTimeout(total=FETCH_S, sock_read=ANSWER_S)
        with target.open("wb") as file:
            try:
                async with self._asked("GET", path, timeout=timeout) as answer:
                    if answer.status == 404:
                        raise InvalidRequest(
                            "The server does not have this kit any more; tell the probe to update again."
                        )
                    if answer.status != 200:
                        raise Unavailable(f"HTTPS {answer.status}: {await _message(answer)}")
                    async for chunk in answer.content.iter_chunked(256 * 1024):
                        if file.tell() + len(chunk) > most:
                            raise InvalidRequest(f"What the server sends is larger than {most:,} bytes.")
                        file.write(chunk)
            except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError) as error:
                raise Unavailable(f"HTTPS: {type(error).__name__}: {str(error)[:200]}") from error

    async def probe(self) -> str:
        """Whether the server answers there and knows us; one sentence. PumpkinError when it does not."""
        try:
            await self._ask("POST", "/api/v1/checks", {})
        except InvalidCheck:
            return "answers, and knows this agent"
        return "answers"

    async def close(self) -> None:
        """Let its connections go."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        try:
            async with self._asked(method, path, json=body) as answer:
                if answer.status in (200, 201):
                    return json.loads(await answer.content.read(ANSWER_LIMIT))
                text = await _message(answer)
                raise _MEANING.get(answer.status, Unavailable)(f"HTTPS {answer.status}: {text}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"HTTPS: {type(error).__name__}: {str(error)[:200]}") from error

    def _asked(self, method: str, path: str, **more: Any) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        place = self._place
        if place is None:
            raise Unavailable("No HTTPS address of the server is known.")
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=8))
        parts = urlsplit(place.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = place.host or parts.hostname or ""
        return self._session.request(
            method,
            f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}",
            auth=self._login,
            ssl=self._context,
            server_hostname=parts.hostname if parts.scheme == "https" else None,
            allow_redirects=False,
            **more,
        )


def told(iq_answer: Element, host: str) -> HttpsPlace | None:
    """The place an aggregator names when asked `urn:pumpkin:address:0`; `host` is where we reached it."""
    found = iq_answer.find(name("address", ADDRESS))
    url = found.get("url", "") if found is not None else ""
    ca = (found.findtext(name("ca", ADDRESS)) or "") if found is not None else ""
    if not url or len(url) > 1_000 or len(ca) > CA_LIMIT or urlsplit(url).scheme not in ("http", "https"):
        return None
    return HttpsPlace(url, ca, host)


def address_answer(url: str, ca: str) -> Element:
    """What an aggregator answers."""
    said = Element(name("address", ADDRESS), {"url": url} if url else {})
    if ca:
        SubElement(said, name("ca", ADDRESS)).text = ca
    return said


async def _message(answer: aiohttp.ClientResponse) -> str:
    try:
        said = await answer.json(content_type=None)
        error = said.get("error", {}) if isinstance(said, dict) else {}
        return str(error.get("message") if isinstance(error, dict) else error)[:300]
    except (ValueError, aiohttp.ClientError):
        return "no answer that can be read"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
