"""Secrets that have to be read again, closed in the database: AES-256-GCM under a key of the data folder.

Whoever has the database alone, or a dump of it, has them not. What is closed is bound to whose it is, so that a row
cannot be given another's. Form: `v1:` and base64 of nonce (12 bytes), ciphertext and tag.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pumpkin.errors import Unavailable

KEY_BYTES = 32
_MARK = "v1:"
_NONCE = 12


class Vault:
    """One key. `whose` names what a secret belongs to, for instance `totp:alice`."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a vault's key has 32 bytes")
        self._cipher, self._key = AESGCM(key), key

    def close(self, secret: str, whose: str, *, alike: bool = False) -> str:
        """The secret as it may lie in the database; `alike`: the same at each closing, so that equal ones are found to
        be equal (the nonce is then made of both by HMAC-SHA-256, so that no two secrets share one)."""
        said = f"nonce\0{whose}\0{secret}".encode()
        nonce = hmac.digest(self._key, said, "sha256")[:_NONCE] if alike else secrets.token_bytes(_NONCE)
        closed = nonce + self._cipher.encrypt(nonce, secret.encode(), whose.encode())
        return _MARK + base64.b64encode(closed).decode()

    def open(self, kept: str, whose: str) -> str:
        """The secret again; what was kept before there was a vault is given as it is. Unavailable where another key
        closed it, or somebody moved it."""
        if not kept.startswith(_MARK):
            return kept
        try:
            closed = base64.b64decode(kept[len(_MARK) :], validate=True)
            return self._cipher.decrypt(closed[:_NONCE], closed[_NONCE:], whose.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise Unavailable(
                "A secret was closed under the key of another node; give this one the file log-vault.secret.key."
            ) from None
