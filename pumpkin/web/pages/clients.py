"""What a program says it is in its `User-Agent`, in words."""

from __future__ import annotations

from functools import lru_cache

_READ = 256  # its grammar is hundreds of patterns, tried on what a stranger wrote


@lru_cache(maxsize=256)
def described(client: str) -> str:
    """ "Firefox 133 on Ubuntu"; "" for what no pattern knows. The first call takes a fifth of a second: in a thread."""
    import ua_parser  # 6 MB, for those who look at their own sessions

    found = ua_parser.parse(client[:_READ])
    browser = "" if found.user_agent is None else _named(found.user_agent.family, found.user_agent.major)
    system = "" if found.os is None else _named(found.os.family, "" if found.os.family == "Windows" else found.os.major)
    return " on ".join(words for words in (browser, system) if words)


def _named(family: str, version: str | None) -> str:
    """A Macintosh says 10 whatever it runs, Windows 10 where it is 11: those versions are no news."""
    family = {"Mac OS X": "macOS", "Mobile Safari": "Safari", "Chrome Mobile": "Chrome"}.get(family, family)
    return f"{family} {version}" if version and family != "macOS" else family
