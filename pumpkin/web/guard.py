"""Who is asking, and what they may: identities, roles, scopes, sessions and the forgery check.

A request gets one `Identity` before its handler runs, at `request[IDENTITY]`: from an API key, HTTP Basic, a session
cookie, or nobody. Handlers ask `require(request, "checks:read")`. Roles are bundles of scopes; `admin` holds all.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from pumpkin.errors import Forbidden, Unauthenticated

SESSION_COOKIE = "pumpkin_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"

SCOPES = (
    "checks:read",
    "checks:write",
    "packages:read",
    "packages:write",
    "agents:read",
    "agents:write",
    "metrics",
    "admin",
)
ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"checks:read", "packages:read", "agents:read"}),
    "writer": frozenset({"checks:read", "checks:write", "packages:read", "packages:write", "agents:read"}),
    "operator": frozenset(SCOPES) - {"admin"},
    "admin": frozenset(SCOPES),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `name` is "key:<prefix>", a person's name or ""; `csrf` is the session's token for its forms."""

    kind: Literal["key", "person", "basic", "anonymous"] = "anonymous"
    name: str = ""
    role: str = ""
    scopes: frozenset[str] = frozenset()
    csrf: str = ""
    must_change: bool = False

    def may(self, scope: str) -> bool:
        """Whether `scope` is held; `admin` holds every one, `agents:*` every one of its family."""
        family = scope.partition(":")[0] + ":*"
        return scope in self.scopes or "admin" in self.scopes or family in self.scopes


ANONYMOUS = Identity()
IDENTITY = web.RequestKey("pumpkin_identity", Identity)


def identity(request: web.Request) -> Identity:
    """Who asks; anonymous when nothing was presented."""
    found: Identity = request.get(IDENTITY, ANONYMOUS)
    return found


def require(request: web.Request, scope: str) -> Identity:
    """Who asks, if they hold `scope`. Unauthenticated for nobody, Forbidden for somebody without it."""
    asker = identity(request)
    if asker.may(scope):
        return asker
    if asker.kind == "anonymous":
        raise Unauthenticated
    raise Forbidden(f"This needs the scope {scope}.")


def require_csrf(request: web.Request, given: Any) -> None:
    """Refuse a change asked for by a session without its token. `given` is the form's field or the header's value.

    Keys and Basic are not sent by a browser on its own, so they need none.
    """
    asker = identity(request)
    if asker.kind != "person":
        return
    text = given if isinstance(given, str) else request.headers.get(CSRF_HEADER, "")
    if not asker.csrf or not hmac.compare_digest(asker.csrf.encode(), text.encode()):
        raise Forbidden("The form is out of date or came from another site; load the page again.")


def token_hash(token: str) -> bytes:
    """What is stored of a session's token: SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def on_loopback(request: web.Request) -> bool:
    """Whether the listening socket that took this request is on loopback (not: whether the peer says so)."""
    transport = request.transport
    address = transport.get_extra_info("sockname") if transport is not None else None
    if isinstance(address, str):
        return True
    if not address:
        return False
    try:
        return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
    except ValueError:
        return False
