"""The fake registry as a server: publish to it, count what is asked of it, and make it misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.test_utils import TestServer

from pumpkin.adapters.registries import Places
from tests.registries import shapes
from tests.registries.shapes import Published

DOCUMENT, FILE = "document", "file"


class FakeRegistry:
    """Seven registries and an advisory database under one address.

    `mode` is how it misbehaves (see `_misbehave`), `on` whether documents or files are concerned; `html` makes PyPI's
    index a mirror's. `asked` counts requests by path, `conditional` those with validators that still held.
    """

    def __init__(self) -> None:
        self.base = ""
        self.mode = ""
        self.on = DOCUMENT
        self.html = False
        self.elsewhere = "http://127.0.0.1:1/"
        self.advisories: dict[str, list[dict[str, Any]]] = {}
        self.asked: Counter[str] = Counter()
        self.conditional = 0
        self.headers: list[dict[str, str]] = []
        self._published: dict[tuple[str, str], list[Published]] = defaultdict(list)
        self._count = 0
        self._release = asyncio.Event()

    def publish(self, ecosystem: str, name: str, version: str, **more: Any) -> Published:
        """One version with the files its ecosystem has. `files` replaces them, `yanked` and `extra` as in Published."""
        self._count += 1
        given = more.pop("files", None)
        files = given or {key: key.encode() * 20 for key in _files(ecosystem, name, version)}
        if ecosystem == "apk" and given is None:
            files = {key: shapes.apk(name, version) for key in files}
        one = Published(name, version, files, self._count, **more)
        self._published[ecosystem, name].append(one)
        return one

    def places(self) -> Places:
        base = self.base
        return Places(
            pypi=f"{base}/pypi/simple",
            npm=f"{base}/npm",
            gem=f"{base}/gem",
            maven=f"{base}/maven",
            composer=f"{base}/composer",
            cargo=f"{base}/index",
            apk=f"{base}/apk",
            osv=f"{base}/osv",
            npm_changes=f"{base}/npm/_changes",
            crates_api=f"{base}/crates",
            crates_files=f"{base}/static",
        )

    def misbehave(self, mode: str, on: str = DOCUMENT) -> None:
        self.mode, self.on = mode, on

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeRegistry]:
        app = web.Application(middlewares=[self._edge])
        app.router.add_route("*", "/{path:.*}", self._answer)
        server = TestServer(app)
        await server.start_server()
        self.base = str(server.make_url("/")).rstrip("/")
        try:
            yield self
        finally:
            self._release.set()
            await server.close()

    # -- one answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = unquote(request.raw_path.partition("?")[0]).strip("/")
        where, _, rest = path.partition("/")
        self.asked[path] += 1
        self.headers.append(dict(request.headers))
        found = getattr(self, f"_{where}", None)
        if found is None:
            raise web.HTTPNotFound
        answer = await found(request, rest)
        if isinstance(answer, web.StreamResponse):
            return answer
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="application/octet-stream")
        if isinstance(answer, str):
            kind = "text/html" if answer.startswith("<!DOCTYPE html") else "application/xml"
            return web.Response(text=answer, content_type=kind)
        kind = "application/vnd.pypi.simple.v1+json" if rest.startswith("simple/") else "application/json"
        return web.Response(body=json.dumps(answer).encode(), content_type=kind)

    @web.middleware
    async def _edge(self, request: web.Request, handler: Any) -> web.StreamResponse:
        is_file = any(mark in request.path for mark in ("/files/", "/-/", "/downloads/", ".apk", ".jar", ".crate"))
        is_file = is_file and not request.path.endswith((".sha1", ".sha256", ".sha512", ".md5"))
        if self.mode and self.on == (FILE if is_file else DOCUMENT):
            answer = await self._misbehave(request, handler)
            if answer is not None:
                return answer
        response = await handler(request)
        if isinstance(response, web.Response) and response.status == 200 and request.method == "GET":
            tag = f'"{shapes.sha(bytes(response.body or b""))[:16]}"'
            response.headers["ETag"] = tag
            if request.headers.get("If-None-Match") == tag:
                self.conditional += 1
                return web.Response(status=304, headers={"ETag": tag})
        return response

    async def _misbehave(self, request: web.Request, handler: Any) -> web.StreamResponse | None:
        match self.mode:
            case "down":
                return web.Response(status=503)
            case "busy":
                return web.Response(status=429, headers={"Retry-After": "30"})
            case "slow":
                await self._release.wait()
            case "drips":
                response = web.StreamResponse()
                await response.prepare(request)
                while not self._release.is_set():
                    await response.write(b" ")
                    await asyncio.sleep(0.02)
                return response
            case "cut":
                response = web.StreamResponse(headers={"Content-Length": "100000"})
                await response.prepare(request)
                await response.write(b"{")
                assert request.transport is not None
                request.transport.close()
                return response
            case "private":
                raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")
            case "private name":
                raise web.HTTPFound("https://localhost/")
            case "elsewhere":
                raise web.HTTPFound(self.elsewhere)
            case "loop":
                raise web.HTTPFound(request.path)
            case "scheme":
                raise web.HTTPFound("file:///etc/passwd")
            case "not json":
                return web.Response(text="<html>Welcome</html>")
            case "list":
                return web.Response(text="[[[]]]", content_type="application/json")
            case "deep":
                return web.Response(text="[" * 200_000, content_type="application/json")
            case "bomb":
                body = _bomb()
                return web.Response(body=body, headers={"Content-Encoding": "gzip"}, content_type="application/json")
            case "announces":
                response = web.StreamResponse(headers={"Content-Length": str(1 << 40)})
                await response.prepare(request)
                return response
            case "entities":
                kind = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
                text = f"{kind}<metadata><groupId>&b;</groupId></metadata>"
                return web.Response(text=text, content_type="application/xml")
            case "more":
                honest = await handler(request)
                return web.Response(body=bytes(honest.body) + b"more", content_type=honest.content_type)
            case "less":
                honest = await handler(request)
                return web.Response(body=bytes(honest.body)[:-4], content_type=honest.content_type)
            case "other bytes":
                honest = await handler(request)
                return web.Response(body=bytes(honest.body)[::-1], content_type=honest.content_type)
        return None

    def _versions(self, ecosystem: str, name: str) -> list[Published]:
        """What was published; with mode "another" what another package published."""
        if self.mode == "another":
            kept = [found for (kind, other), found in self._published.items() if kind == ecosystem and other != name]
            return kept[0]
        found = self._published.get((ecosystem, name))
        if not found:
            raise web.HTTPNotFound
        return found

    def _file(self, ecosystem: str, filename: str) -> bytes:
        for (kind, _), versions in self._published.items():
            for one in versions:
                if kind == ecosystem and filename in one.files:
                    return one.files[filename]
        raise web.HTTPNotFound

    def _newest(self, ecosystem: str) -> list[Published]:
        every = [one for (kind, _), found in self._published.items() if kind == ecosystem for one in found]
        return sorted(every, key=lambda one: -one.number)[:40]

    # -- the registries

    async def _pypi(self, request: web.Request, path: str) -> Any:
        match path.strip("/").split("/"):
            case ["files", filename]:
                return self._file("pypi", filename)
            case ["rss", "updates.xml"]:
                return shapes.rss([(f"{one.name} {one.version}", one.time) for one in self._newest("pypi")])
            case ["simple", name]:
                versions = self._versions("pypi", name)
                make = shapes.pypi_page if self.html else shapes.pypi_simple
                return make(self.base, versions[0].name, versions)
            case ["pypi", name, "json"]:
                return shapes.pypi_json(self._versions("pypi", name), None)
            case ["pypi", name, version, "json"]:
                return shapes.pypi_json(self._versions("pypi", name), version)
        raise web.HTTPNotFound

    async def _npm(self, request: web.Request, path: str) -> Any:
        if path.startswith("_changes"):
            newest = self._newest("npm")
            since = int(request.query.get("since", "0"))
            rows = [{"seq": one.number, "id": one.name, "changes": [{"rev": "1-x"}]} for one in reversed(newest)]
            last = max((one.number for one in newest), default=0)
            return {"results": [row for row in rows if row["seq"] > since], "last_seq": last}
        if "/-/" in path:
            return self._file("npm", path.rpartition("/")[2])
        name, _, version = path.partition("/") if not path.startswith("@") else (path, "", "")
        if path.startswith("@") and path.count("/") == 2:
            name, _, version = path.rpartition("/")
        found = self._versions("npm", name)
        short = "install-v1" in request.headers.get("Accept", "")
        document = shapes.npm_document(self.base, found[0].name, found, abbreviated=short)
        if version:
            return document["versions"].get(version) or web.HTTPNotFound()
        return document

    async def _gem(self, request: web.Request, path: str) -> Any:
        match path.split("/"):
            case ["downloads", filename]:
                return self._file("gem", filename)
            case ["api", "v1", "versions", name]:
                return shapes.gem_versions(self._versions("gem", name.removesuffix(".json")))
            case ["api", "v1", "gems", name]:
                return shapes.gem_about(self._versions("gem", name.removesuffix(".json")))
            case ["api", "v1", "activity", "just_updated.json"]:
                return [
                    {"name": one.name, "version": one.version, "version_created_at": one.stamp}
                    for one in self._newest("gem")
                ]
        raise web.HTTPNotFound

    async def _maven(self, request: web.Request, path: str) -> Any:
        parts = path.split("/")
        if parts[-1] == "maven-metadata.xml":
            group, artifact = ".".join(parts[:-2]), parts[-2]
            found = self._versions("maven", f"{group}:{artifact}")
            said = found[0].name.split(":")
            return shapes.maven_metadata(said[0], said[1], found)
        filename = parts[-1]
        for ending in (".sha512", ".sha256", ".sha1", ".md5"):
            if filename.endswith(ending):
                if ending != ".sha1":  # Central has all four for new files, one for old ones
                    raise web.HTTPNotFound
                return (
                    f"{shapes.sha(self._file('maven', filename.removesuffix(ending)), 'sha1')}  {filename}\n".encode()
                )
        return self._file("maven", filename)

    async def _composer(self, request: web.Request, path: str) -> Any:
        match path.split("/"):
            case ["files", filename]:
                return self._file("composer", filename)
            case ["p2", vendor, name]:
                found = self._versions("composer", f"{vendor}/{name.removesuffix('.json')}")
                return shapes.composer_p2(self.base, found[0].name, found)
            case ["metadata", "changes.json"]:
                newest = self._newest("composer")
                stamp = max((one.number for one in newest), default=0) * 10_000
                if "since" not in request.query:
                    body = json.dumps({"error": "Invalid or missing since", "timestamp": stamp})
                    return web.Response(status=400, text=body, content_type="application/json")
                since = int(request.query["since"]) // 10_000
                rows = [one for one in newest if one.number > since]
                actions = [{"type": "update", "package": one.name, "time": int(one.time.timestamp())} for one in rows]
                return {"timestamp": stamp, "actions": actions}
        raise web.HTTPNotFound

    async def _index(self, request: web.Request, path: str) -> Any:
        name = path.rpartition("/")[2]
        found = self._versions("cargo", name)
        return web.Response(body=shapes.crate_lines(found), content_type="text/plain")

    async def _crates(self, request: web.Request, path: str) -> Any:
        return shapes.crate_about(self._versions("cargo", path.rpartition("/")[2]))

    async def _static(self, request: web.Request, path: str) -> Any:
        if path == "rss/updates.xml":
            newest = self._newest("cargo")
            more = [f"<crates:name>{v.name}</crates:name><crates:version>{v.version}</crates:version>" for v in newest]
            titles = [(f"New crate version published: {v.name} v{v.version}", v.time) for v in newest]
            return shapes.rss(titles, more)
        return self._file("cargo", path.rpartition("/")[2])

    async def _apk(self, request: web.Request, path: str) -> Any:
        if path == "APKINDEX.tar.gz":
            return shapes.apkindex(self._newest("apk")[::-1])
        return self._file("apk", path)

    async def _osv(self, request: web.Request, path: str) -> Any:
        question = json.loads(await request.read())
        found = self.advisories.get(question["package"]["purl"], [])
        if question.get("page_token"):
            return {"vulns": found[1:]}
        return {"vulns": found[:1], "next_page_token": "more"} if len(found) > 1 else {"vulns": found} if found else {}


@cache
def _bomb() -> bytes:
    """80 MiB in 80 kB."""
    return gzip.compress(b" " * (80 << 20), 6)


def _files(ecosystem: str, name: str, version: str) -> list[str]:
    bare = name.rpartition("/")[2]
    match ecosystem:
        case "pypi":
            folded = name.replace("-", "_")
            return [f"{folded}-{version}.tar.gz", f"{folded}-{version}-py3-none-any.whl"]
        case "npm":
            return [f"{bare}-{version}.tgz"]
        case "gem":
            return [f"{name}-{version}.gem"]
        case "maven":
            artifact = name.partition(":")[2]
            return [f"{artifact}-{version}.jar", f"{artifact}-{version}-sources.jar"]
        case "composer":
            return [f"{bare}-{version}.zip"]
        case "cargo":
            return [f"{name}-{version}.crate"]
    return [f"{name}-{version}.apk"]
