"""A small registry of both kinds on loopback, with what it was asked; packages can be made to go wrong."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field

from aiohttp import web

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Registry:
    """`pypi` and `npm` name to (file name, bytes); `wrong` name to what is wrong with it."""

    pypi: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    npm: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    html: bool = False
    asked: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/simple/{name}/", self._page)
        app.router.add_get("/npm/{name:.+}", self._document)
        app.router.add_get("/files/{file}", self._file)
        app.router.add_route("*", "/{any:.*}", self._other)
        return app

    async def _other(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        return web.Response(status=404)

    async def _page(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        name = request.match_info["name"]
        if self.wrong.get(name) == "500":
            return web.Response(status=500, text="<h1>internal</h1>")
        if self.wrong.get(name) == "garbage":
            return web.Response(body=b"\0\xff{", content_type=_JSON)
        if name not in self.pypi:
            return web.Response(status=404)
        file, content = self.pypi[name]
        digest = hashlib.sha256(content).hexdigest() if name not in self.wrong else "0" * 64
        if self.html:
            page = f'<html><body><a href="../../files/{file}#sha256={digest}">{file}</a></body></html>'
            return web.Response(text=page, content_type="text/html")
        listed = {"filename": file, "url": f"/files/{file}", "hashes": {"sha256": digest}}
        body = {"meta": {"api-version": "1.0"}, "name": name, "files": [listed]}
        return web.Response(text=json.dumps(body), content_type=_JSON)

    async def _document(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        name = request.match_info["name"]
        if name not in self.npm:
            return web.json_response({"error": "not found"}, status=404)
        file, content = self.npm[name]
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        url = f"http://{request.host}/files/{file}"
        version = {"name": name, "version": "1.0.0", "dist": {"tarball": url, "integrity": integrity}}
        return web.json_response({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}})

    async def _file(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        content = next((one for file, one in (*self.pypi.values(), *self.npm.values())
                        if file == request.match_info["file"]), None)  # fmt: skip
        return web.Response(status=404) if content is None else web.Response(body=content)
