"""What is kept of an agent's password, and how a password is held against it (RFC 5802, RFC 4013)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from typing import Any

from pumpkin.errors import InvalidRequest

ITERATIONS = 10_000
HASHES = {"sha-1": "sha1", "sha-256": "sha256"}


def saslprep(password: str) -> str:
    """RFC 4013; InvalidRequest for a password with forbidden characters."""
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    prepared = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    if not prepared or any(check(c) for c in prepared for check in forbidden):
        raise InvalidRequest("A password needs at least one character and no control characters.")
    right = [stringprep.in_table_d1(c) for c in prepared]
    if any(right) and (any(map(stringprep.in_table_d2, prepared)) or not (right[0] and right[-1])):
        raise InvalidRequest("A password may not mix writing directions.")
    return prepared


def verifiers(password: str, *, iterations: int = ITERATIONS) -> dict[str, Any]:
    """SCRAM verifiers (RFC 5802 section 3), one per hash; slow on purpose: call it off the loop."""
    prepared = saslprep(password).encode()
    made: dict[str, Any] = {}
    for name, algorithm in HASHES.items():
        salt = secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac(algorithm, prepared, salt, iterations)
        client = hmac.digest(salted, b"Client Key", algorithm)
        made[name] = {
            "salt": b64encode(salt).decode(),
            "iterations": iterations,
            "stored_key": b64encode(hashlib.new(algorithm, client).digest()).decode(),
            "server_key": b64encode(hmac.digest(salted, b"Server Key", algorithm)).decode(),
        }
    return made


def proves(password: str, verifier: dict[str, Any], algorithm: str = "sha256") -> bool:
    """Whether `password` made this verifier; slow on purpose: call it off the loop."""
    try:
        prepared = saslprep(password).encode()
    except InvalidRequest:
        return False
    salted = hashlib.pbkdf2_hmac(algorithm, prepared, b64decode(verifier["salt"]), verifier["iterations"])
    stored = hashlib.new(algorithm, hmac.digest(salted, b"Client Key", algorithm)).digest()
    return hmac.compare_digest(stored, b64decode(verifier["stored_key"]))
