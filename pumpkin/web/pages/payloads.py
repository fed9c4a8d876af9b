"""Payloads by what they are: a picture, a table, a tree of JSON, else text or bytes; all bounded, all escaped."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from pumpkin.web.pages.images import Picture, picture
from pumpkin.web.pages.text import PAYLOAD_LIMIT, plain

HEX_LIMIT = 2 * 1024
ROWS, COLUMNS, CELL = 200, 16, 300
NODES, OPEN_NODES, DEPTH, STRING = 600, 80, 24, 2_000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each with as many as `head` has; what is left out is counted. Nothing is escaped yet."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rows_left: int
    columns_left: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A payload made readable: `form` is picture, table, json, text or hex.

    `text` is there for each: of a picture its first bytes. `cut` is how many bytes or characters `text` leaves out;
    `decoded` says that base64 was taken off; `tree` is JSON to unfold, None for too much of it.
    """

    form: str
    text: Markup
    cut: int
    decoded: bool
    picture: Picture | None = None
    table: Table | None = None
    tree: Markup | None = None


def payload(data: bytes, *, media: str, format: str, wrapped: bool) -> Shown:
    """`data` by what it is. With `wrapped` (an old-shape check) the bytes are base64 text: what it holds is shown."""
    inner, decoded = unwrap(data) if wrapped else (data, False)
    drawn = picture(inner)
    if drawn is not None:
        return Shown("picture", *_hex(inner), decoded, picture=drawn)
    try:
        text = inner.decode("utf-8")
    except UnicodeDecodeError:
        return Shown("hex", *_hex(inner), decoded)
    if "\x00" in text[:4096]:
        return Shown("hex", *_hex(inner), decoded)
    as_text, cut = plain(text, PAYLOAD_LIMIT), max(0, len(text) - PAYLOAD_LIMIT)
    separator = _separator(media, format, text)
    if separator:
        table = _table(text, separator)
        return Shown("table" if table else "text", as_text, cut, decoded, table=table)
    if len(inner) <= PAYLOAD_LIMIT and (text.lstrip()[:1] in ("{", "[") or "json" in (media + format).casefold()):
        try:
            written = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
        else:
            return Shown("json", plain(written, PAYLOAD_LIMIT * 2), 0, decoded, tree=_tree(text))
    return Shown("text", as_text, cut, decoded)


def text_of(data: bytes, wrapped: bool) -> str:
    """`data` as text to compare by lines: JSON is written out a value a line."""
    text = (unwrap(data)[0] if wrapped else data).decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "[") and len(text) <= PAYLOAD_LIMIT:
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False, sort_keys=True)
        except (ValueError, RecursionError):
            pass
    return text


def unwrap(data: bytes) -> tuple[bytes, bool]:
    """(what base64 text holds, True), or the bytes as they are where they are none."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True), True
    except (binascii.Error, ValueError):
        return data, False


def _hex(data: bytes) -> tuple[Markup, int]:
    lines = []
    for start in range(0, min(len(data), HEX_LIMIT), 16):
        row = data[start : start + 16]
        signs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {signs}")
    return escape("\n".join(lines)), max(0, len(data) - HEX_LIMIT)


def _separator(media: str, format: str, text: str) -> str:
    """What parts the cells of what calls itself a table; "" for all else, which only may look like one."""
    named = media.partition(";")[0].strip().casefold(), format.strip().casefold()
    if "text/tab-separated-values" in named or "tsv" in named:
        return "\t"
    if "text/csv" not in named and "csv" not in named:
        return ""
    first = text[:PAYLOAD_LIMIT].lstrip("\ufeff").partition("\n")[0]
    return max(",;\t|", key=first.count)


def _table(text: str, separator: str) -> Table | None:
    """RFC 4180, read leniently; None for what has no second column. A row the bound cuts through is left out."""
    given = text[:PAYLOAD_LIMIT].lstrip("\ufeff")
    if len(text) > PAYLOAD_LIMIT:
        given = given[: given.rfind("\n") + 1]
    try:
        rows = [row for row in csv.reader(io.StringIO(given, newline=""), delimiter=separator) if row]
    except csv.Error:
        return None
    wide = max((len(row) for row in rows), default=0)
    if wide < 2:
        return None
    columns = min(wide, COLUMNS)
    head = tuple(rows[0]) if len(rows) > 1 and _names(rows[0], wide) else tuple(str(n + 1) for n in range(wide))
    body = rows[1:] if head == tuple(rows[0]) else rows
    cells = tuple(tuple((*row, *("",) * columns)[:columns]) for row in body[:ROWS])
    left = len(body) - len(cells) + (text.count("\n", len(given)) if len(text) > len(given) else 0)
    return Table(head[:columns], cells, left, wide - columns)


def _names(row: list[str], wide: int) -> bool:
    """Whether a first row names columns: one for each, no two alike, no number among them."""
    return len(row) == wide == len(set(row)) and all(cell.strip() and not _number(cell) for cell in row)


def _number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


class _Exactly(str):
    """A number as it is written: 1e999 is no infinity, 1.10 keeps its nought."""


def _tree(text: str) -> Markup | None:
    value = json.loads(text, parse_float=_Exactly, parse_int=_Exactly, parse_constant=_Exactly)
    count = _count(value, DEPTH)
    if not isinstance(value, Mapping | list) or not value or count > NODES:
        return None
    return Markup(f'<ul class="json">{"".join(_members(value, count <= OPEN_NODES, 0))}</ul>')  # noqa: S704 - of escaped parts


def _count(value: Any, depth: int) -> int:
    """How many values there are within; more than NODES where they lie too deep."""
    if not isinstance(value, Mapping | list):
        return 1
    if not depth:
        return NODES + 1
    total = 1
    for one in value.values() if isinstance(value, Mapping) else value:
        total += _count(one, depth - 1)
        if total > NODES:
            break
    return total


def _members(value: Mapping[str, Any] | list[Any], unfolded: bool, depth: int) -> Iterator[str]:
    """Each member as an item of a list, containers as lists to unfold."""
    for name, one in value.items() if isinstance(value, Mapping) else enumerate(value):
        label = f'<span class="name">{plain(name, CELL)}</span> '
        if isinstance(one, Mapping | list) and one:
            words = f"{len(one):,} {'member' if isinstance(one, Mapping) else 'element'}{'' if len(one) == 1 else 's'}"
            state = " open" if unfolded or not depth else ""
            below = "".join(_members(one, unfolded, depth + 1))
            yield f"<li><details{state}><summary>{label}{words}</summary><ul>{below}</ul></details></li>"
        else:
            yield f"<li>{label}{_leaf(one)}</li>"


def _leaf(value: Any) -> str:
    if isinstance(value, _Exactly):
        return f'<span class="number">{plain(value, STRING)}</span>'
    if isinstance(value, str):
        return f'<span class="string">"{plain(value, STRING)}"</span>'
    return f'<span class="word">{"{}" if value == {} else "[]" if value == [] else json.dumps(value)}</span>'
