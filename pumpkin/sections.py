"""The parts of the settings file, each one frozen model; `pumpkin.settings` joins them."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pumpkin.addresses import GivenAddress, web_address

FORGES = (
    "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht", "opendev.org", "framagit.org",
    "gitlab.gnome.org", "gitlab.freedesktop.org", "salsa.debian.org", "gitlab.inria.fr",
)  # fmt: skip


CENTURIES = 365_000.0
"""Most days a rule may say: what is longer is for ever, and no time can be reckoned with it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class XmppSettings(_Part):
    """How the fleet comes in."""

    server: Literal["embedded", "prosody", "external"] = Field(
        "embedded", description="Which XMPP server: our own, a managed Prosody, or one that exists."
    )
    domain: str = Field("localhost", description="The domain of all JIDs; SPADE takes it as the host too.")
    listen: str = Field("127.0.0.1", description="Address the embedded server listens on.")
    port: int = Field(5222, ge=0, le=65534, description="STARTTLS port; direct TLS is the next one. 0 picks free ones.")
    registration: Literal["closed", "token", "open"] = Field(
        "closed", description="Who may make an account by XEP-0077: nobody, holders of a token, anyone."
    )
    host: str = Field("", description="external: host to connect to, empty for the domain's.")
    jid: str = Field("", description="external: the aggregator's own JID.")
    component: str = Field("", description="external: name of a component (XEP-0114) to be instead of a client.")
    password: str = Field(
        "", description="external: its password, or the component's secret.", json_schema_extra={"secret": True}
    )
    ca: Path | None = Field(None, description="external: certificates to trust instead of the system's.")
    approve: list[str] = Field(
        default_factory=list, description="Agents approved when first seen, by JID; * and ? stand for letters."
    )
    max_stanza: int = Field(10 * 1024 * 1024, ge=10_000, description="Largest stanza taken, in bytes.")

    @field_validator("domain")
    @classmethod
    def _host_name(cls, value: str) -> str:
        if not re.fullmatch(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", value):
            raise ValueError("is not a host name in small letters, for instance probes.example.org")
        return value

    @model_validator(mode="after")
    def _complete(self) -> XmppSettings:
        if self.server == "prosody" and self.registration == "token":
            raise ValueError("is not right: Prosody takes no token by XEP-0077; set registration to closed")
        if self.server == "external":
            if not self.jid and not self.component:
                raise ValueError("is not right: an external server needs jid, the aggregator's account, or component")
            if self.jid and not self.component and not re.fullmatch(r"[^@/\s]+@[^@/\s]+(/\S.*)?", self.jid):
                raise ValueError("is not right: jid is not NAME@DOMAIN")
            if not self.password:
                raise ValueError("is not right: password is missing, which an external server asks for")
        return self


class AuthoritySettings(_Part):
    """One time-stamp authority."""

    name: str = Field(description="Short name, shown on pages and in bundles.", pattern=r"^[A-Za-z0-9._-]{1,60}$")
    url: GivenAddress = Field(description="Where it answers RFC 3161 requests over HTTP.")
    roots: list[Path] = Field(
        default_factory=list, validate_default=True, description="PEM files of the roots trusted for it."
    )
    policy: str | None = Field(None, description="Policy OID to ask for and insist on.")
    min_interval: float = Field(0.0, ge=0, description="Least seconds between two requests.")
    timeout: float = Field(5.0, gt=0, description="Seconds one request may take in all.")
    retry_max: float = Field(
        60.0, gt=0, description="Most seconds it is left alone after failures, unless it asks for more."
    )

    @field_validator("name")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if value == "local":
            raise ValueError("is local, which is the name of the authority of this installation")
        return value

    @field_validator("roots")
    @classmethod
    def _some_root(cls, value: list[Path]) -> list[Path]:
        if not value:
            raise ValueError("is empty; a token is only worth what its root is")
        return value


class WitnessSettings(_Part):
    """One witness that cosigns the log's checkpoints (C2SP tlog-witness)."""

    url: GivenAddress = Field(description="Its submission prefix; checkpoints are posted to URL/add-checkpoint.")
    key: str = Field(description="Its verifier key, name+hash+key.")


class LogSettings(_Part):
    """The append-only log and its seals."""

    origin: str = Field("", description="The log's name in its checkpoints; empty makes one at first start.")
    batch_age: float = Field(1.0, gt=0, description="Most seconds a stored check waits for its seal.")
    batch_size: int = Field(1_000, ge=1, le=65_536, description="Most records of a batch that waits.")
    witnesses: list[WitnessSettings] = Field(default_factory=list, description="Who is asked to cosign checkpoints.")
    audit_every: float = Field(86_400.0, ge=0, description="Seconds between two audits of the whole log; 0 for none.")

    @field_validator("origin")
    @classmethod
    def _key_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^\s+\x00-\x1f\x7f]{1,255}", value):
            raise ValueError("is not a name of at most 255 letters without blanks and +, for instance example.org/log")
        return value


