"""Bounds on what strangers may send: bodies by size, requests by address."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from aiohttp import StreamReader, web

from pumpkin.errors import InvalidRequest, PayloadTooLarge
from pumpkin.web.envelope import MORE_HEADERS
from pumpkin.web.patience import BODY_START_S, pace

BODY_LIMIT = 16 * 1024 * 1024
SMALL_BODY = 64 * 1024
CHUNK = 64 * 1024


class Gcra:
    """A generic cell rate algorithm in memory: `rate` requests a second a key, `burst` at once.

    At most `keys` are remembered, the longest unused forgotten first, so a flood of addresses cannot hold memory.
    """

    def __init__(
        self, rate: float, burst: int, *, keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1.0 / rate
        self._tolerance = burst * self._interval
        self._arrival: OrderedDict[str, float] = OrderedDict()
        self._keys = keys
        self._clock = clock

    def take(self, key: str) -> float:
        """0.0 when the request may pass (and is counted), else the seconds to wait (it is not)."""
        now = self._clock()
        due = max(self._arrival.get(key, now), now) + self._interval
        if due - now > self._tolerance:
            return due - now - self._tolerance
        self._arrival[key] = due
        self._arrival.move_to_end(key)
        if len(self._arrival) > self._keys:
            self._arrival.popitem(last=False)
        return 0.0

    def would_wait(self, key: str) -> float:
        """As `take`, without counting."""
        now = self._clock()
        due = max(self._arrival.get(key, now), now) + self._interval
        return max(0.0, due - now - self._tolerance)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(request: web.Request, trusted: Sequence[Network] = ()) -> str:
    """Whom an address limit counts: the peer's IPv4 address or its IPv6 network of 64 bits.

    Behind proxies of `trusted` networks it is the last address of X-Forwarded-For that none of them has.
    """
    remote = (request.remote or "").partition("%")[0]
    if trusted and _among(remote, trusted):
        for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            remote = hop.strip() or remote
            if not _among(remote, trusted):
                break
    try:
        parsed = ipaddress.ip_address(remote)
    except ValueError:
        return remote[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return remote


def behind_proxy(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Whether the peer is one of the trusted proxies."""
    return bool(trusted) and _among((request.remote or "").partition("%")[0], trusted)


def _among(text: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in networks)


async def body(request: web.Request, limit: int = BODY_LIMIT) -> bytes:
    """The request's whole body; PayloadTooLarge past `limit` bytes, known before or found while reading; TooSlow when
    it does not come; InvalidRequest when it is not what its Content-Encoding says."""
    announced = request.content_length
    if announced is not None and announced > limit:
        raise PayloadTooLarge(f"The body is larger than the {limit} bytes this address takes.")
    if not request.body_exists:
        return b""
    if request.content_type.startswith("multipart/"):
        raise InvalidRequest("A multipart body is not taken here.")
    content = request.content
    try:
        whole = content.read_nowait() if content.is_eof() else await _rest(content, limit)
    except web.RequestPayloadError:
        request[MORE_HEADERS] = {**request.get(MORE_HEADERS, {}), "Connection": "close"}  # aiohttp hangs up after it
        raise InvalidRequest("The body is not what its Content-Encoding or Transfer-Encoding says.") from None
    if len(whole) > limit:
        raise PayloadTooLarge(f"The body is larger than the {limit} bytes this address takes.")
    return whole


async def _rest(content: StreamReader, limit: int, patience_s: float = BODY_START_S) -> bytes:
    async with pace(patience_s) as deadline:
        parts = bytearray()
        while not content.at_eof() and len(parts) <= limit:
            parts += await content.readany()
            deadline.came(len(parts))
    return bytes(parts)
