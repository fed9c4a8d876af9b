"""What a check's target is, where threat formats have a word for it: an address, a name, a URL."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from yarl import URL

_NAME = re.compile(
    r"(?=.{4,253}\Z)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]\Z"
)


@dataclass(frozen=True, slots=True)
class Observable:
    kind: Literal["ipv4", "ipv6", "domain", "url"]
    value: str


def observable(target: str) -> Observable | None:
    """The target as an observable; None when it is none of the four."""
    if not target or len(target) > 2_000 or not target.isascii() or not target.isprintable():
        return None
    try:
        address = ipaddress.ip_address(target)
        return Observable("ipv4" if address.version == 4 else "ipv6", str(address))
    except ValueError:
        pass
    if target.startswith(("http://", "https://")):
        try:
            url = URL(target)
            return Observable("url", str(url.with_user(None))) if url.host else None
        except ValueError:
            return None
    return Observable("domain", target.lower()) if _NAME.match(target) else None
