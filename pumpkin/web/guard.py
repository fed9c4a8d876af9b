"""Who is asking, and what they may: identities, roles, scopes, sessions and the forgery check.

A request gets one `Identity` before its handler runs, at `request[IDENTITY]`: from an API key, HTTP Basic, a session
cookie, or nobody. Handlers ask `require(request, "checks:read")`. Roles are bundles of scopes; `admin` holds all.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from pumpkin.errors import Forbidden, PumpkinError, Unauthenticated
from pumpkin.model.access import RATE
from pumpkin.web.services import Access


class StaleForm(Forbidden):
    """The form is out of date or came from another site; load the page again."""


SESSION_COOKIE = "pumpkin_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `name` is "key:<prefix>", a person's name or ""; `csrf` is the session's token for its forms.

    `owner` is to whom limits, tasks and reports belong, `rate` how many metered requests an hour it has, `session` the
    handle of a person's session.
    """

    kind: Literal["key", "person", "basic", "anonymous"] = "anonymous"
    name: str = ""
    role: str = ""
    scopes: frozenset[str] = frozenset()
    csrf: str = ""
    must_change: bool = False
    owner: str = ""
    rate: int = RATE
    session: UUID | None = None

    def may(self, scope: str) -> bool:
        """Whether `scope` is held; `admin` holds every one, `agents:*` every one of its family."""
        family = scope.partition(":")[0] + ":*"
        return scope in self.scopes or "admin" in self.scopes or family in self.scopes


ANONYMOUS = Identity()
IDENTITY = web.RequestKey("pumpkin_identity", Identity)
REFUSED = web.RequestKey("pumpkin_refused", PumpkinError)
"""Why what was presented (a wrong key or password) was not accepted; the asker then counts as anonymous."""


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
        raise request.get(REFUSED) or Unauthenticated()
    raise Forbidden(f"This needs the scope {scope}.")


def require_csrf(request: web.Request, given: Any) -> None:
    """Refuse a change asked for by a session without its token. `given` is the form's field or the header's value.

    Keys and Basic are not sent by a browser on its own, so they need none.
    """
    asker = identity(request)
    if asker.kind != "person":
        return
    text = given if isinstance(given, str) else request.headers.get(CSRF_HEADER, "")
    if not same(asker.csrf, text):
        raise StaleForm


def same(secret: str, given: str) -> bool:
    """Whether `given` is the secret (never an empty one), in a time that does not tell where they differ. What came as
    bytes that are no text is none."""
    one, other = (text.encode("utf-8", "surrogatepass") for text in (secret, given))
    return bool(one) and hmac.compare_digest(one, other)


def token_hash(token: str) -> bytes:
    """What is stored of a session's token: SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def is_local(request: web.Request) -> bool:
    """Whether a request came in on a loopback listener, straight from this machine, under a name of this machine.

    Judged by the listening socket, not by what the peer says. A `Host` of another name (a browser whose name server
    was turned round, or a reverse proxy) and a forwarded request do not count as local.
    """
    headers = request.headers
    return (
        _loopback_listener(request)
        and _local_name(request.host)
        and "X-Forwarded-For" not in headers
        and "Forwarded" not in headers
    )


def _loopback_listener(request: web.Request) -> bool:
    transport = request.transport
    address = transport.get_extra_info("sockname") if transport is not None else None
    if isinstance(address, str):
        return True
    return address is not None and _is_loopback(address[0])


def _local_name(host: str) -> bool:
    name = host.rpartition(":")[0] if re.search(r":\d*\Z", host) else host
    name = name.strip("[]").casefold()
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


@lru_cache(maxsize=64)
def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def require_reading(request: web.Request, access: Access) -> Identity:
    """Who asks for a compatibility read: anyone on a loopback listener, elsewhere a holder of `checks:read`.

    What was presented and is wrong is refused even where nothing is needed. A page of another site is not local.
    """
    asker = identity(request)
    nobody = asker.kind == "anonymous" and request.get(REFUSED) is None and not _foreign_page(request)
    if nobody and (access.open_everywhere or (access.open_reading and is_local(request))):
        return asker
    return require(request, "checks:read")


def _foreign_page(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc.casefold() != request.host.casefold()


def require_same_site(request: web.Request) -> None:
    """Refuse what another site made a browser ask for: the browser would add Basic or a cookie by itself."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" or _foreign_page(request):
        raise Forbidden("This was asked for by a page of another site.")
