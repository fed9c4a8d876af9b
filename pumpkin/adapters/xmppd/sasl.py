"""SASL: SCRAM with and without channel binding, and PLAIN (RFC 5802, 7677, 5929, 4616)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any

from pumpkin.adapters.xmppd.accounts import HASHES, ITERATIONS, AccountStore, proves
from pumpkin.adapters.xmppd.addresses import prepare_user
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.errors import PumpkinError

MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN")
BINDING = "tls-server-end-point"
MayTry = Callable[[str], bool]
_FAKE_SALT = secrets.token_bytes(32)


class SaslFault(PumpkinError):
    """The authentication failed; the condition is one of RFC 6120 section 6.5."""

    code = "xmpp_sasl"

    def __init__(self, condition: str, *, guess: bool = False, username: str = "") -> None:
        super().__init__(condition)
        self.condition = condition
        self.guess = guess
        """Whether a secret was tried (counts against the limits) or only the form was wrong."""
        self.username = username


def start(mechanism: str, store: AccountStore, binding: bytes, may_try: MayTry) -> Scram | Plain:
    """The server's side of `mechanism`; `binding` is the tls-server-end-point value, `may_try(username)` says no to
    who guessed too often. SaslFault when unknown."""
    if mechanism not in MECHANISMS:
        raise SaslFault("invalid-mechanism")
    return Plain(store, may_try) if mechanism == "PLAIN" else Scram(mechanism, store, binding, may_try)


class Plain:
    """One message: authzid NUL authcid NUL password. Offered inside TLS only."""

    username = ""
    last = b""

    def __init__(self, store: AccountStore, may_try: MayTry) -> None:
        self._store, self._may_try = store, may_try

    async def step(self, data: bytes) -> bytes | None:
        """None when authenticated; SaslFault otherwise."""
        try:
            authzid, authcid, password = data.decode().split("\0")
        except ValueError as error:
            raise SaslFault("malformed-request") from error
        username = _prepared(authcid)
        if authzid and _prepared(authzid.partition("@")[0]) != username:
            raise SaslFault("invalid-authzid")
        if not self._may_try(username):
            raise SaslFault("temporary-auth-failure")
        account = await self._store.get_account(username)
        scram = account["scram"].get("sha-256") if account else None
        verifier = scram or _made_up(username, "sha256")
        right = await asyncio.to_thread(proves, password, verifier)
        if not right or account is None or account.get("disabled"):
            raise SaslFault("not-authorized", guess=True, username=username)
        self.username = username
        return None


class Scram:
    """Challenge and response; the server keeps no password and proves that it knows the verifier."""

    username = ""
    last = b""

    def __init__(self, mechanism: str, store: AccountStore, binding: bytes, may_try: MayTry) -> None:
        self._store, self._may_try = store, may_try
        self._plus = mechanism.endswith("-PLUS")
        self._hash = mechanism.removesuffix("-PLUS").removeprefix("SCRAM-").lower()
        self._algorithm = HASHES[self._hash]
        self._binding = binding
        self._bound = False
        self._first = ""
        self._challenge = ""
        self._gs2 = ""
        self._nonce = ""
        self._verifier: dict[str, Any] = {}
        self._known = False
        self._wanted = ""
        self._proven = False

    async def step(self, data: bytes) -> bytes | None:
        """The challenge to send, or None when authenticated (`last` holds the final data); SaslFault otherwise."""
        try:
            text = data.decode()
        except ValueError as error:
            raise SaslFault("malformed-request") from error
        if not self._challenge:
            return await self._begin(text)
        self.last = self._finish(text)
        return None

    async def _begin(self, text: str) -> bytes:
        parts = text.split(",", 2)
        if len(parts) != 3:
            raise SaslFault("malformed-request")
        flag, authzid, self._first = parts
        self._gs2 = f"{flag},{authzid},"
        self._check_binding(flag)
        fields = _fields(self._first)
        if "m" in fields or "n" not in fields or not fields.get("r"):
            raise SaslFault("malformed-request")
        self._wanted = _prepared(_unescape(fields["n"]))
        if authzid and _prepared(_unescape(authzid[2:]).partition("@")[0]) != self._wanted:
            raise SaslFault("invalid-authzid")
        if not self._may_try(self._wanted):
            raise SaslFault("temporary-auth-failure")
        account = await self._store.get_account(self._wanted)
        self._known = account is not None and not account.get("disabled")
        verifier = account["scram"].get(self._hash) if account else None
        # An unknown account gets a stable salt of its own, so that asking does not tell who exists.
        self._verifier = verifier or _made_up(self._wanted, self._algorithm)
        self._nonce = fields["r"] + secrets.token_urlsafe(18)
        self._challenge = f"r={self._nonce},s={self._verifier['salt']},i={self._verifier['iterations']}"
        return self._challenge.encode()

    def _check_binding(self, flag: str) -> None:
        if flag == f"p={BINDING}" and self._plus:
            self._bound = True
        elif flag == "y":
            # The client could bind and saw no offer, but there was one: somebody took it away.
            raise SaslFault("not-authorized")
        elif flag != "n":
            # "n" in a -PLUS mechanism is slixmpp over TLS 1.3; it is then no better than without PLUS.
            raise SaslFault("malformed-request")

    def _finish(self, text: str) -> bytes:
        fields = _fields(text)
        without, _, proof = text.rpartition(",p=")
        expected = self._gs2.encode() + (self._binding if self._bound else b"")
        if fields.get("r") != self._nonce or _decoded(fields.get("c", "")) != expected:
            raise SaslFault("not-authorized", guess=True, username=self._wanted)
        signed = f"{self._first},{self._challenge},{without}".encode()
        stored = b64decode(self._verifier["stored_key"])
        signature = hmac.digest(stored, signed, self._algorithm)
        key = _decoded(proof)
        candidate = bytes(a ^ b for a, b in zip(key, signature, strict=False))
        right = hmac.compare_digest(hashlib.new(self._algorithm, candidate).digest(), stored)
        if not right or not self._known or len(key) != len(signature):
            raise SaslFault("not-authorized", guess=True, username=self._wanted)
        self.username = self._wanted
        final = hmac.digest(b64decode(self._verifier["server_key"]), signed, self._algorithm)
        return b"v=" + b64encode(final)


def _made_up(username: str, algorithm: str) -> dict[str, Any]:
    salt = hmac.digest(_FAKE_SALT, username.encode(), "sha256")[:16]
    nothing = b64encode(secrets.token_bytes(hashlib.new(algorithm).digest_size)).decode()
    return {
        "salt": b64encode(salt).decode(),
        "iterations": ITERATIONS,
        "stored_key": nothing,
        "server_key": nothing,
    }


def _prepared(username: str) -> str:
    try:
        return prepare_user(username.partition("@")[0])
    except StanzaFault as fault:
        raise SaslFault("not-authorized") from fault


def _fields(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or len(name) != 1:
            raise SaslFault("malformed-request")
        found[name] = value
    return found


def _unescape(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise SaslFault("incorrect-encoding") from error
