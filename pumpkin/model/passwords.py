"""Which passwords will do, by NIST SP 800-63B-4 section 3.1.1: length and a blocklist, no rules of composition.

A password that stands alone has at least 15 characters, one beside a second factor at least 8. The blocklist is
zxcvbn's: thirty thousand passwords that were stolen most, and what its estimator builds of words, names, dates, keys
side by side or the person's own name within a thousand million tries, where they are the better part of the password.
Nothing expires.
"""

from __future__ import annotations

ALONE, WITH_SECOND, LONGEST = 15, 8, 512
GUESSES = 1_000_000_000
_LOOKED_AT = 72  # zxcvbn takes no more, and no guess gets that far


def least(*, second_factor: bool) -> int:
    """How many characters a password has at least."""
    return WITH_SECOND if second_factor else ALONE


def fault(name: str, password: str, *, second_factor: bool = False) -> str | None:
    """Why this will not do as the password of the person `name`, as a sentence; None when it will.

    Takes some milliseconds, and a quarter of a second the first time: not for the event loop.
    """
    shortest = least(second_factor=second_factor)
    if len(password) < shortest:
        return f"A password has at least {shortest} characters."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    plain = password.casefold()
    if name and name.casefold() in plain and len(plain.replace(name.casefold(), "")) < 8:
        return "A password is not your name with something added."
    if _known(plain, name):
        return "That is among the first an attacker tries; choose another, for instance four words that never met."
    return None


def _known(plain: str, name: str) -> bool:
    from zxcvbn import zxcvbn  # a quarter of a second and ten megabytes, which most processes never need
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    if plain in FREQUENCY_LISTS["passwords"] or len(set(plain)) < 4:
        return True
    found = zxcvbn(plain[:_LOOKED_AT], user_inputs=[name.casefold(), "pumpkin"])
    known = sum(len(one["token"]) for one in found["sequence"] if one["pattern"] != "bruteforce")
    return 2 * known > len(plain) and bool(found["guesses"] < GUESSES)
