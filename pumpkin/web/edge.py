"""The web's outer edge: every request gets an id, an identity and a bound; every error one typed answer.

What is no PumpkinError becomes "internal error" with the request id; its traceback goes to the log alone.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from pumpkin.errors import (
    Forbidden,
    InvalidKey,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    PumpkinError,
    RateLimited,
    Unavailable,
)
from pumpkin.web.acts import noted
from pumpkin.web.auth import Authenticator
from pumpkin.web.envelope import HEADERS, MORE_HEADERS, REQUEST_ID, STRICT_TRANSPORT, dialect, failure, new_request_id
from pumpkin.web.guard import (
    ANONYMOUS,
    IDENTITY,
    REFUSED,
    Identity,
    identity,
    is_local,
    require_csrf,
    require_same_site,
)
from pumpkin.web.limits import Gcra, Streams, address, by_https
from pumpkin.web.services import SERVICES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ErrorPage = Callable[[web.Request, PumpkinError, str], Awaitable[web.StreamResponse]]
"""Renders an error as HTML: the request, the error and the request id. Pages set one at `app[ERROR_PAGE]`."""

ERROR_PAGE: web.AppKey[ErrorPage] = web.AppKey("error_page")
COUNTS = web.AppKey("counts", Counter[tuple[str, int]])
STREAMS = web.AppKey("streams", Streams)
WATCH_S = web.AppKey("watch_s", float)
"""How often it is asked whether who holds a connection open may still, in seconds."""
CHECKS = ("/items", "/api/v1/checks", "/TimeStampTokens")
PATIENCE_S = 2.0
AUTHENTICATOR = web.AppKey("authenticator", Authenticator)

_log = structlog.get_logger("web")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class MethodNotAllowed(PumpkinError):
    """This address does not take that method; Allow names those it takes."""

    status = 405
    code = "method_not_allowed"


class Internal(PumpkinError):
    """Something went wrong here; the request id finds it in the log."""


def setup(app: web.Application) -> None:
    """Put the edge around every route of `app`; `app[SERVICES]` must stand."""
    services = app[SERVICES]
    app[AUTHENTICATOR] = Authenticator(services.db, services.access.trusted)
    app[COUNTS] = Counter()
    access = services.access
    app[STREAMS] = Streams(access.streams, access.public_streams)
    app[WATCH_S] = 20.0
    strangers, known = Gcra(access.public_rate, access.public_burst), Gcra(access.rate, access.burst)
    app.middlewares.append(_edge(app[AUTHENTICATOR], strangers, known))


def _edge(authenticator: Authenticator, strangers: Gcra, known: Gcra) -> Middleware:
    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID] = new_request_id(request.headers.get("X-Request-ID"))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        kind = dialect(request.path)
        try:
            asker = authenticator.known(request)
            if asker is None:
                asker = await _identify(authenticator, request)
            request[IDENTITY] = asker
            _bound(request, asker, strangers, known)
            if kind != "page":
                _textual(request)
            if request.method not in _SAFE and asker.kind != "key":
                require_same_site(request)
                if kind != "page":
                    require_csrf(request, None)
            response = await noted(request, handler)
        except PumpkinError as error:
            response = await _answer(request, error, kind)
        except web.HTTPException as error:
            response = await _translate(request, error, kind)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            _log.exception("request failed", method=request.method, route=_route(request))
            response = await _answer(request, _outside(error), kind)
        request.app[COUNTS][kind, response.status] += 1
        if not response.prepared:
            headers = response.headers
            if request.path.startswith("/static/") and response.status < 400:
                # A file named by its content may be kept; modules import each other by bare name and must fit together.
                kept = request.query_string or request.path.startswith("/static/vendor/")
                headers.setdefault("Cache-Control", "public, max-age=3600" if kept else "no-cache")
            for name, value in HEADERS[kind].items():
                headers.setdefault(name, value)
            if by_https(request, request.app[SERVICES].access.trusted):
                headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
            headers.update(request.get(MORE_HEADERS, {}))
            headers["X-Request-ID"] = request_id
        return response

    return edge


async def _identify(authenticator: Authenticator, request: web.Request) -> Identity:
    try:
        if request.path.rstrip("/") == "/metrics":  # which says that the store is away
            return await authenticator.known_lately(request, PATIENCE_S)
        return await authenticator.identify(request)
    except PumpkinError as error:
        request[REFUSED] = error
        return ANONYMOUS


def _bound(request: web.Request, asker: Identity, strangers: Gcra, known: Gcra) -> None:
    """RateLimited past the rate of a stranger's address or of who is known. What brings checks in is held by
    back-pressure instead (rulings.md 22)."""
    if is_local(request):
        return
    if asker is ANONYMOUS:
        wait, whose = strangers.take(address(request, request.app[SERVICES].access.trusted)), "from this address"
    elif request.method == "POST" and request.path.startswith(CHECKS):
        return
    else:
        wait, whose = known.take(asker.owner), "of this key or account"
    if wait:
        raise RateLimited(f"Too many requests {whose}.", retry_after=math.ceil(wait))


def _textual(request: web.Request) -> None:
    """InvalidRequest where a parameter's name or value holds U+0000, which nothing stored does: not an empty answer."""
    if "%00" in request.rel_url.raw_query_string:
        wrong = [name for name, value in request.query.items() if "\x00" in name + value]
        if wrong:
            name = wrong[0].replace("\x00", "")[:100] or "parameter"
            raise InvalidRequest(f"{name} holds U+0000.", fields={f"query.{name}": "no text"})


