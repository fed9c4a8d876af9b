"""What a client wants analysed, out of a request's body: checked once, here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pumpkin.errors import InvalidPriority, InvalidPurl, InvalidRequest, MissingPurl
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import TOOLS

KEY_LIMIT = 255
URL_LIMIT = 2_000
_NOT_A_PURL = "PURL must be a valid package URL starting with pkg:"


@dataclass(frozen=True, slots=True)
class Wish:
    """One package, and how. `tools` is sorted, empty for what the server does by itself."""

    asked: str
    purl: Purl
    priority: int = 0
    forced: bool = False
    tools: tuple[str, ...] = ()
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """What a request says besides its packages."""

    priority: int = 0
    forced: bool = False
    tools: tuple[str, ...] = ()
    webhook: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Manner:
        """InvalidPriority or InvalidRequest for what will not do; members not known are left alone, as ever."""
        forced = body.get("force", False)
        if not isinstance(forced, bool):
            raise InvalidRequest("force is true or false.", fields={"body.force": "not a boolean"})
        return cls(priority_of(body.get("priority", 0)), forced, _tools(body.get("tools")), _webhook(body))


def wish(text: Any, manner: Manner) -> Wish:
    """The package `text` names. MissingPurl, InvalidPurl, UnsupportedEcosystem."""
    return Wish(str(text), purl_of(text), manner.priority, manner.forced, manner.tools, manner.webhook)


def purl_of(text: Any) -> Purl:
    """As `Purl.package`, in the words of the contract; the exact reason stands in `fields`."""
    if text is None or text == "":
        raise MissingPurl
    if not isinstance(text, str):
        raise InvalidPurl(_NOT_A_PURL, fields={"purl": "not a text"})
    try:
        return Purl.package(text)
    except InvalidPurl as error:
        raise InvalidPurl(_NOT_A_PURL, fields={"purl": error.message}) from None


def priority_of(value: Any) -> int:
    """0 to 9; InvalidPriority otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise InvalidPriority(fields={"priority": "a whole number from 0 to 9"})
    return value


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The client's key, 1 to 255 printable characters; None where there is none, InvalidRequest for another."""
    key = headers.get("X-Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LIMIT or not key.isprintable() or not key.isascii():
        raise InvalidRequest(
            f"X-Idempotency-Key has 1 to {KEY_LIMIT} printable characters.", fields={"X-Idempotency-Key": "not a key"}
        )
    return key


def body_digest(body: Mapping[str, Any]) -> bytes:
    """What makes two requests the same: SHA-256 over the parsed body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()


def _tools(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one in TOOLS for one in value):
        raise InvalidRequest(f"tools names some of {', '.join(TOOLS)}.", fields={"body.tools": "not known"})
    return tuple(sorted(set(value)))


def _webhook(body: Mapping[str, Any]) -> str | None:
    url = body.get("webhook_url")
    if url is None:
        return None
    wrong = InvalidRequest("webhook_url is an http or https address.", fields={"body.webhook_url": "not an address"})
    if not isinstance(url, str) or len(url) > URL_LIMIT or not url.isprintable() or not url.isascii() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or (parts.port or 1) < 1:
            raise wrong
    except ValueError:
        raise wrong from None
    return url
