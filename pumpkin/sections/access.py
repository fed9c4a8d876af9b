"""Who may ask, who signs in elsewhere, and what strangers are shown."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pumpkin.addresses import web_address
from pumpkin.sections.part import Part


class AccessSettings(Part):
    """Who may ask without a key, and how often."""

    open_reading: bool = Field(True, description="SCANDALE's reads need no key on loopback listeners.")
    open_everywhere: bool = Field(False, description="Nor elsewhere.")
    public_rate: float = Field(
        100.0, ge=1e-6, le=1e9, description="Requests a second of one address that presents nothing."
    )
    public_burst: int = Field(1_000, ge=1, le=10**9, description="How many of them at once.")
    rate: float = Field(
        1_000.0,
        ge=1e-6,
        le=1e9,
        description="Requests a second of one key, account or person from elsewhere; checks are not counted.",
    )
    burst: int = Field(10_000, ge=1, le=10**9, description="How many of those at once.")
    streams: int = Field(2_500, ge=1, le=10**6, description="Websockets and event streams one of them holds open.")
    public_streams: int = Field(
        100, ge=1, le=10**6, description="How many one address holds open that presents nothing."
    )
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


class OpenIdSettings(Part):
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


class PublicSettings(Part):
    """What people without an account are shown."""

    status: bool = Field(False, description="Whether anyone may read the status page.")
    proofs: bool = Field(False, description="Whether anyone may read the proof of a check whose id they know.")
    title: str = Field("Status", description="The status page's heading.", max_length=80)
