"""Payloads by what they are: pictures by their first bytes, tables by their name, JSON as a tree, all else as text."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.web.pages.images import BYTES_MOST, picture
from pumpkin.web.pages.payloads import COLUMNS, NODES, ROWS, Shown, payload
from tests.web.pages.site import Site, observation

Client = TestClient[Any, Any]
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'


def png(width: int = 3, height: int = 2, *, said: tuple[int, int] | None = None) -> bytes:
    """A whole PNG of one colour; `said`: another size in its head."""
    rows = (b"\x00" + b"\xe8\x7a\x1d" * width) * height
    head = struct.pack(">IIBBBBB", *(said or (width, height)), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    return (
        b"\xff\xd8\xff\xe0\x00\x04JF"
        + before
        + b"\xff\xff\xc2\x00\x0b\x08"
        + struct.pack(">HH", height, width)
        + b"\x01\x11\x00"
    )


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 12) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


def shown(data: bytes, *, media: str = "text/plain", format: str = "raw", wrapped: bool = False) -> Shown:
    return payload(data, media=media, format=format, wrapped=wrapped)


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [
        (png(3, 2), "PNG", (3, 2)),
        (GIF, "GIF", (1, 1)),
        (jpeg(640, 480), "JPEG", (640, 480)),
        (jpeg(640, 480, b"\xff\x01\xff\xc4\x00\x03x\xff\xfe\x00\x02"), "JPEG", (640, 480)),
        (webp(b"VP8 ", b"\x30\x01\x00\x9d\x01\x2a\x20\x00\x10\x40"), "WebP", (32, 16)),
        (webp(b"VP8L", b"\x2f" + struct.pack("<I", 31 | 15 << 14)), "WebP", (32, 16)),
        (webp(b"VP8X", b"\x00\x00\x00\x00\x1f\x00\x00\x0f\x00\x00"), "WebP", (32, 16)),
    ],
)
def test_a_picture_is_known_by_its_first_bytes_with_its_size(data: bytes, kind: str, size: tuple[int, int]):
    found = picture(data)
    assert found is not None
    assert (found.kind, found.media, (found.width, found.height)) == (kind, f"image/{kind.casefold()}", size)
    assert shown(data, media="text/html").form == "picture"


@pytest.mark.parametrize(
    "data",
    [
        b"", SVG, b"\x89PNG\r\n\x1a\n", png()[:20], b"GIF89a", b"GIF88a" + GIF[6:], png(3, 2, said=(0, 2)),
        b"BM" + bytes(60),
        b"\xff\xd8\xff", b"\xff\xd8\xff\xda\x00\x02", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8\xff\xe0\x00\x02<b>",
        jpeg(0, 4),
        b"\xff\xd8" + b"\xff\xd0" * 1_000, webp(b"VP8 ", b"\x00" * 10), webp(b"VP8X", b"\x00" * 6),
        webp(b"EXIF", b"\x00" * 20),
        b" " + png(), b"<!doctype html>" + png(),
    ],
)  # fmt: skip
def test_what_only_begins_like_a_picture_is_none(data: bytes):
    assert picture(data) is None


@given(st.binary(max_size=80), st.sampled_from([b"", GIF[:6], png()[:16], b"\xff\xd8\xff", b"RIFFxxxxWEBPVP8 "]))
def test_no_bytes_are_too_odd_to_be_looked_at(data: bytes, head: bytes):
    found = picture(head + data)
    assert found is None or (found.width > 0 and found.height > 0)


def test_a_picture_that_would_unfold_to_gigabytes_is_named_and_not_shown():
    found = picture(png(3, 2, said=(60_000, 60_000)))
    assert found is not None
    assert not found.fits
    large = picture(png() + bytes(BYTES_MOST))
    assert large is not None
    assert not large.fits


def test_csv_is_a_table_with_its_names_above():
    one = shown(b'\xef\xbb\xbfhost,ms,said\r\nweb,12,"a, b"\r\n"x ""y""",7\r\n', media="text/csv; charset=utf-8")
    assert one.form == "table"
    assert one.table is not None
    assert one.table.head == ("host", "ms", "said")
    assert one.table.rows == (("web", "12", "a, b"), ('x "y"', "7", ""))
    assert "host,ms,said" in one.text


@pytest.mark.parametrize(
    ("data", "format", "head"),
    [
        (b"host\tms\nweb\t12\n", "tsv", ("host", "ms")),
        (b"host;ms\nweb;1,5\n", "csv", ("host", "ms")),
        (b"web,12\ndb,9\n", "csv", ("1", "2")),
        (b"web,web\ndb,9\n", "csv", ("1", "2")),
        (b"only,one,row\n", "csv", ("1", "2", "3")),
    ],
)
def test_cells_are_parted_as_they_are_and_named_only_where_the_first_row_names_them(
    data: bytes, format: str, head: tuple[str, ...]
):
    table = shown(data, format=format).table
    assert table is not None
    assert table.head == head
    assert len(table.rows) == (1 if head[0] == "host" or len(head) == 3 else 2)


