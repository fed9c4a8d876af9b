"""What a ready probe can be pointed at: HOST, HOST:PORT, [IPv6]:PORT, a URL, a name to look up."""

from __future__ import annotations

from urllib.parse import urlsplit

import dns.rdatatype


def host_and_port(target: str, port: int | None = None) -> tuple[str, int]:
    """The host and port `target` names; ValueError without a port where there is no usual one."""
    text = target.partition("://")[2] or target
    host, colon, given = text.partition("/")[0].rpartition(":")
    if colon and given.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(given)
    if port is None:
        raise ValueError(f"{target!r} is not HOST:PORT")
    return text.partition("/")[0].strip("[]"), port


def check(ready: str, target: str) -> None:
    """ValueError, one sentence, for a target that ready probe can make nothing of."""
    if target.startswith("-"):
        raise ValueError("a target does not begin with a hyphen: the tool would take it for an option")
    if ready in ("tls", "tcp"):
        host, port = host_and_port(target, 443 if ready == "tls" else None)
        if not host or any(sign.isspace() for sign in host) or not 0 < port < 65_536:
            raise ValueError(f"{target[:200]!r} is not HOST:PORT")
    elif ready == "http":
        _url(target)
    elif ready == "dns":
        question = target.partition("@")[0]
        name, slash, kind = question.partition("/")
        if not name.strip():
            raise ValueError(f"{target[:200]!r} names nothing to look up")
        if slash:
            try:
                dns.rdatatype.from_text(kind)
            except (dns.rdatatype.UnknownRdatatype, ValueError):
                raise ValueError(f"there is no kind of record {kind[:40]!r}") from None


def _url(target: str) -> None:
    try:
        parts = urlsplit(target if "://" in target else f"https://{target}")
        found = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        found = False
    if not found:
        raise ValueError(f"{target[:200]!r} is not an address http:// or https://")
