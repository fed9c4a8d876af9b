"""From a template and values to an answer: whole pages, single fragments for live.js, and error pages."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp_jinja2
import jinja2
from aiohttp import web

from pumpkin.errors import NotFound, PumpkinError, Unauthenticated
from pumpkin.store import keys
from pumpkin.web.bodies import posted
from pumpkin.web.edge import ERROR_PAGE
from pumpkin.web.envelope import HEADERS, REQUEST_ID
from pumpkin.web.guard import CSRF_FIELD, StaleForm, identity, require, require_csrf
from pumpkin.web.pages import pictures, text
from pumpkin.web.pages.held import Held, held_up
from pumpkin.web.pulse import PULSE
from pumpkin.web.services import SERVICES

FRAGMENTS = "Pumpkin-Fragments"
_NAMES_S = 30.0
LONGEST = 2_000  # of what one searches for: a target may be as long
SHARED = web.RequestKey("shared", bool)
"""Set where what is rendered goes to others of the same role too."""
SEEN = web.RequestKey("seen", int)
"""The newest event before the page was made: what came after it, the page may not show."""


@dataclass
class KeyNames:
    """What keys are called, by the name checks bear ("key:<prefix>"), and until when that is known."""

    names: dict[str, str] = field(default_factory=dict)
    until: float = 0.0


KEY_NAMES = web.AppKey("key_names", KeyNames)
ENVIRONMENT = web.AppKey("environment", jinja2.Environment)
STATIC_TAGS = web.AppKey("static_tags", Mapping[str, str])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HOLD: web.AppKey[Callable[[web.Request, Held], web.Response]] = web.AppKey("hold")
"""Makes the form of signing in that carries a held form along; `pages.login` sets it."""

MARKS = {"ok": "ok", "warning": "warning", "critical": "critical", "unknown": "unknown"}
_SHOW_WORDS = {
    "available": ("ok", "available"),
    "chat": ("ok", "available, open to chat"),
    "away": ("warning", "away"),
    "xa": ("warning", "away for long"),
    "dnd": ("warning", "busy"),
    "unavailable": ("critical", "unavailable"),
}


def setup(app: web.Application, templates: Path, static: Path) -> None:
    """Give `app` its Jinja environment and error pages. `static` is read once, to name each file by its content."""
    env = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for function in (
        text.plain,
        text.bare,
        text.words,
        text.size,
        text.when,
        text.ago,
        text.told,
        text.duration,
        text.digest,
        text.fingers,
        text.pretty,
        text.rfc3339,
    ):
        env.filters[function.__name__] = function
    env.filters["path"] = lambda value: quote(str(value), safe="@")
    env.filters["query"] = _query
    tags = {
        path.relative_to(static).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
        for path in (*static.glob("*.*"), *static.glob("verify/*.js"))
    }
    env.globals.update(
        static=lambda name: f"/static/{name}?{tags.get(name, '')}",
        show_words=lambda show: _SHOW_WORDS.get(show, ("unknown", show)),
        pictures=pictures,
        clock_ms=lambda: time.time_ns() // 1_000_000,
    )
    known = app[KEY_NAMES] = KeyNames()
    env.globals["key_name"] = lambda who: known.names.get(who, "")
    env.globals["m"] = env.get_template("macros.html").module
    app[ENVIRONMENT] = env
    app[ERROR_PAGE] = error_page


def _query(base: Mapping[str, Any], **more: Any) -> str:
    """A query string of `base` with `more` over it; empty values are left out."""
    merged = {**base, **more}
    return urlencode({name: value for name, value in merged.items() if value not in (None, "")})


def page(request: web.Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """The page; asked by live.js with `Pumpkin-Fragments: id id`, a JSON object of those fragments' inner HTML."""
    asker = identity(request)
    services = request.app[SERVICES]
    given = {
        "asker": asker,
        "csrf": "" if request.get(SHARED) else asker.csrf,
        "csrf_field": CSRF_FIELD,
        "request_id": request.get(REQUEST_ID, ""),
        "version": services.version,
        "seen": request.get(SEEN, ""),
        "here": "",
        "twin": None,
        **values,
    }
    found = request.app[ENVIRONMENT].get_template(template)
    names = request.headers.get(FRAGMENTS)
    if names is not None:
        body: Any = {name: _block(found, name, given) for name in names.split()[:12] if _is_block(found, name)}
        response = web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
    else:
        response = web.Response(text=found.render(given), content_type="text/html", status=status)
    response.headers.update(HEADERS["page"])
    return response