@pytest.mark.parametrize("data", [b"", b"one column\nonly\n", b'"never ends,' + b"x" * 200_000, b"\n\n"])
def test_what_calls_itself_csv_and_has_no_columns_is_text(data: bytes):
    assert shown(data, media="text/csv").form == "text"


def test_what_does_not_call_itself_a_table_is_none():
    assert shown(b"a,b\n1,2\n").form == "text"
    assert shown(b"a\tb\n1\t2\n", media="text/x-csv-ish", format="csvx").form == "text"


def test_a_table_is_bounded_and_says_what_it_leaves_out():
    line = ",".join(["c"] * (COLUMNS + 4)) + "\n"
    table = shown(line.encode() * 20_000, media="text/csv").table
    assert table is not None
    assert (len(table.rows), table.columns_left, len(table.head)) == (ROWS, 4, COLUMNS)
    assert len(table.rows) + table.rows_left == 20_000


def test_json_is_a_tree_whose_numbers_are_as_they_were_written():
    one = shown(b'{"a": [1.10, 1e999, NaN], "b": {"<i>": "\\u202e</ul>"}, "c": {}, "d": null, "e": []}', format="json")
    assert one.tree is not None
    for words in (">1.10<", ">1e999<", ">NaN<", "&lt;i&gt;", "U+202E", "3 elements", "1 member<", "{}", "null", "[]"):
        assert words in one.tree, words
    assert "<i>" not in one.tree
    assert one.tree.count("<ul") == one.tree.count("</ul>") == 3


@pytest.mark.parametrize("data", [b"7", b"{}", b'"x"', b"[" + b"1," * NODES + b"1]", b"[" * 30 + b"]" * 30])
def test_json_that_is_no_tree_or_too_large_a_one_is_text(data: bytes):
    one = shown(data, format="json")
    assert (one.form, one.tree) == ("json", None)


@given(st.binary(max_size=2_000), st.sampled_from(["csv", "tsv", "json", "raw"]))
def test_any_payload_of_any_format_is_shown_without_markup_of_its_own(data: bytes, format: str):
    one = shown(b"a,b\n<script>" + data, format=format)
    assert "<script" not in one.text
    assert one.tree is None or "<script" not in one.tree


async def test_a_picture_is_served_as_a_picture_and_as_nothing_else(site: Site, viewer: Client) -> None:
    one = observation(payload=png(), media="text/html", format="raw")
    await site.receive(one)
    async with viewer.get(f"/checks/{one.id}") as answer:
        html = await answer.text()
    assert f'src="/checks/{one.id}/picture"' in html
    async with viewer.get(f"/checks/{one.id}/picture") as answer:
        assert (answer.status, await answer.read()) == (200, png())
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == f'inline; filename="{one.id}.png"'
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_a_picture_of_the_old_shape_is_served_without_its_base64(site: Site, viewer: Client) -> None:
    one = observation(
        payload=base64.b64encode(GIF), media="text/plain", wire={"version": "1", "format": "raw", "meta": {}}
    )
    await site.receive(one)
    async with viewer.get(f"/checks/{one.id}/picture") as answer:
        assert (answer.content_type, await answer.read()) == ("image/gif", GIF)


async def test_what_is_no_picture_or_too_large_a_one_is_never_served_as_one(site: Site, viewer: Client) -> None:
    for data in (SVG, b"<html>", png(said=(60_000, 60_000)), b""):
        one = observation(payload=data, media="image/svg+xml", format="raw")
        await site.receive(one)
        async with viewer.get(f"/checks/{one.id}/picture") as answer:
            assert answer.status == 404
        async with viewer.get(f"/checks/{one.id}") as answer:
            assert "/picture" not in await answer.text()
    for path in (f"/checks/{uuid4()}/picture", "/checks/nonsense/picture"):
        async with viewer.get(path) as answer:
            assert answer.status == 404


async def test_a_picture_is_for_those_who_may_read(site: Site, stranger: Client) -> None:
    one = observation(payload=png(), media="image/png", format="raw")
    await site.receive(one)
    async with stranger.get(f"/checks/{one.id}/picture", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_table_on_the_page_is_text_in_cells(site: Site, viewer: Client) -> None:
    one = observation(payload=b"name,ms\n<b>x</b>,12\n", media="text/csv", format="csv")
    await site.receive(one)
    async with viewer.get(f"/checks/{one.id}") as answer:
        html = await answer.text()
    assert re.search(r"<td><bdi>&lt;b&gt;x&lt;/b&gt;</bdi></td><td><bdi>12</bdi></td>", html)


async def test_a_download_is_named_by_its_type_unless_a_desktop_would_run_it(site: Site, viewer: Client) -> None:
    for media, ending in (
        ("text/csv; charset=utf-8", "csv"),
        ("image/png", "png"),
        ("text/html", "txt"),
        ("a/b", "bin"),
    ):
        one = observation(payload=b"x", media=media, format="raw")
        await site.receive(one)
        async with viewer.get(f"/api/v1/checks/{one.id}/payload") as answer:
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{one.id}.{ending}"'
            assert answer.content_type == "application/octet-stream"
