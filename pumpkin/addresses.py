"""Addresses of HTTP as settings give them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


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
