"""Bounds on what strangers may send: bodies by size, requests by address."""

from __future__ import annotations

import asyncio
import ipaddress
import time
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aiohttp import StreamReader, web

from pumpkin.errors import InvalidRequest, PayloadTooLarge, RateLimited
from pumpkin.model.peers import host
from pumpkin.web.envelope import MORE_HEADERS
from pumpkin.web.patience import BODY_START_S, pace

BODY_LIMIT = 16 * 1024 * 1024
SMALL_BODY = 64 * 1024
CHUNK = 64 * 1024
STREAMS_RETRY_S = 10
LEAST_S = 1e-6
"""What rounding may add to a wait when a rate is one request in days: less than this is none."""


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
        if wait := self._wait(key, now):
            return wait
        self._arrival[key] = max(self._arrival.get(key, now), now) + self._interval
        self._arrival.move_to_end(key)
        if len(self._arrival) > self._keys:
            self._arrival.popitem(last=False)
        return 0.0

    def would_wait(self, key: str) -> float:
        """As `take`, without counting."""
        return self._wait(key, self._clock())

    def _wait(self, key: str, now: float) -> float:
        wait = max(self._arrival.get(key, now) - now, 0.0) + self._interval - self._tolerance
        return wait if wait > LEAST_S else 0.0


class Streams:
    """Who holds how many connections open: at most `known` of one who is known, `strangers` of one address, `most` in
    all. What is held costs memory and a descriptor for as long as its reader likes."""

    def __init__(self, known: int, strangers: int, most: int = 10_000) -> None:
        self._known, self._strangers, self._most = known, strangers, most
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, owner: str, source: str) -> Iterator[None]:
        """For as long as a connection is held, by `owner` ("" for nobody) from the address `source`. RateLimited when
        it would be one too many."""
        who = owner or f"address:{source}"
        if self._held[who] >= (self._known if owner else self._strangers) or self._held.total() >= self._most:
            raise RateLimited("Too many connections are held open by this asker.", retry_after=STREAMS_RETRY_S)
        self._held[who] += 1
        try:
            yield
        finally:
            self._held[who] -= 1
            if not self._held[who]:
                del self._held[who]


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address(request: web.Request, trusted: Sequence[Network] = ()) -> str:
    """Whom an address limit counts: the peer's IPv4 address or its IPv6 network of 64 bits.

    Behind proxies of `trusted` networks it is the last address of X-Forwarded-For that none of them has, in all its
    lines: a proxy may add one of its own to the client's. What is no address there counts as the proxy that said it.
    """
    remote = (request.remote or "").partition("%")[0]
    if trusted and _among(remote, trusted):
        for hop in reversed(_listed(request, "X-Forwarded-For")):
            told = _hop(hop)
            if told is None:
                break
            remote = told
            if not _among(remote, trusted):
                break
    return host(remote)


def behind_proxy(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Whether the peer is one of the trusted proxies."""
    return bool(trusted) and _among((request.remote or "").partition("%")[0], trusted)


def by_https(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Whether the client speaks HTTPS: with us, or with a trusted proxy that says so, in the last word where clients
    said something before it."""
    if request.secure or not behind_proxy(request, trusted):
        return request.secure
    return _listed(request, "X-Forwarded-Proto")[-1:] == ["https"]


def _listed(request: web.Request, name: str) -> list[str]:
    """The members of a header that is a list, of all its lines (RFC 9110 section 5.3), empty ones left out."""
    members = (one.strip().casefold() for line in request.headers.getall(name, ()) for one in line.split(","))
    return [one for one in members if one]


def _hop(text: str) -> str | None:
    """The address of a hop, which some proxies write with its port; None for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _among(text: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in networks)


INFLATES = {"auto_decompress": False}
"""How the server is told to hand bodies on as they came (aiohttp's `handler_args`)."""


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
    encoding = request.headers.get("Content-Encoding", "").strip().casefold()
    if encoding in ("", "identity"):
        return whole
    return await asyncio.to_thread(inflated, whole, encoding, limit)


def inflated(data: bytes, encoding: str, limit: int) -> bytes:
    """What a body of that Content-Encoding holds; never more than `limit` bytes are made of it. PayloadTooLarge,
    InvalidRequest.

    The server itself inflates nothing (`INFLATES`): 400 kB that stand for 400 MB held up everybody for five seconds,
    also where nobody was going to read them."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise InvalidRequest("A body's Content-Encoding is gzip or deflate.", fields={"Content-Encoding": "not known"})
    bits = 31 if "gzip" in encoding else 15 if data[:1] and data[0] & 0x0F == zlib.DEFLATED else -15
    stream = zlib.decompressobj(bits)
    try:
        whole = stream.decompress(data, limit + 1)
    except zlib.error:
        raise InvalidRequest("The body is not what its Content-Encoding says.") from None
    if len(whole) > limit:
        raise PayloadTooLarge(f"The body is larger than the {limit} bytes this address takes.")
    if not stream.eof or stream.unused_data:
        raise InvalidRequest("The body is not what its Content-Encoding says.")
    return whole


async def _rest(content: StreamReader, limit: int, patience_s: float = BODY_START_S) -> bytes:
    async with pace(patience_s) as deadline:
        parts = bytearray()
        while not content.at_eof() and len(parts) <= limit:
            parts += await content.readany()
            deadline.came(len(parts))
    return bytes(parts)