@contextmanager
def held(request: web.Request) -> Iterator[None]:
    """For as long as this request's connection is held open. RateLimited where its asker holds too many already."""
    source = address(request, request.app[SERVICES].access.trusted)
    owner = identity(request).owner or ("local" if is_local(request) else "")
    with request.app[STREAMS].hold(owner, source):
        watch = asyncio.ensure_future(_watch(request))
        try:
            yield
        finally:
            watch.cancel()


async def _watch(request: web.Request) -> None:
    """Cut a connection that is held open once what opened it opens it no more: a session that ended, a key revoked, a
    role taken away. While nobody can say, as when the database is away, it stands."""
    asker, authenticator = identity(request), request.app[AUTHENTICATOR]
    while asker.kind != "anonymous":
        await asyncio.sleep(request.app[WATCH_S])
        try:
            now = authenticator.known(request) or await authenticator.identify(request)
        except InvalidKey:
            now = ANONYMOUS
        except Exception as error:
            _log.info("an open connection's asker is not known now", problem=type(error).__name__)
            continue
        if now.kind != asker.kind or not asker.scopes <= now.scopes:
            if request.transport is not None:
                request.transport.close()
            return


async def _answer(request: web.Request, error: PumpkinError, kind: str) -> web.StreamResponse:
    page = request.app.get(ERROR_PAGE)
    if kind == "page" and page is not None:
        response = await page(request, error, request[REQUEST_ID])
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response
    return failure(request, error)


async def _translate(request: web.Request, error: web.HTTPException, kind: str) -> web.StreamResponse:
    """aiohttp's own refusals in our words; redirections and what a handler shaped itself pass."""
    if error.status < 400:
        return error
    if isinstance(error, web.HTTPMethodNotAllowed):
        response = await _answer(request, MethodNotAllowed(), kind)
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return response
    if error.status == 413:
        return await _answer(request, PayloadTooLarge(), kind)
    if error.status == 404:
        return await _answer(request, NotFound(), kind)
    if error.status == 403:
        return await _answer(request, Forbidden(), kind)
    return await _answer(request, InvalidRequest() if error.status < 500 else Internal(), kind)


def _outside(error: Exception) -> PumpkinError:
    """A database that went away is a retry; the rest is a fault of ours."""
    if isinstance(error, OSError | TimeoutError) or type(error).__module__.startswith("asyncpg"):
        return Unavailable()
    return Internal()


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "?"
