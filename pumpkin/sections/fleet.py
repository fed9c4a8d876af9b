"""How the fleet comes in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pumpkin.addresses import is_host
from pumpkin.sections.part import Part


class XmppSettings(Part):
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
    max_stanza: int = Field(10 * 1024 * 1024, ge=10_000, le=2**28, description="Largest stanza taken, in bytes.")

    @field_validator("listen", "host")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not is_host(value):
            raise ValueError("is neither a host name nor an IP address")
        return value

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
