"""How new hosts come in, and how probes are ordered about: kits, keys and certificates as the web is handed them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pumpkin.adapters.kit import Kits
from pumpkin.building.fleet import Fleet as Built
from pumpkin.settings import Settings, folder
from pumpkin.store.assignments import Order
from pumpkin.web.fleet import Fleet, KitFile


def newcomers(settings: Settings, built: Built) -> Fleet:
    """What the web calls."""
    kits, packing = Kits(settings.data / "kits"), asyncio.Lock()

    async def every_kit() -> Sequence[KitFile]:
        async with packing:  # the first who asks has it packed: some seconds, in a thread
            found = await asyncio.to_thread(kits.all)
        return [KitFile(one.name, one.tag, one.sha256, one.size, one.path, one.version) for one in found]

    def certificate() -> bytes:
        if not built.address[0].startswith("https:"):
            return b""
        return _read(settings.certificate or settings.data / "tls" / "server.pem")

    async def order(jid: str, held: int) -> Order | None:
        found: Order | None = await built.foreman.actor.orders(jid, held)
        return found

    async def ask(asker: str, about: Mapping[str, Any], **wanted: Any) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = await built.liaison().ask(asker, about, **wanted)
        return found

    return Fleet(
        domain=built.domain,
        fleet_key=built.fleet_key,
        links=built.links,
        installer=(folder("templates") / "enroll.sh").read_text("utf-8"),
        accounts=settings.xmpp.server != "external",
        kits=every_kit,
        certificate=certificate,
        https=lambda: (built.address[0], built.address[1]),
        xmpp_ca=lambda: _read(Path(built.ca)).decode("ascii", "replace") if built.ca else "",
        welcome=lambda jid: any(fnmatchcase(jid, one.casefold()) for one in settings.xmpp.approve),
        order=order,
        ask=ask,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
