"""Elasticsearch and OpenSearch: items by the bulk API, many at a time, each under its own id."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, SecretStr, field_validator

from pumpkin.adapters.modules.base import Away, Failed, Module, Outcome, Place, Refused, revealed
from pumpkin.adapters.modules.http import Answer, Endpoint, HttpOptions, json_object, judge
from pumpkin.model.deliveries import Item, plain


class ElasticsearchOptions(HttpOptions):
    index: str = Field("pumpkin-%Y.%m", description="Index or data stream; `%Y`, `%m`, `%d` are the item's date.")
    user: str = Field("", description="Name for HTTP Basic.")
    password: SecretStr | None = Field(None, description="Its password.")
    api_key: SecretStr | None = Field(None, description="API key (Elasticsearch) instead of name and password.")

    @field_validator("index")
    @classmethod
    def _name(cls, value: str) -> str:
        plain_name = value.replace("%Y", "0").replace("%m", "0").replace("%d", "0")
        wrong = set('\\/*?"<>| ,#:%\r\n')
        if not plain_name or plain_name != plain_name.lower() or plain_name[0] in "-_+." or set(plain_name) & wrong:
            raise ValueError("is not the name of an index")
        return value


class Elasticsearch(Module):
    """`create` with the delivery's id: brought again, an item is there already and nothing changes."""

    Options = ElasticsearchOptions
    batch = 500

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        headers = dict(options.headers)
        if options.api_key is not None:
            headers["Authorization"] = f"ApiKey {revealed(options.api_key)}"
        elif options.user:
            pair = f"{options.user}:{revealed(options.password)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        lines: list[str] = []
        for item in items:
            when = datetime.fromtimestamp(item.time / 1e6, UTC)
            action = {"create": {"_index": _index(self.options.index, when), "_id": str(item.id)}}
            document = {"@timestamp": when.isoformat().replace("+00:00", "Z"), **item.document(self.place.link)}
            lines += (_line(action), _line(document))
        body = "".join(f"{line}\n" for line in lines).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        answer = await self._endpoint.ask("POST", self._endpoint.url("_bulk"), body=body, headers=headers)
        return _outcomes(judge(answer), len(items))

    async def close(self) -> None:
        await self._endpoint.close()


def _index(pattern: str, when: datetime) -> str:
    return pattern.replace("%Y", f"{when:%Y}").replace("%m", f"{when:%m}").replace("%d", f"{when:%d}")


def _line(value: Any) -> str:
    """JSON on one line: line ends inside it are escaped, the separators of Unicode too."""
    return json.dumps(value, separators=(",", ":"))


def _outcomes(answer: Answer, count: int) -> list[Outcome] | None:
    said = json_object(answer)
    rows = said.get("items")
    if not isinstance(rows, list) or len(rows) != count:
        raise Failed("its answer does not speak of every item")
    return [_outcome(row) for row in rows] if said.get("errors") is not False else None


def _outcome(row: Any) -> Outcome:
    try:
        (one,) = row.values()
        status = int(one["status"])
    except (AttributeError, ValueError, KeyError, TypeError):
        return Failed("its answer about an item is none")
    if 200 <= status < 300 or status == 409:  # 409: this id is there
        return None
    error = one.get("error")
    why = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)
    words = plain(f"status {status}: {why}")
    if status in (400, 413):
        return Refused(words)
    return Away(words) if status in (401, 403, 404, 429, 502, 503, 504) else Failed(words)
