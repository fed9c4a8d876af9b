"""Chat: one line an item, to Slack (and what takes its incoming webhooks) and to a Matrix room."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr

from pumpkin.adapters.modules.base import Away, Module, Outcome, Place, revealed
from pumpkin.adapters.modules.http import Answer, Endpoint, HttpOptions, judge
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item, plain

MARKS = {"ok": "🟢", "unknown": "⚪", "warning": "🟡", "critical": "🔴"}
TEXT_LIMIT = 2_000


class Slack(Module):
    """The target is an incoming webhook's address, itself a secret; Mattermost and Rocket.Chat take the same."""

    Options = HttpOptions
    secret_target = True

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=options.headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        for item in items:
            text = slack_text(item, self.place.link)
            body = {"text": text, "unfurl_links": False, "mrkdwn": True}
            headers = {"Content-Type": "application/json"}
            judge(
                await self._endpoint.ask("POST", self._endpoint.url(), body=json.dumps(body).encode(), headers=headers)
            )
        return None

    async def close(self) -> None:
        await self._endpoint.close()


def slack_text(item: Item, link: str) -> str:
    """One line of mrkdwn. What came from outside can neither mark up, nor link, nor call anybody (`<!channel>`)."""
    words = _calm(plain(item.subject, TEXT_LIMIT)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = f"{MARKS.get(item.severity, '')} {words}"
    return f"{line} <{link.rstrip('/')}{quote(item.path, safe='/')}|open>" if link and item.path else line


def _calm(text: str) -> str:
    """`text` with a word joiner before what Slack and Matrix clients make of bare characters: emphasis, code,
    mentions."""
    return re.sub(r"([*_~`@#])", "\\1\u2060", text)


class MatrixOptions(HttpOptions):
    room: str = Field(description="The room's id, `!abc:example.org`.", pattern=r"^![^\s/]{1,250}$")
    token: SecretStr = Field(description="Access token of the account that writes.")


class Matrix(Module):
    """The target is the homeserver's address. The delivery's id is the transaction's: a room sees each item once
    (Client- Server API, "PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}")."""

    Options = MatrixOptions

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        if not revealed(options.token):
            raise StartError(f"The option token of the module {place.name} is empty.")
        headers = {**options.headers, "Authorization": f"Bearer {revealed(options.token)}"}
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        for item in items:
            path = f"_matrix/client/v3/rooms/{quote(self.options.room, safe='')}/send/m.room.message/{item.id}"
            body = json.dumps(matrix_message(item, self.place.link)).encode()
            headers = {"Content-Type": "application/json"}
            answer = await self._endpoint.ask("PUT", self._endpoint.url(path), body=body, headers=headers)
            if answer.status == 429:
                raise Away("it asks to be left alone (M_LIMIT_EXCEEDED)", _matrix_pause(answer))
            judge(answer)
        return None

    async def close(self) -> None:
        await self._endpoint.close()


def matrix_message(item: Item, link: str) -> dict[str, str]:
    """The event's content: plain text, and HTML in which everything from outside is text."""
    words = plain(item.subject, TEXT_LIMIT)
    mark = MARKS.get(item.severity, "")
    body, html = f"{mark} {words}", f"{mark} {escape(words)}"
    if link and item.path:
        address = f"{link.rstrip('/')}{quote(item.path, safe='/')}"
        body, html = f"{body} {address}", f'{html} <a href="{escape(address)}">open</a>'
    return {"msgtype": "m.notice", "body": body, "format": "org.matrix.custom.html", "formatted_body": html}


def _matrix_pause(answer: Answer) -> float | None:
    try:
        return float(json.loads(answer.body)["retry_after_ms"]) / 1_000
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
