"""People come in, go out, and choose their passwords."""

from __future__ import annotations

import hmac
import math
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from pumpkin.errors import Forbidden, RateLimited
from pumpkin.store import audit, people
from pumpkin.web.edge import AUTHENTICATOR
from pumpkin.web.guard import CSRF_FIELD, SESSION_COOKIE, identity, require_csrf
from pumpkin.web.limits import Gcra, address
from pumpkin.web.pages.render import page
from pumpkin.web.patience import pace
from pumpkin.web.services import SERVICES

LOGIN_COOKIE = "pumpkin_login"
SESSION_SECONDS = 12 * 3600
PASSWORD_LEAST = 10
_ATTEMPTS = web.AppKey("login_attempts", Gcra)
_COMMON = ("password", "1234567890", "qwertyuiop", "letmein", "administrator", "pumpkin", "changeme", "iloveyou")


def setup(app: web.Application) -> None:
    """Register `/login`, `/logout`, `/password`."""
    app[_ATTEMPTS] = Gcra(rate=0.1, burst=10)
    app.router.add_get("/login", login_form)
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout)
    app.router.add_get("/password", password_form)
    app.router.add_post("/password", password)


async def login_form(request: web.Request) -> web.Response:
    """The form; who is signed in already goes on."""
    if identity(request).kind == "person":
        raise web.HTTPSeeOther(_next(request.query.get("next", "")))
    return _form(request, next_=request.query.get("next", ""))


async def login(request: web.Request) -> web.StreamResponse:
    """Verify name and password, open a session. A wrong pair says the same for an unknown name."""
    fields = await _fields(request)
    expected = request.cookies.get(LOGIN_COOKIE, "")
    name, next_ = fields.get("name", "").strip(), fields.get("next", "")
    if not expected or not hmac.compare_digest(expected.encode(), fields.get(CSRF_FIELD, "").encode()):
        late = "This form was out of date. Please try once more."
        return _form(request, name=name, next_=next_, wrong=late, status=403)
    attempts, source = request.app[_ATTEMPTS], address(request)
    wait = attempts.would_wait(source)
    if wait:
        raise RateLimited("Too many wrong passwords from this address.", retry_after=math.ceil(wait))
    db = request.app[SERVICES].db
    person = await people.verify(db, name[:200], fields.get("password", "")[:512])
    if person is None:
        attempts.take(source)
        await audit.add(db, who=name[:200] or "nobody", act="login.refused", object="session", detail={"from": source})
        return _form(request, name=name, next_=next_, wrong="Name or password is not right.", status=401)
    token = await people.open_session(db, person.name, seconds=SESSION_SECONDS)
    await audit.add(db, who=person.name, act="login", object="session", detail={"from": source})
    answer = web.Response(status=303, headers={"Location": "/password" if person.must_change else _next(next_)})
    _cookie(request, answer, SESSION_COOKIE, token, SESSION_SECONDS)
    answer.del_cookie(LOGIN_COOKIE, path="/login")
    return answer


async def logout(request: web.Request) -> web.Response:
    """End this session on the server, not only in the browser."""
    fields = await _fields(request)
    if identity(request).kind == "person":
        require_csrf(request, fields.get(CSRF_FIELD))
        await people.close_session(request.app[SERVICES].db, request.cookies.get(SESSION_COOKIE, ""))
    answer = web.Response(status=303, headers={"Location": "/login"})
    answer.del_cookie(SESSION_COOKIE, path="/")
    return answer


async def password_form(request: web.Request) -> web.Response:
    """The form to choose a new password."""
    return _password_form(request)


async def password(request: web.Request) -> web.StreamResponse:
    """Change the password by NIST SP 800-63B: length and a list of common ones, no rules of composition."""
    asker = identity(request)
    if asker.kind != "person":
        raise web.HTTPSeeOther("/login?next=/password")
    fields = await _fields(request)
    require_csrf(request, fields.get(CSRF_FIELD))
    db, new = request.app[SERVICES].db, fields.get("new", "")
    wrong = _fault(asker.name, new, fields.get("again", ""))
    if wrong is None and not asker.must_change:
        attempts, source = request.app[_ATTEMPTS], address(request)
        wait = attempts.would_wait(source)
        if wait:
            raise RateLimited("Too many wrong passwords from this address.", retry_after=math.ceil(wait))
        if await people.verify(db, asker.name, fields.get("current", "")[:512]) is None:
            attempts.take(source)
            wrong = "The current password is not right."
    if wrong is None and asker.must_change and await people.verify(db, asker.name, new) is not None:
        wrong = "That is the one-time password itself; choose another."
    if wrong is not None:
        return _password_form(request, wrong=wrong, status=400)
    await people.set_password(db, asker.name, new)
    await audit.add(db, who=asker.name, act="password.changed", object=f"person:{asker.name}", detail={})
    request.app[AUTHENTICATOR].forget()
    token = await people.open_session(db, asker.name, seconds=SESSION_SECONDS)
    answer = web.Response(status=303, headers={"Location": "/"})
    _cookie(request, answer, SESSION_COOKIE, token, SESSION_SECONDS)
    return answer


def _fault(name: str, new: str, again: str) -> str | None:
    plain = new.casefold()
    if len(new) < PASSWORD_LEAST:
        return f"A password has at least {PASSWORD_LEAST} characters."
    if len(new) > 512:
        return "A password has at most 512 characters."
    if new != again:
        return "The two are not the same."
    if name.casefold() in plain and len(new) < len(name) + 8:
        return "A password is not your name with something added."
    if len(set(new)) < 4 or any(plain.startswith(common) and len(new) < len(common) + 6 for common in _COMMON):
        return "That is among the first an attacker tries; choose another."
    return None


def _form(request: web.Request, *, name: str = "", next_: str = "", wrong: str = "", status: int = 200) -> web.Response:
    token = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(24)
    answer = page(
        request, "login.html", {"token": token, "name": name, "next": _next(next_), "wrong": wrong}, status=status
    )
    _cookie(request, answer, LOGIN_COOKIE, token, 3600, path="/login")
    return answer


def _password_form(request: web.Request, *, wrong: str = "", status: int = 200) -> web.Response:
    asker = identity(request)
    if asker.kind != "person":
        raise web.HTTPSeeOther("/login?next=/password")
    return page(request, "password.html", {"must": asker.must_change, "wrong": wrong}, status=status)


def _next(given: str) -> str:
    """A path on this server to go on to, never another site: `//host`, `/\\host` and schemes become the overview."""
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    odd = any(ord(sign) < 0x21 or sign == "\\" for sign in given)
    if parts.scheme or parts.netloc or odd or not given.startswith("/") or given.startswith("//"):
        return "/"
    return given[:2_000]


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_length is not None and request.content_length > 64 * 1024:
        raise Forbidden("That is more than this form holds.")
    async with pace():
        form = await request.post()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _cookie(
    request: web.Request, answer: web.StreamResponse, name: str, value: str, seconds: int, *, path: str = "/"
) -> None:
    answer.set_cookie(name, value, max_age=seconds, path=path, httponly=True, secure=request.secure, samesite="Lax")
