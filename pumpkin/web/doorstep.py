"""What is said to a request that is no HTTP: it reaches no route and no middleware, and still gets our envelope."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections import Counter
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.model.peers import host
from pumpkin.web.crowd import Crowd
from pumpkin.web.edge import COUNTS
from pumpkin.web.envelope import HEADERS, envelope, new_request_id, plain

BACKLOG = 1024
HANDSHAKE_S = 10.0
AGAIN_S = 0.2
CROWD = web.AppKey("crowd", Crowd)
_log = structlog.get_logger("web")


class Internal(PumpkinError):
    """Something went wrong here; the request id finds it in the log."""


class Doorstep(RequestHandler):
    """aiohttp's handler of one connection, its refusals shaped as ours and without its name."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """As aiohttp's, which logs, and raises ConnectionError where an answer was begun."""
        super().handle_error(request, status, exc, message)
        error = InvalidRequest("The request is not well-formed HTTP/1.1.") if status < 500 else Internal()
        if isinstance(self._manager, _Server):
            self._manager.counts["none", status] += 1
        return _refusal(error, status)


def _refusal(error: PumpkinError, status: int) -> web.Response:
    request_id = new_request_id(None)
    response = plain(envelope(error, request_id), status)
    response.headers.update({**HEADERS["api"], "X-Request-ID": request_id})
    response.force_close()
    return response


class _Server(web.Server):
    crowd: Crowd | None = None
    counts: Counter[tuple[str, int]]

    def __call__(self) -> RequestHandler:
        return Doorstep(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if self.crowd is not None and not self.crowd.came(handler, _source(transport), transport.abort):
            transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if self.crowd is not None:
            self.crowd.left(handler)


def _source(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return host(str(peer[0])) if isinstance(peer, tuple) else ""


class DoorRunner(web.AppRunner):
    """An AppRunner whose connections are met by `Doorstep`, which aiohttp offers no way to name, and counted by `crowd`
    where one is given."""

    def __init__(self, app: web.Application, *, crowd: Crowd | None = None, **options: Any) -> None:
        super().__init__(app, **options)
        self.crowd = crowd
        if crowd is not None:
            app[CROWD] = crowd

    async def _make_server(self) -> Any:
        server = await super()._make_server()
        server.__class__ = _Server
        server.crowd = self.crowd  # type: ignore[attr-defined]
        counts = server.counts = self.app.get(COUNTS, Counter())  # type: ignore[attr-defined]
        answer = server.request_handler

        async def met(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await answer(request)
            except web.HTTPExpectationFailed:  # aiohttp's own, before any middleware
                counts["none", 417] += 1
                return _refusal(InvalidRequest("Nothing but 100-continue may be expected (Expect)."), 417)

        server.request_handler = met
        return server


class DoorSite(web.BaseSite):
    """Serves a listening socket, and takes its connections one by one, so that they are counted from their first
    moment: one that never comes to the end of its TLS handshake holds a descriptor too."""

    def __init__(self, runner: DoorRunner, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=context)
        self._door, self._listener, self._context = runner, listener, context
        self._accepting: asyncio.Task[None] | None = None
        self._coming: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return str(self._listener.getsockname())

    async def start(self) -> None:
        await super().start()
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._accepting = asyncio.create_task(self._accept(), name="accepting")

    async def stop(self) -> None:
        tasks = [self._accepting] if self._accepting else []
        for task in (*tasks, *self._coming):
            task.cancel()
        await asyncio.gather(*tasks, *self._coming, return_exceptions=True)
        self._listener.close()
        await super().stop()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._listener)
            except OSError as error:  # no descriptor, or it is gone again
                if error.errno not in (errno.ECONNABORTED, errno.EINTR):
                    _log.warning("no connection taken", reason=error.strerror)
                    await asyncio.sleep(AGAIN_S)
                continue
            self._begin(connection, host(str(peer[0])))
            await asyncio.sleep(0)  # a crowd at the door must not keep those inside from being served

    def _begin(self, connection: socket.socket, source: str) -> None:
        task = asyncio.create_task(self._meet(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)
        crowd = self._door.crowd
        if crowd is not None and self._context is not None:
            task.add_done_callback(crowd.left)
            if not crowd.came(task, source, task.cancel):
                task.cancel()

    async def _meet(self, connection: socket.socket) -> None:
        server = self._door.server
        assert server is not None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                server, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S if self._context else None
            )
        except OSError:  # it went away, or speaks no TLS
            return
