"""Time-based one-time passwords (RFC 6238): a secret made, shown as an address, a code judged."""

from __future__ import annotations

import hmac
import re

import pyotp

STEP_S = 30
_DRIFT = 1  # steps before and after now, for clocks that differ (RFC 6238 section 5.2)


def secret() -> str:
    """160 random bits in base32, 32 characters."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether `text` is 160 bits in base32, as `secret` makes them."""
    return re.fullmatch(r"[A-Z2-7]{32}", text, re.ASCII) is not None


def address(secret: str, person: str, issuer: str) -> str:
    """The `otpauth:` address an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=person, issuer_name=issuer)


def step_of(secret: str, code: str, now_s: float, after: int = 0) -> int | None:
    """The step `code` is of, now or one beside it, later than `after`; None for a wrong or a used one."""
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch(r"\d{6}", digits, re.ASCII):
        return None
    made, step = pyotp.TOTP(secret, interval=STEP_S), int(now_s) // STEP_S
    right = [
        one
        for one in range(step - _DRIFT, step + _DRIFT + 1)
        if hmac.compare_digest(made.generate_otp(one), digits) and one > after
    ]
    return right[0] if right else None
