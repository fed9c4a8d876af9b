"""Addresses as settings give them: of HTTP, of PostgreSQL, and those that are listened on."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)
_AT = re.compile(r"(\[[^][]*\]|[^][:]*)(?::([0-9]*))?")
_TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def is_host(value: str) -> bool:
    """Whether `value` is a host's name or an IP address (without brackets)."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return _NAME.fullmatch(value) is not None and not re.fullmatch(r"[0-9.]+", value)
    return True


def is_port(text: str) -> bool:
    """Whether `text` is a port in the ten digits, 0 for any."""
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and int(text) <= 65_535


def postgres_address(value: str) -> str:
    """`value`, which is empty or a DSN of PostgreSQL; ValueError for all else, never with its secrets."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        query = parse_qsl(parts.query, strict_parsing=True) if parts.query else []
        hosts = parts.netloc.rpartition("@")[2].split(",")
    except ValueError:
        parts, query, hosts = None, [], []
    if parts is None or parts.scheme not in ("postgresql", "postgres") or re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("is not an address of PostgreSQL, for instance postgresql://NAME:PASSWORD@HOST/DATABASE")
    found = [_AT.fullmatch(host) for host in hosts]
    ports = [at[2] or "5432" for at in found if at] + [
        one or "5432" for name, text in query if name == "port" for one in text.split(",")
    ]
    if not all(found) or not all(is_port(port) and int(port) for port in ports):
        raise ValueError(
            "is an address of PostgreSQL with a port that is none; a # or / in a password is written %23, %2F"
        )
    if any(name == "sslmode" and text not in _TLS for name, text in query):
        raise ValueError(f"is an address of PostgreSQL whose sslmode is none of {', '.join(_TLS)}")
    return value


def web_address(value: str) -> str:
    """`value`, which is empty or an address of HTTP with a host; ValueError for all else, never with its secrets."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or any(char.isspace() for char in value):
        raise ValueError("is not an address of the form http://HOST or https://HOST")
    return value


def _given(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return web_address(value)


GivenAddress = Annotated[str, AfterValidator(_given)]
"""An address of HTTP that must be there."""
