"""Registry pages made to lead back to the mirror, a file or version at a time.

The standard library parses and writes JSON without letting another thread in: a page of 8 MB (there are such) would
keep the whole server waiting for a quarter of a second. Here the one list that is long is taken apart by its members,
each a call of its own, so that a thread which reads a page only takes its share.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urldefrag, urljoin

from pumpkin.adapters.registries.html import Forgiving

List = Callable[[str, str], str]  # (address of a file, its digest or empty) to where the mirror has it
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def python_json(body: bytes, url: str, listed: List) -> bytes:
    """A page of PEP 691. Raises ValueError, KeyError, TypeError or AttributeError for what is none."""

    def file(_: str, one: Any) -> Any:
        digest = one.get("hashes", {}).get("sha256", "")
        one["url"] = listed(urljoin(url, one["url"]), f"sha256={digest}" if digest else "")
        return one

    return _rewritten(body, "files", file)


def python_html(body: bytes, url: str, listed: List) -> bytes:
    """A page of PEP 503."""
    reader = _Links()
    reader.feed(body.decode("utf-8", "replace"))
    lines = []
    for attributes, text in reader.links:
        address, digest = urldefrag(urljoin(url, attributes.pop("href", "") or ""))
        led = listed(address, digest) + (f"#{digest}" if digest else "")
        more = "".join(f' {name}="{html.escape(value or "")}"' for name, value in attributes.items())
        lines.append(f'<a href="{html.escape(led)}"{more}>{html.escape(text)}</a><br>')
    return ("<!DOCTYPE html><html><body>\n" + "\n".join(lines) + "\n</body></html>\n").encode()


def npm_document(body: bytes, listed: List) -> bytes:
    """What npm's registry says of a name, whole or abbreviated. Raises as `python_json`."""

    def version(_: str, one: Any) -> Any:
        dist = one["dist"]
        dist["tarball"] = listed(dist["tarball"], str(dist.get("integrity") or f"sha1={dist.get('shasum', '')}"))
        return one

    return _rewritten(body, "versions", version)


def _rewritten(body: bytes, member: str, change: Callable[[str, Any], Any]) -> bytes:
    """The JSON object `body` with `change(key, value)` in place of each value of its member `member`, which must be
    there."""
    text = body.decode("utf-8")
    parts, there = [], False
    whole = _Members(text, _skip(text, 0), "{}")
    for key, at in whole:
        parts.append(f"{json.dumps(key)}:")
        if key == member:
            there = True
            kind = text[at.start : at.start + 1]
            kind = "[]" if kind == "[" else "{}"
            inner = _Members(text, at.start, kind)
            changed = ((name, json.dumps(change(name, one.value()))) for name, one in inner)
            joined = (one if kind == "[]" else f"{json.dumps(name)}:{one}" for name, one in changed)
            parts[-1] += f"{kind[0]}{','.join(joined)}{kind[1]}"
            at.end = inner.end
        else:
            parts[-1] += json.dumps(at.value())
    if not there:
        raise KeyError(member)
    if _skip(text, whole.end) != len(text):
        raise ValueError("something stands after the page")
    return f"{{{','.join(parts)}}}".encode()


class _Place:
    """Where a value begins; `value()` reads it, and from then on `end` is what follows it."""

    def __init__(self, text: str, start: int) -> None:
        self._text, self.start, self.end = text, start, -1

    def value(self) -> Any:
        value, self.end = _DECODER.raw_decode(self._text, self.start)
        return value


class _Members:
    """The members of the array or object (`brackets`) that begins at `start`, in turn: (key, place). Each is to be read
    before the next is asked for; keys of an array are empty."""

    def __init__(self, text: str, start: int, brackets: str) -> None:
        self._text, self._at, self._brackets = text, start, brackets
        self.end = -1

    def __iter__(self) -> Iterator[tuple[str, _Place]]:
        text, opening, closing = self._text, self._brackets[0], self._brackets[1]
        at = _expect(text, self._at, opening)
        if text[at : at + 1] == closing:
            self.end = at + 1
            return
        while True:
            key = ""
            if opening == "{":
                key, at = _DECODER.raw_decode(text, at)
                if not isinstance(key, str):
                    raise ValueError("a key that is no string")
                at = _expect(text, _skip(text, at), ":")
            place = _Place(text, at)
            yield key, place
            at = _skip(text, place.end)
            if text[at : at + 1] == closing:
                self.end = at + 1
                return
            at = _expect(text, at, ",")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, what: str) -> int:
    if text[at : at + 1] != what:
        raise ValueError(f"{what} was expected at {at}")
    return _skip(text, at + 1)


class _Links(Forgiving):
    """The anchors of a PEP 503 page: attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[dict[str, str | None], str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append((dict(attrs), ""))
            self._open = True

    def handle_data(self, data: str) -> None:
        if self._open:
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "a"
