"""A person's own account: the password, a second factor, and the sessions that live."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Mapping
from uuid import UUID

from aiohttp import web
from markupsafe import Markup

from pumpkin.errors import Conflict, Forbidden, NotFound
from pumpkin.model import passwords, totp
from pumpkin.store import audit, factors, people, sessions
from pumpkin.web.edge import AUTHENTICATOR
from pumpkin.web.guard import CSRF_FIELD, SESSION_COOKIE, identity, require_csrf
from pumpkin.web.pages.clients import described
from pumpkin.web.pages.held import held_in
from pumpkin.web.pages.login import (
    ATTEMPTS,
    SESSION_SECONDS,
    cookie,
    fields_of,
    held_form,
    next_of,
    slowed,
    source_of,
)
from pumpkin.web.pages.render import page
from pumpkin.web.services import SERVICES


def setup(app: web.Application) -> None:
    """Register `/password` and `/account`."""
    app.router.add_get("/password", password_form)
    app.router.add_post("/password", password)
    app.router.add_get("/account", show)
    app.router.add_post("/account/totp", totp_set)
    app.router.add_post("/account/totp/remove", totp_remove)
    app.router.add_post("/account/sessions/{handle}/end", end)
    app.router.add_post("/account/sessions/end", end_others)


async def password_form(request: web.Request) -> web.Response:
    """The form to choose a new password."""
    return await _password_form(request)


async def password(request: web.Request) -> web.StreamResponse:
    """Change the password by NIST SP 800-63B: length and a blocklist, no rules of composition."""
    asker, fields = await _asker(request, "/password")
    db, new = request.app[SERVICES].db, fields.get("new", "")
    person = await people.get(db, asker)
    if person is not None and person.openid:
        raise Forbidden("You sign in elsewhere; your password is changed there.")
    strong = person is not None and person.totp
    wrong = await asyncio.to_thread(passwords.fault, asker, new, second_factor=strong)
    if wrong is None and new != fields.get("again", ""):
        wrong = "The two are not the same."
    must = identity(request).must_change
    if wrong is None and not must:
        source = slowed(request)
        if await people.verify(db, asker, fields.get("current", "")[:512]) is None:
            request.app[ATTEMPTS].take(source)
            wrong = "The current password is not right."
    if wrong is None and must and await people.verify(db, asker, new) is not None:
        wrong = "That is the one-time password itself; choose another."
    if wrong is not None:
        return await _password_form(request, wrong=wrong, status=400, fields=fields)
    await people.set_password(db, asker, new)
    await audit.add(db, who=asker, act="password.changed", object=f"person:{asker}", detail={})
    request.app[AUTHENTICATOR].forget()
    client = request.headers.get("User-Agent", "")
    token = await sessions.open(db, asker, seconds=SESSION_SECONDS, source=source_of(request), client=client)
    kept = held_in(fields)
    if kept is not None:
        opened = await sessions.get(db, token)
        answer = held_form(request, opened.csrf if opened else "", asker, kept)
    else:
        answer = web.Response(status=303, headers={"Location": next_of(fields.get("next", ""))})
    cookie(request, answer, SESSION_COOKIE, token, SESSION_SECONDS)
    return answer


async def show(request: web.Request) -> web.Response:
    """The account: its sessions, its second factor, the way to another password."""
    asker = identity(request)
    if asker.kind != "person":
        raise web.HTTPSeeOther("/login?next=/account")
    if asker.must_change:
        raise web.HTTPSeeOther("/password")
    return await _account(request)


async def totp_set(request: web.Request) -> web.StreamResponse:
    """Take a second factor, once its first code shows that the authenticator has it."""
    asker, fields = await _asker(request, "/account")
    db, secret = request.app[SERVICES].db, fields.get("secret", "")
    secret = secret if totp.is_secret(secret) else ""
    person = await people.get(db, asker)
    if person is None or person.totp or person.openid:
        raise Conflict("This account has a second factor already, or signs in elsewhere.")
    step = None
    if secret:
        step = await asyncio.to_thread(totp.step_of, secret, fields.get("code", ""), time.time())
    if step is None:
        return await _account(
            request, secret=secret, wrong="That is not the code of now; try the next one.", status=400
        )
    await factors.set_totp(db, asker, secret, step)
    await audit.add(db, who=asker, act="totp.set", object=f"person:{asker}", detail={})
    request.app[AUTHENTICATOR].forget()
    raise web.HTTPSeeOther("/account")


async def totp_remove(request: web.Request) -> web.StreamResponse:
    """Go without a second factor again, after the password."""
    asker, fields = await _asker(request, "/account")
    db, source = request.app[SERVICES].db, slowed(request)
    if await people.verify(db, asker, fields.get("password", "")[:512]) is None:
        request.app[ATTEMPTS].take(source)
        return await _account(request, wrong="The password is not right.", status=400)
    await factors.set_totp(db, asker, None)
    await audit.add(db, who=asker, act="totp.removed", object=f"person:{asker}", detail={})
    raise web.HTTPSeeOther("/account")


async def end(request: web.Request) -> web.StreamResponse:
    """End one of one's sessions."""
    asker, _ = await _asker(request, "/account")
    try:
        handle = UUID(request.match_info["handle"])
    except ValueError:
        raise NotFound("There is no such session.") from None
    if await sessions.end(request.app[SERVICES].db, handle, asker) is None:
        raise NotFound("There is no such session.")
    await audit.add(request.app[SERVICES].db, who=asker, act="session.ended", object=f"person:{asker}", detail={})
    raise web.HTTPSeeOther("/account")