def _is_block(template: jinja2.Template, name: str) -> bool:
    return "live_" + name.replace("-", "_") in template.blocks


def _block(template: jinja2.Template, name: str, values: Mapping[str, Any]) -> str:
    block = template.blocks["live_" + name.replace("-", "_")]
    return "".join(block(template.new_context(dict(values))))


async def error_page(request: web.Request, error: PumpkinError, request_id: str) -> web.Response:
    """An error as a page; whoever is not signed in is sent to sign in and comes back.

    A form of somebody whose session ended, or who signed in anew since it was shown, is held (pages.held): nothing
    typed is lost.
    """
    if isinstance(error, Unauthenticated | StaleForm) and FRAGMENTS not in request.headers:
        held = await held_up(request)
        if held is not None and isinstance(error, Unauthenticated):
            return request.app[HOLD](request, held)
        if held is not None:
            return again(request, held)
    if isinstance(error, Unauthenticated) and request.method in ("GET", "HEAD") and FRAGMENTS not in request.headers:
        back = "/login" if request.path == "/" else "/login?next=" + quote(request.path_qs, safe="")
        return web.Response(status=303, headers={"Location": back})
    if isinstance(error, NotFound) and request.method in ("GET", "HEAD") and (plain := await _without_slash(request)):
        return web.Response(status=308, headers={"Location": plain})
    retry = "/" + request.path_qs.lstrip("/") if request.method in ("GET", "HEAD") else ""
    values = {"error": error, "request_id": request_id, "again": retry}
    return page(request, "error.html", values, status=error.status)


async def _without_slash(request: web.Request) -> str:
    """The address of a page that was asked for with a slash at its end; "" where there is none."""
    path = request.rel_url.raw_path.rstrip("/")
    if path == request.rel_url.raw_path or not path or path.startswith("//"):
        return ""
    there = request.clone(rel_url=request.rel_url.with_path(path, encoded=True, keep_query=True))
    found = await request.app.router.resolve(there)
    return "" if found.http_exception is not None else str(there.rel_url)


def again(request: web.Request, held: Held) -> web.Response:
    """The page that shows a form once more whose sender signed in anew since it was shown, to be sent by hand."""
    values = {"held": held, "again": True, "asker_name": identity(request).name}
    return page(request, "held.html", values, status=StaleForm.status)


def read(scope: str, *, shared: bool = False) -> Callable[[Handler], Handler]:
    """A page that needs `scope`; who must first change a one-time password is sent to do so.

    `shared`: its fragments are the same for all of one role but for the forgery token, which live.js puts in; between
    two beats of the pulse they are made once.
    """

    def wrap(handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if identity(request).must_change:
                raise web.HTTPSeeOther("/password")
            asker = require(request, scope)
            await _know_keys(request.app)
            names = request.headers.get(FRAGMENTS)
            request[SEEN] = request.app[SERVICES].bus.last
            if not shared or names is None or len(names) > 400 or len(request.path_qs) > 600:
                return await handler(request)
            key = request.path_qs, names, asker.scopes
            body, status = await request.app[PULSE].shared(key, lambda: _made(handler, request))
            answer = web.Response(body=body, status=status, content_type="application/json")
            answer.headers.update(HEADERS["page"])
            return answer

        guarded.__name__ = handler.__name__
        return guarded

    return wrap


async def _know_keys(app: web.Application) -> None:
    """What the keys are called by whose hand checks come in; asked again when it is half a minute old."""
    known = app[KEY_NAMES]
    if known.until > time.monotonic():
        return
    known.until = time.monotonic() + _NAMES_S
    known.names = {f"key:{one.prefix}": one.name for one in await keys.listed(app[SERVICES].db)}


async def _made(handler: Handler, request: web.Request) -> tuple[bytes, int]:
    request[SHARED] = True
    answer = await handler(request)
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    return answer.body, answer.status


def asked(request: web.Request, name: str, limit: int = LONGEST) -> str:
    """A parameter of a page's address as text PostgreSQL can hold; "" where it is absent."""
    return request.query.get(name, "").replace("\x00", "").encode("utf-8", "replace").decode().strip()[:limit]


async def act(request: web.Request, scope: str) -> Mapping[str, str]:
    """The fields of a posted form whose sender holds `scope` and whose forgery check holds."""
    require(request, scope)
    form = await posted(request)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    require_csrf(request, fields.get(CSRF_FIELD))
    return fields
