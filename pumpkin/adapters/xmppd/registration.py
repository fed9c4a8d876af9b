"""Who may make an account from inside the stream (XEP-0077)."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from typing import Literal

from pumpkin.adapters.xmppd.accounts import AccountStore, make_account, saslprep
from pumpkin.adapters.xmppd.addresses import prepare_user
from pumpkin.adapters.xmppd.faults import StanzaFault
from pumpkin.adapters.xmppd.limits import Limits, Tally
from pumpkin.adapters.xmppd.stanza import Stanza, result
from pumpkin.errors import InvalidRequest

NAMESPACE = "jabber:iq:register"
Policy = Literal["closed", "invite", "open"]
Redeem = Callable[[str, str], Awaitable[bool]]

_PASSWORD_CHARACTERS = 1_024


class Registrar:
    """Registration by policy. An existing account is answered `conflict` whatever the policy, and counted nowhere:
    SPADE tries to register at every start.

    `redeem(token, username)` says whether an invitation token is good for this name, and uses it up.
    """

    def __init__(
        self,
        store: AccountStore,
        limits: Limits,
        *,
        policy: Policy,
        redeem: Redeem | None,
        taken: Callable[[str], bool],
    ) -> None:
        self._store, self._policy, self._redeem, self._taken = store, policy, redeem, taken
        self._tries = Tally(limits.registrations, limits.registrations_s)
        self._making = asyncio.Lock()

    async def before_login(self, asked: Stanza, address: str) -> Stanza:
        """The answer to a register IQ on a stream that is not authenticated; StanzaFault when refused."""
        query = asked.child()
        if query is None or query.tag != f"{{{NAMESPACE}}}query":
            raise StanzaFault("not-authorized")
        if asked.type == "get":
            token = "<token/>" if self._policy == "invite" else ""
            instructions = "<instructions>Choose a name and a password.</instructions>"
            return result(asked, f'<query xmlns="{NAMESPACE}">{instructions}<username/><password/>{token}</query>')
        if asked.type != "set" or query.find(f"{{{NAMESPACE}}}remove") is not None:
            raise StanzaFault("not-authorized")
        username = prepare_user(_field(query, "username"))
        password = _password(query)
        if self._taken(username) or await self._store.get_account(username) is not None:
            raise StanzaFault("conflict", "This account exists.")
        if self._tries.full(address):
            raise StanzaFault("resource-constraint", "Too many registrations; wait some minutes.")
        self._tries.add(address)
        if self._policy == "closed":
            raise StanzaFault("not-allowed", "Accounts are made by `pumpkin agent add` or on the agents page.")
        # One at a time: of two with the same name one is told `conflict`, and no token is used up for nothing.
        async with self._making:
            if await self._store.get_account(username) is not None:
                raise StanzaFault("conflict", "This account exists.")
            if self._policy == "invite":
                token = (query.findtext(f"{{{NAMESPACE}}}token") or query.findtext(f"{{{NAMESPACE}}}key") or "").strip()
                if not token or self._redeem is None or not await self._redeem(token, username):
                    raise StanzaFault("not-allowed", "A valid invitation token is needed.")
            await make_account(self._store, username, password)
        return result(asked)

    async def change(self, user: str, asked: Stanza, query: ET.Element) -> Stanza:
        """The answer to a register IQ of an authenticated user: what is registered, or another password."""
        if asked.type == "get":
            return result(asked, f'<query xmlns="{NAMESPACE}"><registered/><username>{user}</username></query>')
        if query.find(f"{{{NAMESPACE}}}remove") is not None:
            # What an account sent is evidence, and its removal an act of the operator.
            raise StanzaFault("not-allowed", "Accounts are removed by the operator.")
        if prepare_user(_field(query, "username")) != user:
            raise StanzaFault("forbidden")
        if await self._store.get_account(user) is None:
            raise StanzaFault("not-allowed")
        await make_account(self._store, user, _password(query))
        return result(asked)


def _field(query: ET.Element, name: str) -> str:
    value = query.findtext(f"{{{NAMESPACE}}}{name}") or ""
    if not value:
        raise StanzaFault("not-acceptable", f"The field {name} is missing.")
    return value


def _password(query: ET.Element) -> str:
    password = _field(query, "password")
    if len(password) > _PASSWORD_CHARACTERS:
        raise StanzaFault("not-acceptable", "The password is too long.")
    try:
        saslprep(password)
    except InvalidRequest as error:
        raise StanzaFault("not-acceptable", error.message) from error
    return password