async def end_others(request: web.Request) -> web.StreamResponse:
    """End all of one's sessions but this one."""
    asker, _ = await _asker(request, "/account")
    db = request.app[SERVICES].db
    await sessions.end_others(db, asker, identity(request).session)
    await audit.add(db, who=asker, act="sessions.ended", object=f"person:{asker}", detail={})
    raise web.HTTPSeeOther("/account")


async def _asker(request: web.Request, back: str) -> tuple[str, dict[str, str]]:
    asker = identity(request)
    if asker.kind != "person":
        raise web.HTTPSeeOther(f"/login?next={back}")
    if asker.must_change and back != "/password":
        raise web.HTTPSeeOther("/password")
    fields = await fields_of(request)
    require_csrf(request, fields.get(CSRF_FIELD))
    return asker.name, fields


async def _account(request: web.Request, *, secret: str = "", wrong: str = "", status: int = 200) -> web.Response:
    asker, db = identity(request), request.app[SERVICES].db
    person = await people.get(db, asker.name)
    offered = "" if person is None or person.totp or person.openid else secret or totp.secret()
    issuer = f"Pumpkin {request.host.partition(':')[0]}"
    address = totp.address(offered, asker.name, issuer) if offered else ""
    living = await sessions.listed(db, asker.name)
    clients = {one.client for one in living if one.client}
    values = {
        "here": "account",
        "twin": "/api/v1/sessions",
        "person": person,
        "sessions": living,
        "named": await asyncio.to_thread(lambda: {client: described(client) for client in clients}),
        "mine": asker.session,
        "secret": offered,
        "picture": _picture(address) if address else "",
        "address": address,
        "wrong": wrong,
        "least": passwords.least(second_factor=bool(person and person.totp)),
    }
    return page(request, "account.html", values, status=status)


def _picture(address: str) -> Markup:
    """A QR code as SVG without inline style."""
    import segno  # 3 MB, for the minute in which somebody sets up a second factor

    written = io.BytesIO()  # one mask of eight: any can be read, and to find the best takes ten times as long
    code = segno.make(address, error="m", micro=False, mask=4)
    code.save(
        written, kind="svg", scale=4, border=3, xmldecl=False, svgclass="qr", lineclass="qr-line", title="QR code",
        light="#fff", dark="#000",
    )  # fmt: skip
    return Markup(written.getvalue().decode())  # noqa: S704 - made of modules of a QR code alone


async def _password_form(
    request: web.Request, *, wrong: str = "", status: int = 200, fields: Mapping[str, str] | None = None
) -> web.Response:
    asker = identity(request)
    if asker.kind != "person":
        raise web.HTTPSeeOther("/login?next=/password")
    person = await people.get(request.app[SERVICES].db, asker.name)
    values = {
        "must": asker.must_change,
        "wrong": wrong,
        "least": passwords.least(second_factor=bool(person and person.totp)),
        "elsewhere": bool(person and person.openid),
        "name": asker.name,
        "next": next_of((request.query if fields is None else fields).get("next", "")),
        "held": held_in(fields or {}),
    }
    return page(request, "password.html", values, status=status)
