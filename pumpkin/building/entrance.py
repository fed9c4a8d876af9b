"""The ways in besides passwords, and what is open without any."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import Any

from actors.lookout import Lookout
from actors.supervision import Child
from pumpkin.building.disclosed import shown
from pumpkin.errors import StartRefused
from pumpkin.settings import Settings, file_of
from pumpkin.web.entrance import Entrance
from pumpkin.web.services import Public, Services


def entrance(settings: Settings, stack: AsyncExitStack) -> Entrance | None:
    """The OpenID provider people may sign in at; None where none is set. It is asked when the first one does."""
    wanted = settings.openid
    if not wanted.issuer:
        return None
    if not wanted.client_id:
        raise StartRefused("The setting openid.client_id is missing; the provider gave it out with the registration.")
    from pumpkin.adapters.openid import OpenId, Pending  # 2 MB for those who use it

    provider = OpenId(wanted.issuer, wanted.client_id, wanted.client_secret, wanted.scopes)
    stack.push_async_callback(provider.close)

    async def begin(back: str) -> tuple[str, Mapping[str, str]]:
        address, pending = await provider.begin(back)
        return address, asdict(pending)

    async def finish(code: str, back: str, kept: Mapping[str, str]) -> Mapping[str, Any]:
        return await provider.finish(code, back, Pending(kept["state"], kept["nonce"], kept["verifier"]))

    return Entrance(
        title=wanted.title,
        issuer=wanted.issuer,
        begin=begin,
        finish=finish,
        name=wanted.name_claim,
        groups=wanted.groups_claim,
        roles=wanted.roles,
        otherwise=wanted.otherwise,
    )


def opened(services: Services, settings: Settings, lookout: Child[Lookout], stack: AsyncExitStack) -> Services:
    """`services` with the ways in, what anyone may read, the settings as shown, and the last audit."""
    given = settings.public
    return replace(
        services,
        audited=lambda: lookout.actor.status() if lookout.running else {},
        entrance=entrance(settings, stack),
        public=Public(given.status, given.proofs, given.title),
        settings_public=shown(settings, file_of(settings.data)),
    )
