"""The pages as a person's browser asks for them: every link followed, every form sent with what no form sends."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from scripts.fuzzing import mutate
from tests.acceptance.product import Product

PASSWORD = "korrekt pferd 42"
LEFT_ALONE = ("/logout", "/people", "/account", "/docs", "/help", "/openapi")  # what would shut the fuzzer itself out
TYPES = ("text/html", "application/json", "image/svg+xml", "text/csv", "application/zip", "text/plain", "application/")


class Page(HTMLParser):
    """Links of this site, and forms as (address, fields)."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.links: set[str] = set()
        self.forms: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("/", "?")):
            self.links.add(urljoin(self.address, given["href"]))
        elif tag == "form":
            where = urljoin(self.address, given.get("action", "")) or self.address
            self.forms.append((given.get("method", "get").lower(), where, {}))
        elif tag in ("input", "select", "textarea", "button") and self.forms and given.get("name"):
            self.forms[-1][2].setdefault(given["name"], given.get("value", ""))


def run(product: Product, seconds: float, seed: int) -> int:
    """How many faults were found."""
    product.command("user", "add", "fuzz", "--role", "admin", "--password", PASSWORD)
    return asyncio.run(_run(product, seconds, random.Random(seed)))


async def _run(product: Product, seconds: float, chance: random.Random) -> int:
    faults: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    end = time.monotonic() + seconds
    forms: dict[tuple[str, str, str], dict[str, str]] = {}
    links = {"/"}
    seen: set[str] = set()
    async with aiohttp.ClientSession(product.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _sign_in(session)
        while time.monotonic() < end:
            fresh = [link for link in links - seen if not link.startswith(LEFT_ALONE)]
            if fresh and len(seen) < 400:
                link = fresh[0]
                seen.add(link)
                text = await _ask(session, "GET", link, None, faults, statuses)
                page = Page(link)
                page.feed(text)
                links |= {one for one in page.links if not urlsplit(one).netloc}
                for method, where, fields in page.forms:
                    if not where.startswith(LEFT_ALONE) and not urlsplit(where).netloc:
                        forms.setdefault((method, where, " ".join(sorted(fields))), fields)
                if "/login" in text[:2000] and 'name="password"' in text:
                    await _sign_in(session)
            elif forms and chance.random() < 0.7:
                method, where, _ = chosen = chance.choice(list(forms))
                fields = _odd(chance, forms[chosen])
                if method == "post":
                    await _ask(session, "POST", where, fields, faults, statuses)
                else:
                    await _ask(session, "GET", _with(where, fields), None, faults, statuses)
            else:
                await _ask(session, "GET", _bent(chance, chance.choice(sorted(seen))), None, faults, statuses)
    told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    print(f"{'pages':<20} {sum(statuses.values()):>9,} tried, {len(seen)} addresses, {len(forms)} forms: {told}; "
          f"{len(faults)} faults", flush=True)  # fmt: skip
    for fault, text in faults.items():
        print(f"  {fault}: {text}", flush=True)
    return len(faults)


async def _sign_in(session: aiohttp.ClientSession) -> None:
    async with session.get("/login") as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    fields = {"name": "fuzz", "password": PASSWORD, "csrf": found[1] if found else ""}
    async with session.post("/login", data=fields) as answer:
        await answer.read()


async def _ask(
    session: aiohttp.ClientSession,
    method: str,
    where: str,
    fields: dict[str, str] | None,
    faults: dict[str, str],
    statuses: Counter[int],
) -> str:
    """The page's text; what is wrong with the answer goes into `faults`."""
    try:
        async with session.request(method, where, data=fields, allow_redirects=False) as answer:
            content = await answer.read()
            statuses[answer.status] += 1
            place = f"{method} {re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '*', urlsplit(where).path)[:60]}"
            media = answer.content_type
            if answer.status >= 500 and answer.status not in (502, 503):
                faults.setdefault(f"{answer.status} {place}", f"{where[:200]} {fields}"[:400])
            elif not 300 <= answer.status < 400 and answer.status != 204 and not media.startswith(TYPES):
                faults.setdefault(f"{media} {place}", f"{where[:200]} {fields}"[:400])
            elif b"Traceback (most" in content:
                faults.setdefault(f"traceback {place}", f"{where[:200]} {fields}"[:400])
            return content.decode("utf-8", "replace") if media == "text/html" else ""
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
        faults.setdefault(f"{type(error).__name__} {method} {urlsplit(where).path[:60]}", f"{where[:200]}"[:400])
    except (aiohttp.InvalidURL, ValueError):
        pass  # what this client does not send
    return ""


def _odd(chance: random.Random, fields: dict[str, str]) -> dict[str, str]:
    found = dict(fields)
    for name in list(found):
        if name != "csrf" and chance.random() < 0.5:
            found[name] = _text(chance, found[name])
        elif name != "csrf" and chance.random() < 0.05:
            del found[name]
    return found


def _text(chance: random.Random, near: str) -> str:
    return mutate.some(chance, [near.encode() or b"1"])[:5_000].decode("utf-8", "replace")


def _with(where: str, fields: dict[str, str]) -> str:
    return where.partition("?")[0] + "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items())


def _bent(chance: random.Random, link: str) -> str:
    path, _, query = link.partition("?")
    if query and chance.random() < 0.7:
        return _with(path, {name: _text(chance, "1") for name in re.findall(r"([a-z_.]+)=", query)})
    words = path.split("/")
    words[-1] = quote(_text(chance, words[-1]), safe="")[:2_000]
    return "/".join(words)
