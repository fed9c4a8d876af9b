"""Which XMPP server the fleet comes in by: our own in this process, a Prosody we run, or one that exists.

A client of XMPP (slixmpp, 4 MB) is loaded only for the two that need one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from pumpkin.adapters import commands
from pumpkin.adapters.embedded.prosody import Prosody, folder_for, make_password
from pumpkin.adapters.session import InProcess, Session
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.adapters.xmppd.limits import Limits
from pumpkin.adapters.xmppd.server import XmppServer
from pumpkin.errors import PumpkinError, StartRefused
from pumpkin.settings import Settings
from pumpkin.store import accounts, invitations, notices
from pumpkin.store.database import Database

AGGREGATOR = "aggregator"
ALIASES = ("correlation-engine", "aggregation-engine")
DELETE_USER = "http://jabber.org/protocol/admin#delete-user"

log = structlog.get_logger("pumpkin.xmpp")


@dataclass(frozen=True)
class Served:
    """Where probes connect, by whose authority they know it, and how the aggregator gets its session there."""

    host: str
    port: int
    tls_port: int
    domain: str
    ca: str
    account: str
    open_session: Callable[[], Session]

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "tls_port": self.tls_port,
            "domain": self.domain,
            "aggregator": self.account,
            "ca": self.ca,
        }


async def serve_xmpp(settings: Settings, db: Database, approved: set[str], stack: AsyncExitStack) -> Served:
    """The server of the settings, running; StartError, one sentence, when it cannot be."""
    if settings.xmpp.server == "external":
        return _external(settings, approved)
    if settings.xmpp.server == "prosody":
        return await _prosody(settings, db, stack)
    return await _embedded(settings, db, stack)


async def _embedded(settings: Settings, db: Database, stack: AsyncExitStack) -> Served:
    xmpp = settings.xmpp
    server = XmppServer(
        accounts.Accounts(db),
        xmpp.domain,
        xmpp.listen,
        xmpp.port,
        settings.data / "xmpp",
        registration="invite" if xmpp.registration == "token" else xmpp.registration,
        redeem=partial(invitations.redeem, db),
        limits=Limits(stanza_size=xmpp.max_stanza),
    )
    await server.start()
    stack.push_async_callback(server.stop)
    _follow_accounts(db, server.account_closed, server.review_accounts, stack)
    account = f"{AGGREGATOR}@{xmpp.domain}"

    def session() -> Session:
        return InProcess(lambda take: server.attach(AGGREGATOR, take, aliases=ALIASES), account, program="Pumpkin")

    return Served(xmpp.listen, server.port, server.tls_port, xmpp.domain, str(server.ca_path), account, session)


async def _prosody(settings: Settings, db: Database, stack: AsyncExitStack) -> Served:
    from pumpkin.adapters.names import Several
    from pumpkin.adapters.xmpp import XmppSession, tls_context

    xmpp = settings.xmpp
    if xmpp.registration == "token":
        raise StartRefused("Prosody takes no invitations by XEP-0077: set xmpp.registration to closed; enrol by HTTPS.")
    account = f"{AGGREGATOR}@{xmpp.domain}"
    server = Prosody(
        folder_for(settings.data),
        xmpp.domain,
        xmpp.listen,
        xmpp.port,
        Certificates(settings.data / "xmpp", xmpp.domain),
        stanza_size=xmpp.max_stanza,
        open_registration=xmpp.registration == "open",
        admins=(account,),
    )
    await server.start()
    stack.push_async_callback(server.stop)
    password = make_password()
    for name in (AGGREGATOR, *ALIASES):
        await server.put_password(name, password)
    context = tls_context(server.ca_path)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(xmpp.listen, xmpp.listen)  # noqa: S104
    newest: list[Session] = []

    def session() -> Session:
        first, *others = (
            XmppSession(f"{name}@{xmpp.domain}", password, host=host, port=server.port, context=context)
            for name in (AGGREGATOR, *ALIASES)
        )
        newest[:] = [Several(first, *others)]
        return newest[0]

    async def closed(username: str) -> None:
        """End an account's sessions by XEP-0133; its file goes either way."""
        await server.drop_account(username)
        if newest and newest[0].connected:
            jid = f"{username}@{xmpp.domain}"
            try:
                asked = await commands.execute(newest[0], xmpp.domain, DELETE_USER)
                form = {"FORM_TYPE": "http://jabber.org/protocol/admin", "accountjids": [jid]}
                await commands.execute(newest[0], xmpp.domain, DELETE_USER, form, asked["session"], "complete")
            except PumpkinError as error:
                log.warning("session not ended", jid=jid, reason=error.message)

    async def changed(username: str) -> None:
        found = await accounts.get_account(db, username)
        if found is None or found["disabled"]:
            await closed(username)
        elif username not in (AGGREGATOR, *ALIASES):
            await server.put_account(username, found["scram"])

    async def review() -> None:
        """Make Prosody's accounts those of the store; with open registration its own are taken as they are."""
        kept = {row["username"] for row in await accounts.all_accounts(db)}
        for username in sorted(kept):
            await changed(username)
        if xmpp.registration != "open":
            for username in set(await server.accounts()) - kept - {AGGREGATOR, *ALIASES}:
                await closed(username)

    await review()
    _follow_accounts(db, changed, review, stack)
    return Served(xmpp.listen, server.port, server.tls_port, xmpp.domain, str(server.ca_path), account, session)


def _external(settings: Settings, approved: set[str]) -> Served:
    from pumpkin.adapters.component import ComponentSession
    from pumpkin.adapters.xmpp import XmppSession, tls_context

    xmpp = settings.xmpp
    host, ca = xmpp.host or xmpp.domain, str(xmpp.ca or "")
    if xmpp.component:
        account = f"{AGGREGATOR}@{xmpp.component}"

        def component() -> Session:
            return ComponentSession(
                xmpp.component, xmpp.password, host=host, port=xmpp.port, user=AGGREGATOR, others=lambda: approved
            )

        return Served(host, 5222, 5223, xmpp.domain, ca, account, component)
    if not xmpp.jid:
        raise StartRefused("The setting xmpp.jid is missing: the aggregator's account on the external XMPP server.")
    context = tls_context(ca or None)

    def client() -> Session:
        return XmppSession(
            xmpp.jid, xmpp.password, host=xmpp.host or None, port=xmpp.port, context=context, program="Pumpkin"
        )

    return Served(host, xmpp.port, xmpp.port + 1, xmpp.domain, ca, xmpp.jid, client)


def _follow_accounts(
    db: Database,
    changed: Callable[[str], Awaitable[None]],
    review: Callable[[], Awaitable[None]],
    stack: AsyncExitStack,
) -> None:
    """Tell the server of accounts that another process (the command line) makes, closes or removes while it runs."""
    task = asyncio.get_running_loop().create_task(notices.listen(db, "pumpkin_accounts", changed, review))

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(end)
