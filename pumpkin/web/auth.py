"""From what a request presents to an identity: key, HTTP Basic or session cookie, each verified once and remembered.

A verified key or password is remembered under a keyed hash of what was presented (never the text itself): a key for
`KEY_SECONDS`, so that a revocation is felt within them, a password for `BASIC_SECONDS` (rulings.md 24).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from pumpkin.errors import InvalidKey, RateLimited, Unavailable
from pumpkin.model.access import ROLES
from pumpkin.model.agents import bare
from pumpkin.store import accounts, agents, keys, people, sessions
from pumpkin.web.guard import ANONYMOUS, SESSION_COOKIE, Identity
from pumpkin.web.limits import Gcra, Network, address

if TYPE_CHECKING:
    from pumpkin.store.database import Database

KEY_SECONDS = 10.0
BASIC_SECONDS = 60.0
LATELY_SECONDS = 600.0
"""How long somebody who was known still counts for `known_lately`."""
_REMEMBERED = 4_096
_PRESENTED_LIMIT = 1_024


class WrongPassword(InvalidKey):
    """Incorrect email or password"""


class Authenticator:
    """Knows who presented what. `known` never waits, `identify` asks the store."""

    def __init__(
        self, db: Database, trusted: Sequence[Network] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db, self._trusted, self._clock = db, trusted, clock
        self._pepper = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        self._failures = Gcra(rate=0.5, burst=20)
        self._hashing = asyncio.Semaphore(2)

    def known(self, request: web.Request) -> Identity | None:
        """The identity without asking anybody: remembered, or anonymous where nothing was presented; else None."""
        presented = _presented(request)
        if presented:
            found = self._seen.get(self._digest(presented))
            if found is not None and found[1] > self._clock():
                return found[0]
            return None
        return None if SESSION_COOKIE in request.cookies else ANONYMOUS

    async def identify(self, request: web.Request) -> Identity:
        """The identity of what was presented; InvalidKey when it is wrong, RateLimited after many wrong ones."""
        presented = _presented(request)
        if not presented:
            return await self._session(request)
        source = address(request, self._trusted)
        wait = self._failures.would_wait(source)
        if wait:
            raise RateLimited("Too many wrong keys or passwords from this address.", retry_after=math.ceil(wait))
        try:
            found, seconds = await self._verify(presented)
        except InvalidKey:
            self._failures.take(source)
            raise
        self._remember(self._digest(presented), found, seconds)
        return found

    async def known_lately(self, request: web.Request, within_s: float) -> Identity:
        """As `identify`; where the store gives no answer in time, who was known lately is who they were. For what is to
        say that the store is away. Unavailable for others."""
        try:
            async with asyncio.timeout(within_s):
                return await self.identify(request)
        except (TimeoutError, Unavailable):
            found = self._seen.get(self._digest(_presented(request)))
            if found is None or found[1] + LATELY_SECONDS < self._clock():
                raise Unavailable from None
            return found[0]

    def forget(self) -> None:
        """Drop all that is remembered: after a key was revoked or a password changed here."""
        self._seen.clear()

    async def _verify(self, presented: str) -> tuple[Identity, float]:
        scheme, _, value = presented.partition(" ")
        if len(presented) > _PRESENTED_LIMIT:
            raise InvalidKey
        if scheme.casefold() == "bearer":
            return await self._key(value.strip()), KEY_SECONDS
        if scheme.casefold() == "basic":
            name, password = _pair(value)
            if password.startswith("pk_"):
                return await self._key(password), KEY_SECONDS
            agent = await self._agent(name, password) if "@" in name else None
            return agent or await self._person(name, password), KEY_SECONDS if agent else BASIC_SECONDS
        raise InvalidKey

    async def _key(self, text: str) -> Identity:
        key = await keys.find(self._db, text)
        if key is None:
            raise InvalidKey
        return Identity("key", f"key:{key.prefix}", scopes=frozenset(key.scopes), owner=key.owner, rate=key.rate)

    async def _agent(self, name: str, password: str) -> Identity | None:
        """An approved agent by its XMPP account: what it measured may come by HTTPS when XMPP cannot be reached."""
        try:
            jid = bare(name)
        except ValueError:
            return None
        agent = await agents.get(self._db, jid)
        if agent is None or agent.state != "approved":
            return None
        async with self._hashing:
            right = await accounts.verify(self._db, jid.partition("@")[0], password)
        return Identity("basic", jid, scopes=frozenset({"checks:write"}), owner=f"agent:{jid}") if right else None

    async def _person(self, name: str, password: str) -> Identity:
        async with self._hashing:
            person = await people.verify(self._db, name, password)
        if person is None:
            raise WrongPassword
        if person.totp:
            raise WrongPassword("This account has a second factor, which HTTP Basic cannot carry; use an API key.")
        scopes = frozenset[str]() if person.must_change else ROLES[person.role]
        owner = f"user:{person.name}"
        return Identity("basic", person.name, person.role, scopes, must_change=person.must_change, owner=owner)

    async def _session(self, request: web.Request) -> Identity:
        token = request.cookies.get(SESSION_COOKIE, "")
        session = await sessions.get(self._db, token) if 0 < len(token) <= 128 else None
        if session is None:
            return ANONYMOUS
        scopes = frozenset[str]() if session.must_change else ROLES[session.role]
        owner = f"user:{session.name}"
        return Identity(
            "person",
            session.name,
            session.role,
            scopes,
            session.csrf,
            session.must_change,
            owner,
            session=session.handle,
        )

    def _digest(self, presented: str) -> bytes:
        return hashlib.blake2b(presented.encode("utf-8", "surrogateescape"), digest_size=32, key=self._pepper).digest()

    def _remember(self, digest: bytes, found: Identity, seconds: float) -> None:
        self._seen[digest] = found, self._clock() + seconds
        self._seen.move_to_end(digest)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def _presented(request: web.Request) -> str:
    """What the request presents, as an Authorization value; "" for nothing."""
    given = request.headers.get("Authorization")
    if given:
        return given
    key = request.headers.get("X-API-Key")
    return f"Bearer {key}" if key else ""


def _pair(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise WrongPassword from None
    name, colon, password = text.partition(":")
    if not colon:
        raise WrongPassword
    return name, password
