"""What somebody typed when the session had ended: held through signing in, shown again, sent by their own hand.

A form whose sender is no longer (or newly) signed in is answered with a page that carries every field along; nothing
is done before the person presses a button on a page that says what will be sent where. Passwords are not carried, nor
is a file: the page names it and asks for it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from pumpkin.errors import PumpkinError
from pumpkin.web.bodies import posted
from pumpkin.web.guard import CSRF_FIELD
from pumpkin.web.patience import TooSlow, pace

FIELD = "held"
LIMIT = 1024 * 1024
_PARTS = 40
_PART_LIMIT = 16 * 1024
_SECRET = ("password", "current", "new", "again", "code")


@dataclass(frozen=True, slots=True)
class Held:
    """A form held up: the path it goes to, its fields without the forgery token, and of one with a file the field it
    was chosen in with its name."""

    path: str
    fields: tuple[tuple[str, str], ...]
    file: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """As one value of a hidden field."""
        file = {} if self.file is None else {"file": list(self.file)}
        fields = [list(one) for one in self.fields]
        return json.dumps({"path": self.path, "fields": fields, **file}, ensure_ascii=False)


def held_in(fields: Mapping[str, str]) -> Held | None:
    """What a form of signing in carries along; None where it carries nothing, or something odd."""
    text = fields.get(FIELD, "")
    if not text or len(text) > LIMIT:
        return None
    try:
        given = json.loads(text)
        path, pairs = given["path"], [(str(name), str(value)) for name, value in given["fields"]]
        field, name = given.get("file") or ("", "")
    except (AttributeError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Held(path, tuple(pairs), (str(field), str(name)) if field else None) if _ours(path) else None


async def held_up(request: web.Request) -> Held | None:
    """The form this request posted, when it is one that can be held: none of signing in; small, or up to its file."""
    if request.method != "POST" or request.path.startswith(("/login", "/logout", "/password")):
        return None
    if request.content_type == "multipart/form-data":
        return await _up_to_its_file(request)
    small = request.content_length is not None and request.content_length <= LIMIT // 2
    if not small or request.content_type != "application/x-www-form-urlencoded":
        return None
    try:
        form = await posted(request)
    except PumpkinError:
        return None
    pairs = [(name, value) for name, value in form.items() if isinstance(value, str) and name != CSRF_FIELD]
    return held(request, pairs)


def held(request: web.Request, pairs: Iterable[tuple[str, str]], file: tuple[str, str] | None = None) -> Held | None:
    """What was typed into a form sent to this address; None for an address that is not ours to send it to again."""
    kept = tuple((name, value) for name, value in pairs if name not in (*_SECRET, CSRF_FIELD))
    return Held(request.path_qs, kept, file) if _ours(request.path_qs) else None


async def _up_to_its_file(request: web.Request) -> Held | None:
    """The fields that stand before the file; its bytes are a stranger's by now, and not waited for."""
    pairs: list[tuple[str, str]] = []
    try:
        async with pace():
            reader = await request.multipart()
            for _ in range(_PARTS):
                part = await reader.next()
                if not isinstance(part, BodyPartReader) or part.name is None:
                    return None
                if part.filename is not None:
                    return held(request, pairs, (part.name[:100], part.filename[:300]))
                data = bytearray()
                while not part.at_eof() and len(data) <= _PART_LIMIT:
                    data += await part.read_chunk(_PART_LIMIT)
                if len(data) > _PART_LIMIT:
                    return None
                pairs.append((part.name[:100], data.decode("utf-8", "replace")))
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError, TooSlow):
        return None
    return None


def _ours(path: object) -> bool:
    return (
        isinstance(path, str)
        and path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and len(path) <= 2_000
        and all(0x20 < ord(sign) < 0x7F and sign != "\\" for sign in path)
    )
