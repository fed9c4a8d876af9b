"""What is said to a request that is no HTTP: it reaches no route and no middleware, and still gets our envelope."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.web.envelope import HEADERS, envelope, new_request_id, plain


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
        return _refusal(error, status)


def _refusal(error: PumpkinError, status: int) -> web.Response:
    request_id = new_request_id(None)
    response = plain(envelope(error, request_id), status)
    response.headers.update({**HEADERS["api"], "X-Request-ID": request_id})
    response.force_close()
    return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return Doorstep(self, loop=self._loop, **self._kwargs)


class DoorRunner(web.AppRunner):
    """An AppRunner whose connections are met by `Doorstep`; aiohttp offers no way to name that class."""

    async def _make_server(self) -> Any:
        server = await super()._make_server()
        server.__class__ = _Server
        answer = server.request_handler

        async def met(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await answer(request)
            except web.HTTPExpectationFailed:  # aiohttp's own, before any middleware
                return _refusal(InvalidRequest("Nothing but 100-continue may be expected (Expect)."), 417)

        server.request_handler = met
        return server
