"""All that the web is handed at start, frozen: a page or route calls these and reads these, and knows no actor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aiohttp import web

from pumpkin.bus import Bus
from pumpkin.errors import PumpkinError, Unavailable
from pumpkin.model.agents import Board
from pumpkin.model.checks import Observation, Receipt
from pumpkin.model.packages import Release
from pumpkin.model.proofs import Verdict
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import Decided, Submission
from pumpkin.web.alerts import Correlation
from pumpkin.web.discovery import Discovery
from pumpkin.web.entrance import Entrance
from pumpkin.web.fleet import Fleet
from pumpkin.web.modules import Modules

if TYPE_CHECKING:
    from pumpkin.store.database import Database


async def _absent(*_: Any, **__: Any) -> Any:
    raise Unavailable("This part is not running on this server.")


async def _as_is(purl: Purl) -> Purl:
    return purl


async def _anyone(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Access:
    """What rulings.md 23 lets settings open or close.

    `open_reading`: the compatibility reads need no key on loopback listeners; `open_everywhere`: nor elsewhere.
    `public_rate`: requests a second one address may make of the routes open to anyone, `public_burst` at once; `rate`
    and `burst` the same of one who is known. `streams` and `public_streams`: how many connections each may hold open.
    `trusted`: networks of reverse proxies that say truly who asks.
    """

    open_reading: bool = True
    open_everywhere: bool = False
    public_rate: float = 100.0
    public_burst: int = 1_000
    rate: float = 1_000.0
    burst: int = 10_000
    streams: int = 2_500
    public_streams: int = 100
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True)
class Public:
    """What settings show to people without an account: a status page, and a page of each proof."""

    status: bool = False
    proofs: bool = False
    title: str = "Status"


@dataclass(frozen=True)
class Packages:
    """What the package API calls, and its bounds.

    `submit` decides a submission durably. `resolve(purl)` asks the registry which version that is (typed errors of
    registries), `spelled(purl)` gives a version that is written otherwise than published its published form (never an
    error), `welcome(url)` says whether a webhook may be told there. `tools()` names what a task without wishes is
    looked at with, `no_engine()` says why nothing is run here ("" when it is). `rescore(report id)` judges the newest
    report of that version anew and gives the new one (None where there is none). `sweep` ends what is over its time,
    `cancelled(task id)` tells the worker, `freshen(id)` has a cached result looked at behind the answer.
    `upload(digest, name, content)` keeps an archive.
    `cap` bounds an owner's waiting tasks, `upload_limit` is in bytes; packages of `private` ecosystems are shown to
    their owner alone.
    """

    submit: Callable[[Submission], Awaitable[Decided]] = _absent
    resolve: Callable[[Purl], Awaitable[Release]] = _absent
    spelled: Callable[[Purl], Awaitable[Purl]] = _as_is
    welcome: Callable[[str], Awaitable[bool]] = _anyone
    tools: Callable[[], tuple[str, ...]] = tuple
    no_engine: Callable[[], str] = str
    rescore: Callable[[int], Awaitable[Any]] = _absent
    sweep: Callable[[], Awaitable[Any]] = _absent
    cancelled: Callable[[int], None] = lambda _: None
    freshen: Callable[[int], None] = lambda _: None
    upload: Callable[[bytes, str, bytes], Awaitable[Any]] = _absent
    private: frozenset[str] = frozenset()
    cap: int = 10_000
    timeout_s: int = 1_800
    upload_limit: int = 100 * 1024 * 1024


@dataclass(frozen=True)
class Services:
    """The one object between web and the rest.

    `receive` answers after the durable commit (CheckConflict, Backpressure otherwise); `receive_many` answers for each
    observation in order a Receipt or the error. `board` is everybody's presence now. `proof(id)` gives the data of
    `GET /api/v1/checks/<id>/proof` (NotSealed, NotFound), `path(seq, size)` the
    hashes from a leaf to the root of the tree of that size alone, `bundle(ids)` a zip.
    `tsa_respond` takes a TimeStampReq in
    DER and answers a TimeStampResp, None where no local authority runs. `verify_token(token, payload)` judges a token
    (or whole response) over a payload; it is called in a thread.
    `log_key_text` is the log's verifier key (vkey). `authorities()` gives the rows of `GET /api/v1/authorities`,
    `stamping()` the quorum, how many of them are well, and the alerts that stand.
    `audited()` is what witnesses and the last scheduled audit say ({"witnesses", "audited"}).
    `metrics` are gauges read at each scrape, by their documented name; `ready` names what is not (empty is ready),
    `notices` what people are to know before it is so.
    `sandbox()` says why no package can be run (empty when one can) and how each engine is.
    `run_agent(jid, job)`, `command(jid, node, form, sid, action)`, `commands_of(jid)`,
    `subscription(jid, "subscribe" or "unsubscribe")`,
    `send_message(jid, body, metadata)` act over XMPP,
    `approve(jid, who)` and `revoke(jid, who)` on the registry.
    """

    receive: Callable[[Observation], Awaitable[Receipt]]
    receive_many: Callable[[Sequence[Observation]], Awaitable[Sequence[Receipt | PumpkinError]]]
    db: Database
    bus: Bus
    board: Callable[[], Board] = Board
    log_key_text: str = ""
    tsa_respond: Callable[[bytes], bytes] | None = None
    tsa_root_pem: str = ""
    verify_token: Callable[[bytes, bytes], Verdict] | None = None
    proof: Callable[[UUID], Awaitable[Mapping[str, Any]]] = _absent
    path: Callable[[int, int], Awaitable[list[bytes]]] = _absent
    bundle: Callable[[Sequence[UUID]], Awaitable[bytes]] = _absent
    authorities: Callable[[], list[dict[str, Any]]] = list
    stamping: Callable[[], Mapping[str, Any]] = dict
    audited: Callable[[], Mapping[str, Any]] = dict
    send_message: Callable[..., Awaitable[Any]] = _absent
    run_agent: Callable[..., Awaitable[Any]] = _absent
    command: Callable[..., Awaitable[Any]] = _absent
    subscription: Callable[[str, str], Awaitable[Any]] = _absent
    commands_of: Callable[[str], Awaitable[Any]] = _absent
    approve: Callable[..., Awaitable[Any]] = _absent
    revoke: Callable[..., Awaitable[Any]] = _absent
    metrics: Callable[[], Mapping[str, float]] = dict
    ready: Callable[[], Mapping[str, str]] = dict
    notices: Callable[[], Mapping[str, str]] = dict
    sandbox: Callable[[], Mapping[str, Any]] = lambda: {"unavailable": "There is no sandbox here.", "engines": []}
    xmpp: Mapping[str, Any] = field(default_factory=dict)
    settings_public: Mapping[str, Any] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    packages: Packages = field(default_factory=Packages)
    discovery: Discovery = field(default_factory=Discovery)
    correlation: Correlation = field(default_factory=Correlation)
    modules: Modules = field(default_factory=Modules)
    entrance: Entrance | None = None
    fleet: Fleet = field(default_factory=Fleet)
    public: Public = field(default_factory=Public)
    version: str = "0.1.0"


SERVICES = web.AppKey("services", Services)
