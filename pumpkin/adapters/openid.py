"""Sign-in at an OpenID provider: where to send a person, and who came back (OpenID Connect Core 1.0, section 3.1).

The authorization code flow with PKCE (RFC 7636), state and nonce. The ID token's signature, issuer, audience, times and
nonce are judged by joserfc against the provider's published keys; what fails is Forbidden with a plain sentence.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pumpkin.errors import Forbidden, StartError, Unavailable

ANSWER_S = 10.0
LIMIT = 512 * 1024
KEPT_S = 3_600.0
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True)
class Pending:
    """What a browser that was sent to the provider must bring back: kept with it, never shown to the provider whole."""

    state: str
    nonce: str
    verifier: str


def check_issuer(issuer: str) -> None:
    """StartError for an issuer that is neither https nor on this machine."""
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise StartError(f"The setting openid.issuer is not an https address: {issuer}.")


class OpenId:
    """One provider. `issuer` is https, or plain HTTP to this machine: any other is StartError."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, scopes: str = "openid profile groups") -> None:
        check_issuer(issuer)
        self.issuer, self._client, self._secret, self._scopes = issuer, client_id, client_secret, scopes
        self._session: aiohttp.ClientSession | None = None
        self._about: tuple[Mapping[str, Any], float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    async def begin(self, back: str) -> tuple[str, Pending]:
        """Where to send a person, and what its browser keeps meanwhile. `back` is our address it returns to."""
        about = await self._discovered()
        pending = Pending(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": back,
            "scope": self._wanted(about),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str(about["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", pending

    async def finish(self, code: str, back: str, pending: Pending) -> Mapping[str, Any]:
        """The claims about who came back with `code`. Forbidden for a code or token that does not hold."""
        about = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": pending.verifier,
            "client_id": self._client,
        }
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = aiohttp.BasicAuth(self._client, self._secret) if "client_secret_basic" in methods else None
        if basic is None:
            form["client_secret"] = self._secret
        answer = await self._ask("POST", str(about["token_endpoint"]), data=form, auth=basic)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise Forbidden("The sign-in service did not say who you are; try again.")
        claims = await self._judged(token, pending.nonce)
        if isinstance(access, str) and isinstance(about.get("userinfo_endpoint"), str):
            more = await self._ask("GET", str(about["userinfo_endpoint"]), bearer=access)
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        return claims

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _wanted(self, about: Mapping[str, Any]) -> str:
        offered = about.get("scopes_supported")
        names = self._scopes.split()
        return " ".join(one for one in names if one == "openid" or not isinstance(offered, list) or one in offered)

    async def _judged(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            decoded = jwt.decode(token, await self._published(fresh=False), algorithms=ALGORITHMS)
        except (JoseError, ValueError):  # a key unknown here may be a new one of theirs
            try:
                decoded = jwt.decode(token, await self._published(fresh=True), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                raise Forbidden("The sign-in service's word does not verify; try again.") from None
        claims = dict(decoded.claims)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        now = time.time()
        wrong = (
            claims.get("iss") != self.issuer
            or self._client not in audiences
            or (len(audiences) > 1 and claims.get("azp") != self._client)
            or claims.get("nonce") != nonce
            or not isinstance(claims.get("sub"), str)
            or not 0 < len(claims["sub"]) <= 255
            or not isinstance(claims.get("exp"), int | float)
            or claims["exp"] < now - _LEEWAY_S
            or not isinstance(claims.get("iat"), int | float)
            or claims["iat"] > now + _LEEWAY_S
        )
        if wrong:
            raise Forbidden("The sign-in service's word is not for this sign-in; try again.")
        return claims

    async def _discovered(self) -> Mapping[str, Any]:
        if self._about is not None and self._about[1] > time.monotonic():
            return self._about[0]
        about = await self._ask("GET", self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if about.get("issuer") != self.issuer or not all(isinstance(about.get(one), str) for one in needed):
            raise Unavailable("The sign-in service describes itself wrongly; see openid.issuer in the settings.")
        self._about = about, time.monotonic() + KEPT_S
        return about

    async def _published(self, *, fresh: bool) -> KeySet:
        if not fresh and self._keys is not None and self._keys[1] > time.monotonic():
            return self._keys[0]
        about = await self._discovered()
        keys = KeySet.import_key_set(dict(await self._ask("GET", str(about["jwks_uri"]))))  # type: ignore[arg-type]
        self._keys = keys, time.monotonic() + KEPT_S
        return keys

    async def _ask(
        self, method: str, address: str, *, data: Any = None, auth: Any = None, bearer: str = ""
    ) -> Mapping[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        try:
            async with self._session.request(
                method, address, data=data, auth=auth, headers=headers, allow_redirects=False
            ) as answer:
                text = b""
                while len(text) < LIMIT and (part := await answer.content.read(LIMIT - len(text))):
                    text += part  # one read gives what is there, which may be less than the whole
                if answer.status >= 500:
                    raise Unavailable("The sign-in service does not answer as it should; try again.")
                if answer.status != 200:
                    raise Forbidden("The sign-in service refused this sign-in; try again.")
                found = json.loads(text)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise Unavailable("The sign-in service cannot be reached; try again, or sign in with a password.") from None
        if not isinstance(found, dict):
            raise Unavailable("The sign-in service does not answer as it should; try again.")
        return found
