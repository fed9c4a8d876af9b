"""People come in, by password and where they set one up a second factor, and go out."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from pumpkin.errors import Forbidden, RateLimited
from pumpkin.model import passwords, totp
from pumpkin.store import audit, factors, people, sessions
from pumpkin.web.bodies import posted
from pumpkin.web.guard import CSRF_FIELD, SESSION_COOKIE, identity, require_csrf, same
from pumpkin.web.limits import Gcra, address, by_https
from pumpkin.web.pages.held import FIELD, LIMIT, Held, held_in
from pumpkin.web.pages.render import HOLD, page
from pumpkin.web.services import SERVICES

LOGIN_COOKIE = "pumpkin_login"
HALF_COOKIE = "pumpkin_half"
SESSION_SECONDS = 12 * 3600
HALF_SECONDS = 300
ATTEMPTS = web.AppKey("login_attempts", Gcra)
_CODES = web.AppKey("code_attempts", Gcra)


def setup(app: web.Application) -> None:
    """Register `/login`, `/login/code`, `/logout`."""
    app[ATTEMPTS] = Gcra(rate=0.1, burst=10)
    app[_CODES] = Gcra(rate=1 / 30, burst=5)
    app[HOLD] = hold
    app.router.add_get("/login", login_form)
    app.router.add_post("/login", login)
    app.router.add_get("/login/code", code_form)
    app.router.add_post("/login/code", code)
    app.router.add_post("/logout", logout)


async def login_form(request: web.Request) -> web.Response:
    """The form; who is signed in already goes on."""
    if identity(request).kind == "person":
        raise web.HTTPSeeOther(next_of(request.query.get("next", "")))
    return _form(request, next_=request.query.get("next", ""))


def hold(request: web.Request, held: Held) -> web.Response:
    """The form of signing in, with a form along whose sender's session has ended."""
    return _form(request, fields={FIELD: held.text}, status=401)


async def login(request: web.Request) -> web.StreamResponse:
    """Verify name and password, open a session. A wrong pair says the same for an unknown name."""
    fields = await fields_of(request)
    expected = request.cookies.get(LOGIN_COOKIE, "")
    name, next_ = fields.get("name", "").strip(), fields.get("next", "")
    if not same(expected, fields.get(CSRF_FIELD, "")):
        late = "This form was out of date. Please try once more."
        return _form(request, name=name, next_=next_, wrong=late, status=403, fields=fields)
    source = slowed(request)
    db = request.app[SERVICES].db
    person = await people.verify(db, name[:200], fields.get("password", "")[:512])
    if person is None:
        request.app[ATTEMPTS].take(source)
        await audit.add(db, who=name[:200] or "nobody", act="login.refused", object="session", detail={"from": source})
        wrong = "Name or password is not right."
        return _form(request, name=name, next_=next_, wrong=wrong, status=401, fields=fields)
    if person.totp:
        token = await sessions.open(db, person.name, seconds=HALF_SECONDS, half=True)
        answer = _code_form(request, next_of(next_), fields=fields)
        cookie(request, answer, HALF_COOKIE, token, HALF_SECONDS, path="/login")
        return answer
    return await let_in(request, person.name, must_change=person.must_change, next_=next_, fields=fields)


async def code_form(request: web.Request) -> web.Response:
    """The form for the code of an authenticator."""
    half = await sessions.half(request.app[SERVICES].db, request.cookies.get(HALF_COOKIE, ""))
    if half is None:
        raise web.HTTPSeeOther("/login")
    return _code_form(request, next_of(request.query.get("next", "")))


async def code(request: web.Request) -> web.StreamResponse:
    """Judge the code; each is taken once, and after five wrong ones a person waits half a minute for each more."""
    fields = await fields_of(request)
    db, token, next_ = request.app[SERVICES].db, request.cookies.get(HALF_COOKIE, ""), fields.get("next", "")
    half = await sessions.half(db, token)
    if half is None:
        late = "That took too long. Please sign in once more."
        return _form(request, next_=next_, wrong=late, status=403, fields=fields)
    expected = request.cookies.get(LOGIN_COOKIE, "")
    if not same(expected, fields.get(CSRF_FIELD, "")):
        return _code_form(request, next_, wrong="This form was out of date. Please try once more.", fields=fields)
    wait = request.app[_CODES].would_wait(half.name)
    if wait:
        raise RateLimited("Too many wrong codes for this person.", retry_after=math.ceil(wait))
    step = totp.step_of(half.totp or "", fields.get("code", ""), time.time(), half.totp_step) if half.totp else None
    if step is None or not await factors.use_step(db, half.name, step):
        request.app[_CODES].take(half.name)
        detail = {"from": source_of(request), "factor": "totp"}
        await audit.add(db, who=half.name, act="login.refused", object="session", detail=detail)
        wrong = "That is not the code of now, or it was used before. Wait for the next one."
        return _code_form(request, next_, wrong=wrong, status=401, fields=fields)
    await sessions.close(db, token)
    answer = await let_in(request, half.name, must_change=half.must_change, next_=next_, fields=fields, factor="totp")
    answer.del_cookie(HALF_COOKIE, path="/login")
    return answer


