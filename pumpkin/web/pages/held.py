"""What somebody typed when the session had ended: held through signing in, shown again, sent by their own hand.

A form whose sender is no longer (or newly) signed in is answered with a page that carries every field along; nothing
is done before the person presses a button on a page that says what will be sent where. Passwords are not carried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from pumpkin.web.guard import CSRF_FIELD

FIELD = "held"
LIMIT = 1024 * 1024
_SECRET = ("password", "current", "new", "again", "code")


@dataclass(frozen=True, slots=True)
class Held:
    """A form held up: the path it goes to, and its fields without the forgery token."""

    path: str
    fields: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """As one value of a hidden field."""
        return json.dumps({"path": self.path, "fields": [list(one) for one in self.fields]})


def held_in(fields: Mapping[str, str]) -> Held | None:
    """What a form of signing in carries along; None where it carries nothing, or something odd."""
    text = fields.get(FIELD, "")
    if not text or len(text) > LIMIT:
        return None
    try:
        given = json.loads(text)
        path, pairs = given["path"], [(str(name), str(value)) for name, value in given["fields"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Held(path, tuple(pairs)) if _ours(path) else None


async def held_up(request: web.Request) -> Held | None:
    """The form this request posted, when it is one that can be held: small, of text, none of signing in."""
    small = request.content_length is not None and request.content_length <= LIMIT // 2
    if request.method != "POST" or not small or request.content_type != "application/x-www-form-urlencoded":
        return None
    if request.path.startswith(("/login", "/logout", "/password")):
        return None
    form = await request.post()
    pairs = [(name, value) for name, value in form.items() if isinstance(value, str) and name != CSRF_FIELD]
    kept = tuple((name, value) for name, value in pairs if name not in _SECRET)
    return Held(request.path_qs, kept) if _ours(request.path_qs) else None


def _ours(path: object) -> bool:
    return (
        isinstance(path, str)
        and path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and len(path) <= 2_000
        and all(0x20 < ord(sign) < 0x7F and sign != "\\" for sign in path)
    )
