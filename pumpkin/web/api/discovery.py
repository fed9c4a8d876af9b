"""The eleven discovery routes of Pack-a-mal, in its shapes, with `q` and `limit` added.

They answer from the names this installation knows; the routes of versions ask the registry. What cannot be answered is
an error with a code, never an empty list that looks true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pumpkin.model.purl import of_name
from pumpkin.store import packages
from pumpkin.web.api.checks import whole
from pumpkin.web.api.packages import LIMIT, MOST, allowed, asked_text
from pumpkin.web.envelope import plain
from pumpkin.web.services import SERVICES

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def _found(request: web.Request, ecosystem: str) -> list[packages.Found]:
    limit = whole(request.query, "limit", LIMIT, least=1, most=MOST)
    return await packages.search(request.app[SERVICES].db, allowed(request, ecosystem), asked_text(request), limit)


async def pypi_packages(request: web.Request) -> web.Response:
    """Known PyPI names: `{"packages": [..]}`."""
    return await _names(request, "pypi")


async def npm_packages(request: web.Request) -> web.Response:
    """Known npm names: `{"packages": [..]}`."""
    return await _names(request, "npm")


async def packagist_packages(request: web.Request) -> web.Response:
    """Known Packagist names: `{"packages": [..]}`."""
    return await _names(request, "composer")


async def rubygems_packages(request: web.Request) -> web.Response:
    """Known RubyGems names: `{"packages": [..]}`."""
    return await _names(request, "gem")


async def _names(request: web.Request, ecosystem: str) -> web.Response:
    return plain({"packages": [one.name for one in await _found(request, ecosystem)]})


async def maven_packages(request: web.Request) -> web.Response:
    """Known Maven artifacts: `{"<group>": {"<artifact>": [versions]}}`."""
    groups: dict[str, dict[str, list[str]]] = {}
    for name, versions in (await _with_versions(request, "maven")).items():
        group, _, artifact = name.partition(":")
        groups.setdefault(group, {})[artifact] = versions
    return plain(groups)


async def rust_packages(request: web.Request) -> web.Response:
    """Known crates: `{"<crate>": [versions]}`."""
    return plain(await _with_versions(request, "cargo"))


async def wolfi_packages(request: web.Request) -> web.Response:
    """Known Wolfi packages with version and release: `{"packages": {"packages": [..]}}`."""
    found = [f"{one.name}-{one.latest}" if one.latest else one.name for one in await _found(request, "apk")]
    return plain({"packages": {"packages": found}})


async def _with_versions(request: web.Request, ecosystem: str) -> dict[str, list[str]]:
    found = await _found(request, ecosystem)
    known = await packages.versions_of(request.app[SERVICES].db, ecosystem, [one.name for one in found])
    return {one.name: known.get(one.name) or ([one.latest] if one.latest else []) for one in found}


async def pypi_versions(request: web.Request) -> web.Response:
    """A PyPI package's versions: `{"versions": [..]}`."""
    return await _versions(request, "pypi")


async def npm_versions(request: web.Request) -> web.Response:
    """An npm package's versions: `{"versions": [..]}`."""
    return await _versions(request, "npm")


async def packagist_versions(request: web.Request) -> web.Response:
    """A Packagist package's versions: `{"versions": [..]}`."""
    return await _versions(request, "composer")


async def rubygems_versions(request: web.Request) -> web.Response:
    """A gem's versions: `{"versions": [..]}`."""
    return await _versions(request, "gem")


async def _versions(request: web.Request, ecosystem: str) -> web.Response:
    """Newest first, as their pages listed them."""
    name = request.query.get("package_name", "").strip()
    if not name:
        return plain(_error("Package name is required", "invalid_request"), 400)
    found = await request.app[SERVICES].discovery.versions(of_name(allowed(request, ecosystem), name))
    limit = whole(request.query, "limit", 100_000, least=1, most=100_000)
    return plain({"versions": found.numbers[::-1][:limit]})


def _error(text: str, code: str) -> dict[str, Any]:
    return {"error": text, "code": code}


OLD: tuple[tuple[str, Handler], ...] = (
    ("/get_pypi_packages", pypi_packages),
    ("/get_npm_packages", npm_packages),
    ("/get_packagist_packages", packagist_packages),
    ("/get_rubygems_packages", rubygems_packages),
    ("/get_maven_packages", maven_packages),
    ("/get_rust_packages", rust_packages),
    ("/get_wolfi_packages", wolfi_packages),
    ("/get_pypi_versions", pypi_versions),
    ("/get_npm_versions", npm_versions),
    ("/get_packagist_versions", packagist_versions),
    ("/get_rubygems_versions", rubygems_versions),
)
