"""OSV: what is known about a package version, malicious or vulnerable, by its purl."""

from __future__ import annotations

from urllib.parse import quote

from pumpkin.adapters.registries.base import inner, listing, mapping
from pumpkin.adapters.registries.fetch import Fetcher
from pumpkin.errors import RegistryError
from pumpkin.model.packages import Advisory, moment, plain
from pumpkin.model.purl import Purl

PAGES = 10
ANSWER_LIMIT = 16 << 20


class Osv:
    """`POST /v1/query` of a base address; the answers are paged and read to the end, at most ten pages."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url.rstrip("/")

    async def query(self, purl: Purl) -> tuple[Advisory, ...]:
        """The entries about this version (about any version where the purl has none), `MAL-` first."""
        question = {"package": {"purl": Purl(purl.type, purl.namespace, purl.name, purl.version).canonical}}
        found: dict[str, Advisory] = {}
        token = ""
        for _ in range(PAGES):
            body = {**question, "page_token": token} if token else question
            answer = mapping(await self._fetcher.post_json(f"{self._url}/v1/query", body, limit=ANSWER_LIMIT))
            for entry in map(mapping, listing(answer.get("vulns"))):
                advisory = _advisory(entry)
                found[advisory.id] = advisory
            token = plain(answer.get("next_page_token"), 1_000)
            if not token:
                break
        return tuple(sorted(found.values(), key=lambda one: (not one.malicious, one.id)))

    def page(self, advisory: Advisory) -> str:
        """Where the entry can be read as JSON."""
        return f"{self._url}/v1/vulns/{quote(advisory.id)}"


def _advisory(entry: dict[str, object]) -> Advisory:
    name = plain(entry.get("id"), 100)
    if not name:
        raise RegistryError("An entry of the advisory database has no id.")
    return Advisory(
        name,
        plain(entry.get("summary")) or plain(entry.get("details"), 300),
        tuple(plain(alias, 100) for alias in listing(entry.get("aliases")))[:50],
        moment(entry.get("published")),
        bool(entry.get("withdrawn")) or bool(inner(entry.get("database_specific")).get("withdrawn")),
    )