class EngineAddress(_Part):
    """One container engine."""

    address: str = Field(description="Where it answers: unix:///run/docker.sock, tcp://HOST:2376, ssh://USER@HOST.")
    slots: int = Field(0, ge=0, le=256, description="Sandboxes at once; 0 for one a CPU.")
    runtime: str = Field("", description="Another runtime than its default, for instance runsc.")
    ca: Path | None = Field(None, description="PEM file of the authority its certificate is trusted by.")
    certificate: Path | None = Field(None, description="Our certificate (PEM) for it.")
    key: Path | None = Field(None, description="Our key (PEM).")

    @field_validator("address")
    @classmethod
    def _engine(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            fits = bool(parts.path.strip("/")) if parts.scheme == "unix" else bool(parts.hostname)
            fits = fits and parts.scheme in ("unix", "tcp", "ssh", "http", "https") and (parts.port or 1) > 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("is none of unix:///run/docker.sock, tcp://HOST:2376, ssh://USER@HOST")
        return value

    @model_validator(mode="after")
    def _whole_pair(self) -> EngineAddress:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("is not right: certificate and key go together")
        return self


class SandboxSettings(_Part):
    """Where and how packages are run."""

    enabled: bool = Field(True, description="Whether packages are run at all; static tools run either way.")
    engines: list[EngineAddress] = Field(
        default_factory=list, description="Container engines; without any the one found on this machine."
    )
    warm: int = Field(1, ge=0, le=64, description="Sandboxes kept ready on each engine.")
    build: bool = Field(True, description="Whether a missing image is built when the first package is to be run.")
    image: str = Field("", description="Another image that speaks our runner's protocol, instead of our own.")
    base: str = Field("", description="The Debian 12 our image stands on; empty for whatever can be had.")
    ecosystems: tuple[Literal["rubygems", "crates", "packagist", "maven"], ...] = Field(
        ("rubygems", "packagist"), description="Whose tool chains our image has besides PyPI's and npm's."
    )
    memory: int = Field(512, ge=128, description="MiB one sandbox may use, what it writes included.")
    processes: int = Field(256, ge=32, description="Processes of one sandbox.")
    cpus: float = Field(1.0, gt=0, description="CPUs of one sandbox.")
    network: Literal["sinkhole", "offline", "open"] = Field(
        "sinkhole",
        description="What a package finds outside: a sinkhole that answers all, or nothing; "
        "`open` lets it reach the world and this host, and is for engines that stand apart.",
    )
    pypi_index: str = Field("", description="Python index a sandbox reads; empty for the one pip is set up for.")
    npm_registry: str = Field("", description="npm registry a sandbox reads; empty for the one npm is set up for.")

    @field_validator("pypi_index", "npm_registry")
    @classmethod
    def _addresses(cls, value: str) -> str:
        return web_address(value)


class RegistrySettings(_Part):
    """Package registries: where they are, how they are asked."""

    pypi: str = Field("", description="Python's simple index; empty for the one pip is set up for.")
    npm: str = Field("", description="npm registry; empty for the one npm is set up for.")
    gem: str = Field("https://rubygems.org", description="Gem server; empty for none.")
    maven: str = Field("https://repo.maven.apache.org/maven2", description="Maven repository; empty for none.")
    composer: str = Field("https://repo.packagist.org", description="Composer repository; empty for none.")
    cargo: str = Field("https://index.crates.io", description="Sparse index of crates; empty for none.")
    apk: str = Field(
        "https://packages.wolfi.dev/os/x86_64", description="Folder of one architecture of Wolfi; empty for none."
    )
    osv: str = Field("https://api.osv.dev", description="Advisory database that knows bad packages; empty for none.")
    npm_changes: str = Field("", description="npm's feed of changes (`.../_changes`); without it watches are polled.")
    crates_api: str = Field("https://crates.io", description="The crates site's API; empty for none.")
    crates_files: str = Field("https://static.crates.io", description="Where crates' archives and feeds lie.")
    allowed: list[str] = Field(
        default_factory=list, description="Further base addresses that registries may point to, private ones too."
    )
    strict: bool = Field(False, description="Follow nothing outside the addresses configured here.")
    tokens: dict[str, str] = Field(
        default_factory=dict,
        description="Authorization values by base address, for private registries.",
        json_schema_extra={"secret": True},
    )
    contact: str = Field("", description="A mail address or page for registries' operators, sent as User-Agent.")
    fresh: float = Field(600.0, ge=0, description="Seconds a registry's answer is used without asking again.")
    poll: float = Field(300.0, ge=1, description="Seconds between two readings of feeds and watched packages.")
    feeds: bool = Field(False, description="Read every feed of new releases, also where nothing is watched.")

    @field_validator(
        *("pypi", "npm", "gem", "maven", "composer", "cargo", "apk", "osv", "npm_changes", "crates_api", "crates_files")
    )
    @classmethod
    def _addresses(cls, value: str) -> str:
        return web_address(value)

    @field_validator("allowed", "tokens")
    @classmethod
    def _bases(cls, value: Any) -> Any:
        for one in value:
            web_address(one or "-")
        return value


class PackageSettings(_Part):
    """How packages are queued and analysed."""

    here: bool = Field(True, description="Whether this server analyses itself; workers on its database do either way.")
    slots: int = Field(0, ge=0, le=256, description="Analyses at once in this process; 0 for one a CPU.")
    timeout: float = Field(30.0, gt=0, le=1_440, description="Minutes one analysis may take in all.")
    waiting: int = Field(10_000, ge=1, description="Most analyses of one owner that wait; more are refused with 429.")
    upload_limit: int = Field(100, ge=1, le=512, description="Largest archive taken by upload, in MiB.")
    origins: bool = Field(True, description="Whether the source repository a package names is asked and compared.")
    forges: list[str] = Field(
        default_factory=lambda: list(FORGES),
        description="Hosts asked for sources, each exactly or with `*.` all below it; others are never spoken to.",
    )
    trust_root: str = Field(
        "", description="Sigstore's trusted root (JSON) for attestations; empty for the one its library carries."
    )
    webhooks: list[str] = Field(
        default_factory=list, description="Base addresses webhooks may go to besides public HTTPS ones."
    )

    @field_validator("webhooks")
    @classmethod
    def _bases(cls, value: list[str]) -> list[str]:
        for one in value:
            web_address(one or "-")
        return value


class RetentionRule(_Part):
    """How long the payloads of some checks are kept; their records and proofs stand for ever."""

    days: float = Field(gt=0, le=CENTURIES, description="Days a payload is kept.")
    type: str = Field("", description="Of checks of this type; empty for every type.")
    agent: str = Field("", description="Of checks of this agent (bare JID); empty for everybody's.")
    status: str = Field("", description="Of checks of this status; empty for all.")


class UpkeepSettings(_Part):
    """Room: how much there must be, and what is let go of."""

    reserve: int = Field(64, ge=0, description="MiB of free disk below which the server says that it is not ready.")
    warn: int = Field(1_024, ge=0, description="MiB of free disk below which it warns.")
    quota: float = Field(
        0.0, ge=0, le=1e9, description="GiB of payloads kept in all, the oldest let go of; 0 for no bound."
    )
    messages: float = Field(
        0.0, ge=0, le=CENTURIES, description="Days for which messages of agents are kept; 0 for ever."
    )
    retention: list[RetentionRule] = Field(default_factory=list, description="For how long payloads are kept.")


class CorrelationSettings(_Part):
    """Rules over checks of many agents, and the alerts they raise."""

    rules: Path | None = Field(None, description="The rule file; `alerts.toml` in the data folder where none is given.")
    every: float = Field(0.5, ge=0.05, le=60, description="Most seconds between two looks at what came in.")


class AccessSettings(_Part):
    """Who may ask without a key, and how often."""

    open_reading: bool = Field(True, description="SCANDALE's reads need no key on loopback listeners.")
    open_everywhere: bool = Field(False, description="Nor elsewhere.")
    public_rate: float = Field(100.0, gt=0, description="Requests a second of one address that presents nothing.")
    public_burst: int = Field(1_000, ge=1, description="How many of them at once.")
    rate: float = Field(
        1_000.0,
        gt=0,
        description="Requests a second of one key, account or person from elsewhere; checks are not counted.",
    )
    burst: int = Field(10_000, ge=1, description="How many of those at once.")
    streams: int = Field(2_500, ge=1, description="Websockets and event streams one of them holds open.")
    public_streams: int = Field(100, ge=1, description="How many one address holds open that presents nothing.")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Networks (CIDR) of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for one in value:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise ValueError(f"is not a network: {one!r}, for instance 198.51.100.0/24") from None
        return value


class ModuleSettings(_Part):
    """One ad hoc module: what is handed to another system, and how."""

    name: str = Field(
        description="Its name; what stands under it outlives restarts.", pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$"
    )
    kind: str = Field(description="Which module it is, ours or of an installed package.")
    target: str = Field("", description="Where it delivers to.", json_schema_extra={"secret": True})
    topics: tuple[str, ...] = Field(
        ("check.stored", "report.ready", "alert.raised", "alert.resolved"), description="What it is handed, by topic."
    )
    types: tuple[str, ...] = Field(
        (), description="Only of these types (of an alert: rules); `*` and `?` are patterns."
    )
    severity: Literal["", "ok", "unknown", "warning", "critical"] = Field("", description="Only from this severity on.")
    agents: tuple[str, ...] = Field((), description="Only of these agents; patterns.")
    targets: tuple[str, ...] = Field((), description="Only of these targets; patterns.")
    tags: tuple[str, ...] = Field((), description="Only of agents with one of these tags.")
    labels: dict[str, str] = Field(default_factory=dict, description="Only with all these labels.")
    after: Literal["stored", "stamped"] = Field(
        "stored", description="Deliver when stored, or not before it is stamped."
    )
    start: Literal["now", "beginning"] = Field("now", description="Where in the log a new module begins.")
    payload: int = Field(64, ge=0, le=10_240, description="Largest payload handed on with a check, in KiB.")
    link: str = Field("", description="Address our pages are reached at, for links in what is delivered.")
    timeout: float = Field(30.0, gt=0, le=3_600, description="Seconds one delivery may take.")
    attempts: int = Field(8, ge=1, le=100, description="Tries of an item that fails though the target answers.")
    backoff_max: float = Field(300.0, gt=0, le=86_400, description="Most seconds between two tries.")
    batch: int = Field(0, ge=0, le=10_000, description="Most items of one delivery; 0 for what the module takes.")
    enabled: bool = Field(True, description="Whether it runs.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="What this kind of module wants to know.", json_schema_extra={"secret": True}
    )


class OpenIdSettings(_Part):
    """Signing in at an OpenID provider, besides passwords."""

    issuer: str = Field("", description="The provider's issuer (https); empty for none.")
    client_id: str = Field("", description="How the provider knows this installation.")
    client_secret: str = Field("", description="The client's secret.", json_schema_extra={"secret": True})
    title: str = Field("Sign in with your organisation", description="What the button says.", max_length=60)
    scopes: str = Field("openid profile email groups", description="What is asked for, of what the provider offers.")
    name_claim: str = Field("preferred_username", description="The claim people are called by.")
    groups_claim: str = Field("groups", description="The claim that lists a person's groups.")
    roles: dict[str, Literal["viewer", "writer", "operator", "admin"]] = Field(
        default_factory=dict, description="Which group gives which role; the highest counts."
    )
    otherwise: Literal["", "viewer", "writer", "operator", "admin"] = Field(
        "", description="The role of people in none of these groups; empty lets them not in."
    )

    @field_validator("issuer")
    @classmethod
    def _address(cls, value: str) -> str:
        return web_address(value)

    @model_validator(mode="after")
    def _registered(self) -> OpenIdSettings:
        if self.issuer and not self.client_id:
            raise ValueError("is not right: client_id is missing; the provider gave it out with the registration")
        return self


class PublicSettings(_Part):
    """What people without an account are shown."""

    status: bool = Field(False, description="Whether anyone may read the status page.")
    proofs: bool = Field(False, description="Whether anyone may read the proof of a check whose id they know.")
    title: str = Field("Status", description="The status page's heading.", max_length=80)
