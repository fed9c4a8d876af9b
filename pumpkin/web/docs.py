"""The API's documentation without Internet: the OpenAPI document, and Swagger UI (vendored) to read and try it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from pumpkin.web.guard import identity

if TYPE_CHECKING:
    from pumpkin.web.openapi import RouteLike

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pumpkin API</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<main id="swagger-ui" data-csrf="{csrf}">
<p>The API is described at <a href="/openapi.json">/openapi.json</a>.</p>
</main>
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js" defer></script>
<script src="/static/vendor/swagger-ui/start.js" defer></script>
</body>
</html>
"""


class Document:
    """The OpenAPI document of one table of routes, made when somebody first asks: a server that nobody asks is spared
    the work at its start, and the memory."""

    def __init__(self, routes: Sequence[RouteLike], version: str) -> None:
        self._routes, self._version = routes, version

    @cached_property
    def text(self) -> bytes:
        """Its bytes as they are served."""
        from pumpkin.web import openapi

        return json.dumps(openapi.build(self._routes, self._version), indent=1).encode()


DOCUMENT = web.AppKey("openapi_document", Document)


async def document(request: web.Request) -> web.Response:
    """`GET /openapi.json`: this description, in OpenAPI 3.1."""
    return web.Response(
        body=request.app[DOCUMENT].text, content_type="application/json", headers={"Cache-Control": "no-cache"}
    )


async def page(request: web.Request) -> web.Response:
    """`GET /docs`: this description, to read and to try."""
    text = _PAGE.format(csrf=escape(identity(request).csrf, quote=True))
    return web.Response(text=text, content_type="text/html")
