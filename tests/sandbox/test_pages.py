"""Pages of registries, taken apart by their members: the same as the whole would be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.adapters.engines import pages
from pumpkin.adapters.registries.html import Links

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def listed(url: str, digest: str) -> str:
    return f"mirror:{url}#{digest}"


_NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
_MEMBERS = st.dictionaries(st.text().filter(lambda name: name != "files"), _JSON, max_size=4)


@given(more=_MEMBERS, indent=st.none() | st.just(2), names=st.lists(_NAMES, max_size=4))
def test_only_addresses_of_a_page_are_changed(more: dict[str, Any], indent: int | None, names: list[str]) -> None:
    files = [{"filename": one, "url": f"https://files.example/{one}", "hashes": {"sha256": "ab"}} for one in names]
    page = {"name": "sample", **more, "files": files}
    text = json.dumps(page, indent=indent).encode()
    wanted = {**page, "files": [{**one, "url": f"mirror:{one['url']}#sha256=ab"} for one in files]}
    assert json.loads(pages.python_json(text, "https://index.example/sample/", listed)) == wanted


def test_a_document_of_npm_keeps_all_but_the_tarballs() -> None:
    version = {"dist": {"tarball": "https://r.example/a.tgz", "integrity": "sha512-xx"}, "engines": {"node": ">=1"}}
    old = {"dist": {"tarball": "https://r.example/b.tgz", "shasum": "00"}}
    document = {"name": "a", "dist-tags": {"latest": "2"}, "versions": {"2": version, 'q"1': old}, "modified": "now"}
    said = json.loads(pages.npm_document(json.dumps(document).encode(), listed))
    assert said["versions"]["2"]["dist"]["tarball"] == "mirror:https://r.example/a.tgz#sha512-xx"
    assert said["versions"]['q"1']["dist"]["tarball"] == "mirror:https://r.example/b.tgz#sha1=00"
    version["dist"] = old["dist"] = {}
    for one in said["versions"].values():
        one["dist"] = {}
    assert said == document


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"files": 1}', b'{"files": [1]}', b'{"files": [{}]}', b'{"name": "x"}', b"\xff{}",
        b'{"files": []} and more', b'{"files": [], }', b'{"files" []}', b'{1: [], "files": []}',
        b'{"files": [{"url": 1}]}',
        b'{"files": [' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError, RecursionError)):
        pages.python_json(body, "https://index.example/sample/", listed)


@pytest.mark.parametrize(
    "odd", ["<![[[", "<![OCTYPE a>", "<![CDATA[x]]>", "<![if x]>", "<![", "<!-- ", "<!DOCTYPE [<!x"]
)
def test_an_index_with_odd_declarations_is_read_as_browsers_do(odd: str) -> None:
    page = f'<a href="x-1.0.tar.gz#sha256=ab">x-1.0.tar.gz</a>{odd}'
    assert b"mirror:https://index.example/x/x-1.0.tar.gz#sha256=ab" in pages.python_html(
        page.encode(), "https://index.example/x/", listed
    )
    assert [link.href for link in Links.of(page)] == ["x-1.0.tar.gz#sha256=ab"]
