"""What was seen, as a browser shows it: pictures drawn, tables and trees as text, nothing run or sniffed."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_hostile import looked
from tests.browser.test_pages import faults
from tests.web.pages.site import Site, observation

Open = Callable[..., Awaitable[Visit]]

_DRAW = """(media) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 40 });
  canvas.getContext("2d").fillRect(8, 8, 24, 24);
  return canvas.toDataURL(media).split(",")[1];
}"""
_RUN = """async (address) => {
  const script = Object.assign(document.createElement("script"), { src: address });
  const told = (words) => new Promise((done) => script.addEventListener(words, () => done(words)));
  const ended = Promise.race([told("load"), told("error")]);
  document.head.append(script);
  return await ended;
}"""


@pytest.mark.parametrize("media", ["image/png", "image/jpeg", "image/webp"])
async def test_a_picture_that_was_seen_is_drawn_and_compared(site: Site, visit: Open, media: str):
    window = await visit(viewport={"width": 390, "height": 844})
    page = await window.sign_in("vera")
    data = base64.b64decode(await page.evaluate(_DRAW, media))
    one, again = (
        observation(payload=data + tail, media="text/html", format="raw", detail={"target": "web"})
        for tail in (b"", b" ")
    )
    await site.receive(one)
    await site.receive(again)
    page = await window.open(f"/checks/{again.id}")
    drawn = page.get_by_role("img", name="The picture that was seen")
    await expect(drawn).to_be_visible()
    assert await drawn.evaluate("async (one) => (await one.decode(), [one.naturalWidth, one.naturalHeight])") == [
        64,
        40,
    ]
    assert await faults(page) == []
    page = await window.open(f"/checks/{again.id}/difference")
    await expect(page.get_by_role("img", name="What was seen then")).to_be_visible()
    assert await looked(page) == {}


async def test_a_picture_that_is_script_too_is_a_picture_only(site: Site, visit: Open):
    """A GIF whose bytes are JavaScript: not as a page by itself, nor as a script of one of our pages."""
    both = b"GIF89a/*\x01\x00\x00\x00*/=window.pwned=1;//" + bytes(40)
    one = observation(payload=both, media="text/html", format="raw")
    await site.receive(one)
    window = await visit()
    await window.sign_in("vera")
    page = await window.open(f"/checks/{one.id}")
    assert await page.evaluate(_RUN, f"/checks/{one.id}/picture") == "error"
    assert await looked(page) == {}
    page = await window.open(f"/checks/{one.id}/picture")
    assert not await page.evaluate("'pwned' in window")
    # what the browser says of its own frame around a picture, and of this test's listener in it
    window.complaints[:] = [
        words
        for words in window.complaints
        if "MIME type" not in words and "sandbox" not in words and "inline style" not in words
    ]


async def test_tables_and_trees_are_text(site: Site, visit: Open):
    evil = "<img src=x onerror=window.pwned=1>\u202e\x1b[31m" + "W" * 400
    table = observation(payload=f"name,ms\n{evil},12\n".encode(), media="text/csv", format="csv")
    tree = observation(payload=b'{"a": {"' + evil.replace("\x1b", "").encode() + b'": [1.10]}}')
    picture = observation(payload=b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.pwned=1'/>", format="svg")
    window = await visit(viewport={"width": 320, "height": 800})
    await window.sign_in("vera")
    for one, words in ((table, "WWW"), (tree, "1.10"), (picture, "onload")):
        await site.receive(one)
        page = await window.open(f"/checks/{one.id}")
        await expect(page.get_by_text(words).first).to_be_visible()
        assert await looked(page) == {}
        assert await faults(page) == []