async def let_in(
    request: web.Request,
    name: str,
    *,
    must_change: bool = False,
    next_: str = "",
    fields: Mapping[str, str] | None = None,
    factor: str = "password",
) -> web.StreamResponse:
    """A session for `name`, and on: to what it was held up at, or where `next_` leads on this server."""
    db, source = request.app[SERVICES].db, source_of(request)
    client = request.headers.get("User-Agent", "")
    token = await sessions.open(db, name, seconds=SESSION_SECONDS, source=source, client=client)
    await audit.add(db, who=name, act="login", object="session", detail={"from": source, "by": factor})
    held = held_in(fields or {})
    answer: web.StreamResponse
    if held is not None:
        opened = await sessions.get(db, token)
        csrf = opened.csrf if opened else ""
        answer = password_form(request, csrf, name, held) if must_change else held_form(request, csrf, name, held)
    elif must_change:
        way = next_of(next_)
        answer = web.Response(
            status=303, headers={"Location": "/password" + (f"?next={quote(way, safe='')}" * (way != "/"))}
        )
    else:
        answer = web.Response(status=303, headers={"Location": next_of(next_)})
    cookie(request, answer, SESSION_COOKIE, token, SESSION_SECONDS)
    answer.del_cookie(LOGIN_COOKIE, path="/login")
    return answer


def held_form(request: web.Request, csrf: str, name: str, held: Held) -> web.Response:
    """What was held up at signing in, shown to the person `name` to be sent by their own hand."""
    return page(request, "held.html", {"held": held, "csrf": csrf, "again": False, "asker_name": name})


def password_form(request: web.Request, csrf: str, name: str, held: Held) -> web.Response:
    """The form of a first password, which carries on what was held up at signing in."""
    values = {"must": True, "least": passwords.least(second_factor=False), "csrf": csrf, "name": name, "held": held}
    return page(request, "password.html", values)


async def logout(request: web.Request) -> web.Response:
    """End this session on the server, not only in the browser."""
    fields = await fields_of(request)
    if identity(request).kind == "person":
        require_csrf(request, fields.get(CSRF_FIELD))
        await sessions.close(request.app[SERVICES].db, request.cookies.get(SESSION_COOKIE, ""))
    answer = web.Response(status=303, headers={"Location": "/login"})
    answer.del_cookie(SESSION_COOKIE, path="/")
    return answer


def slowed(request: web.Request) -> str:
    """Who asks, for counting wrong passwords. RateLimited after many of them."""
    source = source_of(request)
    wait = request.app[ATTEMPTS].would_wait(source)
    if wait:
        raise RateLimited("Too many wrong passwords from this address.", retry_after=math.ceil(wait))
    return source


def source_of(request: web.Request) -> str:
    """The address a request came from."""
    return address(request, request.app[SERVICES].access.trusted)


def _form(
    request: web.Request,
    *,
    name: str = "",
    next_: str = "",
    wrong: str = "",
    status: int = 200,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    entrance = request.app[SERVICES].entrance
    values: dict[str, Any] = {
        "name": name,
        "next": next_of(next_),
        "wrong": wrong,
        "held": held_in(fields or {}),
        "other": entrance.title if entrance is not None else "",
        "other_next": quote(next_of(next_), safe=""),
    }
    return signed_form(request, "login.html", values, status=status)


def _code_form(
    request: web.Request, next_: str, *, wrong: str = "", status: int = 200, fields: Mapping[str, str] | None = None
) -> web.Response:
    values = {"next": next_of(next_), "wrong": wrong, "held": held_in(fields or {})}
    return signed_form(request, "login_code.html", values, status=status)


def signed_form(request: web.Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A form for somebody without a session: its forgery token stands in a cookie of its own."""
    token = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(24)
    answer = page(request, template, {**values, "token": token}, status=status)
    cookie(request, answer, LOGIN_COOKIE, token, 3600, path="/login")
    return answer


def next_of(given: str) -> str:
    """A path on this server to go on to, never another site: `//host`, `/\\host` and schemes become the overview."""
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    odd = any(ord(sign) < 0x21 or sign == "\\" for sign in given)
    if parts.scheme or parts.netloc or odd or not given.startswith("/") or given.startswith("//"):
        return "/"
    return given[:2_000]


async def fields_of(request: web.Request, limit: int = 2 * LIMIT) -> dict[str, str]:
    """A form's text fields, also where one of them is a whole form that is held."""
    if request.content_length is not None and request.content_length > limit:
        raise Forbidden("That is more than this form holds.")
    form = await posted(request)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def cookie(
    request: web.Request, answer: web.StreamResponse, name: str, value: str, seconds: int, *, path: str = "/"
) -> None:
    secure = by_https(request, request.app[SERVICES].access.trusted)
    answer.set_cookie(name, value, max_age=seconds, path=path, httponly=True, secure=secure, samesite="Lax")
