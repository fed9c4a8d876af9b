"""The embedded XMPP server: one domain, clients over TLS, agents of this process attached."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from pathlib import Path

import structlog

from pumpkin.adapters.xmppd.accounts import AccountStore, make_account
from pumpkin.adapters.xmppd.addresses import prepare_user
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.adapters.xmppd.client import ClientSession, House, Peer
from pumpkin.adapters.xmppd.connection import Connection
from pumpkin.adapters.xmppd.faults import StreamFault
from pumpkin.adapters.xmppd.limits import Gate, Guesses, Limits
from pumpkin.adapters.xmppd.local import Handler, LocalSession
from pumpkin.adapters.xmppd.queries import Queries
from pumpkin.adapters.xmppd.registration import Policy, Redeem, Registrar
from pumpkin.adapters.xmppd.routing import Router
from pumpkin.errors import StartError

log = structlog.get_logger(__name__)
RENEWAL_S = 3_600.0  # between two looks whether the certificate nears its end


class XmppServer:
    """Listens for STARTTLS on `port` and for TLS on `port + 1`; port 0 takes two free ones.

    Accounts, rosters and kept messages live in `store`; the certificate and its authority in `cert_dir`, made at first
    start. `redeem(token, username)` uses up an invitation (policy `invite`).
    """

    def __init__(
        self,
        store: AccountStore,
        domain: str,
        host: str,
        port: int,
        cert_dir: Path,
        *,
        registration: Policy = "closed",
        redeem: Redeem | None = None,
        limits: Limits | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        self.domain = domain.casefold()
        self.port, self.tls_port = port, port + 1 if port else 0
        self._host = host
        self._store = store
        self.limits = limits or Limits()
        self._certificates = Certificates(cert_dir, self.domain, names)
        self._attached: dict[str, LocalSession] = {}
        registrar = Registrar(store, self.limits, policy=registration, redeem=redeem, taken=self._taken)
        self._registrar = registrar
        self._queries = Queries(store, registrar)
        self._gate = Gate(self.limits)
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._keeper: asyncio.Task[None] | None = None
        self.router = Router(self.domain, store, self.limits, self._queries)

    @property
    def ca_path(self) -> Path:
        """The authority's certificate (PEM) that clients verify the server with."""
        return self._certificates.ca_path

    @property
    def connections(self) -> int:
        """Sockets open now."""
        return len(self._connections)

    async def start(self) -> None:
        """Make certificates where missing, then listen. StartError when a port is taken."""
        await asyncio.to_thread(self._certificates.ensure)
        self._context = self._certificates.context()
        self._house = House(
            self.domain,
            self._store,
            self.router,
            self._registrar,
            self.limits,
            Guesses(self.limits),
            self._certificates.binding(),
        )
        plain = await self._listen(self.port, direct=False)
        self.port = plain.sockets[0].getsockname()[1]
        direct = await self._listen(self.tls_port, direct=True)
        self.tls_port = direct.sockets[0].getsockname()[1]
        self._keeper = asyncio.get_running_loop().create_task(self._keep_alive())
        log.info("xmpp server listens", domain=self.domain, host=self._host, port=self.port, tls_port=self.tls_port)

    async def renew(self) -> bool:
        """Make the certificate anew where it nears its end; connections from now on are shown it."""
        if not await asyncio.to_thread(self._certificates.ensure):
            return False
        self._context = self._certificates.context()
        self._house = replace(self._house, binding=self._certificates.binding())
        log.info("certificate renewed", file=str(self._certificates.chain_path))
        return True

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Stop listening, end every stream as `system-shutdown`, let agents of this process leave."""
        for listener in self._listeners:
            listener.close()
        if self._keeper is not None:
            self._keeper.cancel()
        for session in list(self._attached.values()):
            await session.close()
        self._attached.clear()
        tasks = [c.task for c in self._connections if c.task is not None]
        for connection in list(self._connections):
            connection.fail(StreamFault("system-shutdown"))
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
        for connection in list(self._connections):
            connection.cut("shutdown")
        self._listeners.clear()
        await asyncio.sleep(0)

    def attach(
        self, username: str, handler: Handler, *, aliases: tuple[str, ...] = (), resource: str = ""
    ) -> LocalSession:
        """Join an agent of this process under `username@domain` and its aliases; `handler` gets every stanza.

        It is a bound client like any other: it sends presence, has a roster, and is offline until it is available.
        """
        user = prepare_user(username)
        others = tuple(prepare_user(alias) for alias in aliases)
        session = LocalSession(user, self.router, resource or f"pumpkin-{secrets.token_hex(4)}", handler, others)
        for name in (user, *others):
            self._attached[name] = session
        session.start()
        return session

    async def add_account(self, username: str, password: str) -> None:
        """Make an account, or give it another password."""
        await make_account(self._store, prepare_user(username), password)

    async def remove_account(self, username: str) -> None:
        """End its sessions and subscriptions, then forget the account."""
        user = prepare_user(username)
        bare = f"{user}@{self.domain}"
        await self.end_sessions(user)
        for contact in list(await self.router.rosters.of(bare)):
            await self.router.presences.removed(bare, contact)
        await self._store.delete_account(user)
        self.router.rosters.forget(bare)

    async def end_sessions(self, username: str) -> None:
        """Put an account's clients out (it was disabled, or its password changed)."""
        for session in list(self.router.sessions(f"{prepare_user(username)}@{self.domain}")):
            if isinstance(session, ClientSession):
                session.connection.fail(StreamFault("not-authorized", "The account is closed."))
                await session.end()

    async def account_closed(self, username: str) -> None:
        """Another hand closed or removed an account: end its sessions; one that is gone leaves every roster."""
        user = prepare_user(username)
        account = await self._store.get_account(user)
        if account is not None and not account.get("disabled"):
            return
        await self.end_sessions(user)
        if account is None:
            bare = f"{user}@{self.domain}"
            await self.router.rosters.drop_contact(bare)
            self.router.rosters.forget(bare)
            log.info("account removed", account=bare)

    async def review_accounts(self) -> None:
        """Look whether everybody who is connected still may be."""
        for user in self.router.users():
            if not self._taken(user):
                await self.account_closed(user)

    def _taken(self, username: str) -> bool:
        return username in self._attached

    async def _listen(self, port: int, *, direct: bool) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: self._connection(direct=direct), self._host, port, backlog=1024)
        except OSError as error:
            await self.stop()
            raise StartError(
                f"The XMPP server cannot listen on {self._host} port {port}: "
                f"{os.strerror(error.errno) if error.errno else error}; choose another port."
            ) from error
        self._listeners.append(server)
        return server

    def _connection(self, *, direct: bool) -> Connection:
        return Connection(
            self.domain,
            self.limits,
            self._gate,
            self._context,
            lambda connection: Peer(self._house, connection),
            self._connections,
            direct=direct,
        )

    async def _keep_alive(self) -> None:
        """Ping who is silent; who stays silent is gone (a half-open connection)."""
        loop = asyncio.get_running_loop()
        quiet = self.limits.quiet_s
        renewal = loop.time() + RENEWAL_S
        while True:
            await asyncio.sleep(quiet / 12)
            now = loop.time()
            if now >= renewal:
                renewal = now + RENEWAL_S
                try:
                    await self.renew()
                except StartError as error:
                    log.warning("certificate not renewed", reason=error.message)
            for connection in list(self._connections):
                silent = now - connection.heard
                if silent > 2 * quiet:
                    connection.cut("silent")
                elif silent > quiet:
                    connection.owner.poke()
