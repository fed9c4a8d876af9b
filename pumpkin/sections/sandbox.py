"""Container engines, and the sandboxes on them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pumpkin.addresses import web_address
from pumpkin.sections.part import Part


class EngineAddress(Part):
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


class SandboxSettings(Part):
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
    memory: int = Field(512, ge=128, le=2**22, description="MiB one sandbox may use, what it writes included.")
    processes: int = Field(256, ge=32, le=2**22, description="Processes of one sandbox.")
    cpus: float = Field(1.0, ge=0.01, le=1_024, description="CPUs of one sandbox.")
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
