"""What the web is handed of the fleet: who the server is to newcomers, what it gives them, and who orders and asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pumpkin.errors import Unavailable


async def _absent(*_: Any, **__: Any) -> Any:
    raise Unavailable("This part is not running on this server.")


@dataclass(frozen=True, slots=True)
class KitFile:
    """A kit as it is handed out: its name, whom it fits, SHA-256 in hex, bytes, where it lies, of which version."""

    name: str
    tag: str
    sha256: str
    size: int
    path: Path
    version: str = ""


@dataclass(frozen=True)
class Fleet:
    """`accounts` is whether agents' accounts are made here (not on an external XMPP server); `installer` the text of
    enroll.sh with its places to fill. `certificate()` is the one HTTPS shows (PEM, b"" for plain HTTP), `https()` the
    address told to probes with its authority (PEM or ""), `xmpp_ca()` that of XMPP. `welcome(jid)` is the allow list.
    `links` are the fleet key's successions (document and signature), oldest first.
    `order(jid, version held)` makes and gives an agent's order, `ask(asker, about, ...)` asks others for a second look.
    """

    domain: str = ""
    fleet_key: str = ""
    links: tuple[tuple[str, str], ...] = ()
    installer: str = ""
    accounts: bool = False
    kits: Callable[[], Awaitable[Sequence[KitFile]]] = _absent
    certificate: Callable[[], bytes] = bytes
    https: Callable[[], tuple[str, str]] = lambda: ("", "")
    xmpp_ca: Callable[[], str] = str
    welcome: Callable[[str], bool] = lambda jid: False
    order: Callable[[str, int], Awaitable[Any]] = _absent
    ask: Callable[..., Awaitable[Sequence[Mapping[str, Any]]]] = _absent
