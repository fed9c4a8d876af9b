"""Registries, and how what they publish is analysed."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from pumpkin.addresses import web_address
from pumpkin.sections.part import YEAR_S, Part

FORGES = (
    "github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht", "opendev.org", "framagit.org",
    "gitlab.gnome.org", "gitlab.freedesktop.org", "salsa.debian.org", "gitlab.inria.fr",
)  # fmt: skip


class RegistrySettings(Part):
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
    fresh: float = Field(
        600.0, ge=0, le=YEAR_S, description="Seconds a registry's answer is used without asking again."
    )
    poll: float = Field(
        300.0, ge=1, le=YEAR_S, description="Seconds between two readings of feeds and watched packages."
    )
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


class PackageSettings(Part):
    """How packages are queued and analysed."""

    here: bool = Field(True, description="Whether this server analyses itself; workers on its database do either way.")
    slots: int = Field(0, ge=0, le=256, description="Analyses at once in this process; 0 for one a CPU.")
    timeout: float = Field(30.0, ge=0.01, le=1_440, description="Minutes one analysis may take in all.")
    waiting: int = Field(
        10_000, ge=1, le=10**9, description="Most analyses of one owner that wait; more are refused with 429."
    )
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
        default_factory=list,
        description="Base addresses webhooks may go to besides public HTTPS ones.",
        json_schema_extra={"secret": True},
    )

    @field_validator("webhooks")
    @classmethod
    def _bases(cls, value: list[str]) -> list[str]:
        for one in value:
            web_address(one or "-")
        return value
