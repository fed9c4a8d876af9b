"""`/enroll/<token>`: how a new host becomes a probe: the script of the line, the kit it installs, the account it gets.

The token alone lets in; it is compared by its hash in the database and used up by the account. A page shows it once.
"""

from __future__ import annotations

import asyncio
import math
import re
import shlex
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pumpkin.errors import Conflict, InvalidRequest, NotFound, RateLimited
from pumpkin.evidence import keys
from pumpkin.model import scram
from pumpkin.model.agents import bare
from pumpkin.model.invitation import Pins
from pumpkin.store import accounts, agents, audit, enrolments
from pumpkin.store.enrolments import Gift, Newcomer
from pumpkin.web.bodies import parsed
from pumpkin.web.envelope import success
from pumpkin.web.fleet import Fleet
from pumpkin.web.limits import Gcra, address, by_https
from pumpkin.web.services import SERVICES, Services

RATE, BURST = 1.0, 30
TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}\Z")
OURS = frozenset({"aggregator", "aggregation-engine", "correlation-engine", "demo", "admin"})
STRANGERS = web.AppKey("enrolling_strangers", Gcra)
HASHING = asyncio.Semaphore(2)


class Wanted(BaseModel):
    """A newcomer's question. `signing_key` is the offer of the key it will sign with (pumpkin.evidence.keys)."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$")
    password: SecretStr = Field(min_length=16, max_length=200)
    signing_key: dict[str, Any]
    host: str = Field("", max_length=200)
    version: str = Field("", max_length=100)


def setup(app: web.Application) -> None:
    """Give `app` the bound on strangers' tries."""
    app[STRANGERS] = Gcra(RATE, BURST)


async def script(request: web.Request) -> web.Response:
    """`GET /enroll/<token>`: the script that installs a probe and enrols it, for a shell."""
    gift, fleet = await _gift(request), request.app[SERVICES].fleet
    cases = "\n".join(
        f"        {one.tag}) kit={shlex.quote(one.name)} hash={one.sha256} ;;" for one in await fleet.kits()
    )
    filled = {
        "URL": shlex.quote(url_of(request)),
        "TOKEN": shlex.quote(request.match_info["token"]),
        "CERTIFICATE": shlex.quote(_certificate(fleet)),
        "DOMAIN": shlex.quote(fleet.domain),
        "NAME": gift.name if re.fullmatch(r"[a-z0-9.-]*", gift.name) else "",
        "KITS": cases,
    }
    text = re.sub(r"@([A-Z]+)@", lambda found: filled[found[1]], fleet.installer)
    return web.Response(text=text, content_type="text/x-shellscript", headers={"Cache-Control": "no-store"})


async def kit(request: web.Request) -> web.StreamResponse:
    """`GET /enroll/<token>/kit/<name>`: a kit, to who holds an invitation."""
    await _gift(request)
    for one in await request.app[SERVICES].fleet.kits():
        if one.name == request.match_info["name"]:
            return web.FileResponse(one.path, headers={"Content-Type": "application/gzip"})
    raise NotFound("There is no such kit.")


async def create(request: web.Request) -> web.Response:
    """`POST /enroll/<token>`: an account, an agent that waits for approval, and where it connects."""
    gift, services = await _gift(request), request.app[SERVICES]
    wanted = await parsed(request, Wanted)
    fleet, token = services.fleet, request.match_info["token"]
    jid = bare(f"{wanted.name}@{fleet.domain}")
    offer = keys.read_offer(jid, wanted.signing_key)
    if offer is None or offer.previous:
        raise InvalidRequest("The key's own signature does not hold.", fields={"signing_key": "wrong"})
    if wanted.name in OURS or (gift.name and not (wanted.name == gift.name or wanted.name.startswith(f"{gift.name}-"))):
        raise Conflict(f"This invitation is not for the name {wanted.name}.")
    source = address(request, services.access.trusted)
    async with HASHING:
        verifiers = await asyncio.to_thread(scram.verifiers, wanted.password.get_secret_value())
    who = Newcomer(jid, verifiers, offer.public, wanted.host, source, wanted.version)
    try:
        state = await enrolments.enrol(services.db, token, who, approved=fleet.welcome(jid))
    except (Conflict, NotFound):
        known = await agents.get(services.db, jid)
        again = await _again(services, token, jid, offer.public, wanted.password.get_secret_value())
        if known is None or not again:
            raise
        state, gift = known.state, Gift(wanted.name, known.tags, known.duties, known.site)
    else:
        detail = {"host": wanted.host, "from": source, "key": offer.key_id, "invited_by": gift.made_by, "state": state}
        await audit.add(services.db, who=f"agent:{jid}", act="agent.enrol", object=f"agent:{jid}", detail=detail)
        services.bus.publish("presence.changed", {"jid": jid, "show": "unavailable", "status": "asks to be approved"})
    return success(request, {"jid": jid, "state": state, **given(request, services, gift)}, 201)


def given(request: web.Request, services: Services, gift: Gift) -> dict[str, Any]:
    """What a probe's file needs beside its account."""
    fleet, xmpp = services.fleet, services.xmpp
    reached = request.url.host or "localhost"
    host = str(xmpp.get("host", ""))
    url, authority = fleet.https()
    return {
        "xmpp": {
            "host": reached if host in ("0.0.0.0", "::", "") else host,  # noqa: S104
            "port": xmpp.get("port", 5222),
            "ca": fleet.xmpp_ca(),
        },
        "https": {"url": url, "ca": authority, "host": reached},
        "fleet_key": fleet.fleet_key,
        "duties": list(gift.duties),
        "tags": list(gift.tags),
        "site": gift.site,
    }


def url_of(request: web.Request) -> str:
    """The server's address as this asker reached it: behind a proxy that says so, by HTTPS."""
    services = request.app[SERVICES]
    return f"{'https' if by_https(request, services.access.trusted) else 'http'}://{request.host}"


def _certificate(fleet: Fleet) -> str:
    shown = fleet.certificate()
    return Pins.of(shown).certificate if shown else ""


async def _gift(request: web.Request) -> Gift:
    """What the token of this address gives; NotFound for one that is not good, RateLimited for who tries many."""
    services, token = request.app[SERVICES], request.match_info["token"]
    wait = request.app[STRANGERS].take(address(request, services.access.trusted))
    if wait:
        raise RateLimited("Too many enrolments from this address.", retry_after=math.ceil(wait))
    gift = await enrolments.good(services.db, token) if TOKEN.match(token) else None
    if gift is None and request.method == "POST" and TOKEN.match(token):
        return Gift()  # the echo of a request whose answer was lost; anything else is refused where the token is used
    if gift is None:
        raise NotFound("This invitation is used up, out of date, or none.")
    if not services.fleet.accounts:
        raise Conflict("Accounts are made on the external XMPP server here; nobody enrols by invitation.")
    return gift


async def _again(services: Services, token: str, jid: str, public: bytes, password: str) -> bool:
    """Whether this is the first request once more: same invitation, key and password."""
    if not await enrolments.came_by(services.db, jid, token, public):
        return False
    return await accounts.verify(services.db, jid.partition("@")[0], password)
