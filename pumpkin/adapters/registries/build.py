"""Puts the registries together from plain values (the settings stay with those who may read them)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from pumpkin.adapters.registries.addresses import authority_file, npm_registry, pypi_index
from pumpkin.adapters.registries.base import Registries, Registry
from pumpkin.adapters.registries.crates import Crates
from pumpkin.adapters.registries.fetch import Cache, Fetcher
from pumpkin.adapters.registries.guard import Guard
from pumpkin.adapters.registries.maven import Maven
from pumpkin.adapters.registries.npm import Npm
from pumpkin.adapters.registries.osv import Osv
from pumpkin.adapters.registries.packagist import Packagist
from pumpkin.adapters.registries.pypi import PyPI
from pumpkin.adapters.registries.rubygems import RubyGems
from pumpkin.adapters.registries.wolfi import Wolfi

SLOW = 1.0  # requests a second that crates.io's crawler policy allows its API


@dataclass(frozen=True)
class Places:
    """Base addresses. For `pypi` and `npm` '' means what pip and npm are configured with; for the others none.

    `npm_changes`, `crates_api`, `crates_files` are the further addresses of npm's feed and of crates; `osv` of the
    advisory database. `tokens` are Authorization values by base address, `allowed` further bases that may be followed.
    """

    pypi: str = ""
    npm: str = ""
    gem: str = ""
    maven: str = ""
    composer: str = ""
    cargo: str = ""
    apk: str = ""
    osv: str = ""
    npm_changes: str = ""
    crates_api: str = ""
    crates_files: str = ""
    allowed: tuple[str, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)


def build(
    places: Places,
    cache: Cache | None = None,
    *,
    agent: str = "pumpkin",
    fresh_s: float = 600.0,
    strict: bool = False,
    document_s: float = 20.0,
    rate: float = 10.0,
    slow: float = SLOW,
) -> Registries:
    """All registries that have an address. `strict` follows no address outside the configured ones; `rate` is
    requests a second of one host, `slow` those of the crates API."""
    pypi, pypi_token = _apart(places.pypi or pypi_index())
    npm, npm_token = _apart(places.npm or npm_registry())
    tokens = {**pypi_token, **npm_token, **places.tokens}
    configured = [pypi, npm, places.gem, places.maven, places.composer, places.cargo, places.apk, places.osv]
    configured += [places.npm_changes, places.crates_api, places.crates_files, *places.allowed]
    fetcher = Fetcher(
        Guard(configured, strict=strict),
        cache,
        agent=agent,
        fresh_s=fresh_s,
        rate=rate,
        rates={URL(places.crates_api).host or "": slow} if places.crates_api else None,
        tokens=tokens,
        document_s=document_s,
        trust=_trust,  # the system's certificates are 2 MB: read when first asked
    )
    found: dict[str, Registry] = {"pypi": PyPI(fetcher, pypi), "npm": Npm(fetcher, npm, places.npm_changes)}
    if places.gem:
        found["gem"] = RubyGems(fetcher, places.gem)
    if places.maven:
        found["maven"] = Maven(fetcher, places.maven)
    if places.composer:
        found["composer"] = Packagist(fetcher, places.composer)
    if places.cargo:
        found["cargo"] = Crates(fetcher, places.cargo, places.crates_api, places.crates_files)
    if places.apk:
        found["apk"] = Wolfi(fetcher, places.apk)
    return Registries(fetcher, found, Osv(fetcher, places.osv) if places.osv else None)


def _apart(address: str) -> tuple[str, dict[str, str]]:
    """An address without the user and password it may carry (pip's way), and these as an Authorization value."""
    url = URL(address)
    if not url.user:
        return address.rstrip("/"), {}
    import base64

    pair = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    bare = str(url.with_user(None)).rstrip("/")
    return bare, {bare: f"Basic {pair}"}


def _trust() -> ssl.SSLContext | bool:
    more = authority_file()
    if not more:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(more)
    return context
