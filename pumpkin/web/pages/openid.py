"""Signing in at an OpenID provider: sent there, come back, known by issuer and subject, made a person at first."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pumpkin.errors import Conflict, Forbidden, NotFound
from pumpkin.store import audit, factors, people
from pumpkin.store.people import Person
from pumpkin.web.api.analysis.shapes import base
from pumpkin.web.entrance import Entrance
from pumpkin.web.guard import same
from pumpkin.web.pages.login import cookie, let_in, next_of
from pumpkin.web.services import SERVICES

BACK = "/login/openid/back"
COOKIE = "pumpkin_openid"
_SECONDS = 600


def setup(app: web.Application) -> None:
    """Register `/login/openid` and where it comes back to."""
    app.router.add_get("/login/openid", leave)
    app.router.add_get(BACK, come_back)


async def leave(request: web.Request) -> web.StreamResponse:
    """Off to the provider; what must come back stays in a cookie of this browser."""
    address, pending = await _entrance(request).begin(base(request) + BACK)
    kept = json.dumps({**pending, "next": next_of(request.query.get("next", ""))}).encode()
    answer = web.Response(status=303, headers={"Location": address})
    cookie(request, answer, COOKIE, base64.urlsafe_b64encode(kept).decode(), _SECONDS, path="/login")
    return answer


async def come_back(request: web.Request) -> web.StreamResponse:
    """Back with a code: judged, and let in with the role the provider's groups give."""
    entrance, query = _entrance(request), request.query
    kept = _kept(request)
    if not kept or not same(kept["state"], query.get("state", "")):
        raise Forbidden("This sign-in was not begun in this browser, or long ago; begin again.")
    if "code" not in query:
        raise Forbidden("The sign-in service did not let you in.")
    claims = await entrance.finish(query["code"][:4_096], base(request) + BACK, kept)
    person = await _person(request, entrance, claims)
    answer = await let_in(request, person.name, next_=kept.get("next", ""), factor="openid")
    answer.del_cookie(COOKIE, path="/login")
    return answer


def _entrance(request: web.Request) -> Entrance:
    found = request.app[SERVICES].entrance
    if found is None:
        raise NotFound("Signing in elsewhere is not set up here.")
    return found


def _kept(request: web.Request) -> dict[str, str]:
    try:
        given = json.loads(base64.urlsafe_b64decode(request.cookies.get(COOKIE, "")))
    except ValueError:
        return {}
    whole = isinstance(given, dict) and all(isinstance(given.get(one), str) for one in ("state", "nonce", "verifier"))
    return {name: str(value) for name, value in given.items()} if whole else {}


async def _person(request: web.Request, entrance: Entrance, claims: Mapping[str, Any]) -> Person:
    """The person of these claims: known by subject alone, never by a name somebody else may have chosen."""
    db = request.app[SERVICES].db
    openid, role = f"{entrance.issuer} {claims['sub']}", entrance.role_of(claims)
    person = await factors.by_openid(db, openid)
    if not role:
        raise Forbidden("You are signed in there, but none of your groups may come in here; ask an administrator.")
    if person is None:
        name = _name(claims, entrance.name)
        try:
            await people.add(db, name, role=role)
        except Conflict:
            raise Forbidden(f"There is already somebody named {name} here; ask an administrator.") from None
        await factors.link(db, name, openid)
        await audit.add(db, who=name, act="person.added", object=f"person:{name}", detail={"by": "openid"})
        person = await factors.by_openid(db, openid)
    assert person is not None
    if person.disabled:
        raise Forbidden("This account is closed; ask an administrator.")
    if person.role != role:
        await people.set_role(db, person.name, role)
    return person


def _name(claims: Mapping[str, Any], wanted: str) -> str:
    """What the person is called here: the claim asked for, else the mail address, else the subject."""
    for one in (claims.get(wanted), claims.get("email"), claims.get("sub")):
        if isinstance(one, str) and one.strip():
            plain = "".join(sign for sign in one.strip() if sign.isprintable()).replace(":", "-")
            return re.sub(r"\s+", " ", plain)[:100].strip() or "somebody"
    return "somebody"
