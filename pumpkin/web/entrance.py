"""The other way in: what the web is handed of an OpenID provider, and which role its people get."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entrance:
    """`begin(our address)` says where to send a person and what its browser keeps; `finish(code, our address, kept)`
    gives the provider's claims.

    `title` is what the button says; `name` the claim a person is called by; `roles` which value of the claim `groups`
    gives which role, `otherwise` the role of people with none of them ("" lets them not in).
    """

    title: str
    issuer: str
    begin: Callable[[str], Awaitable[tuple[str, Mapping[str, str]]]]
    finish: Callable[[str, str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
    name: str = "preferred_username"
    groups: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """The highest role a person's groups give."""
        given = claims.get(self.groups)
        names = given if isinstance(given, list) else [given]
        held = {self.roles[one] for one in names if isinstance(one, str) and one in self.roles}
        return next((one for one in ("admin", "operator", "writer", "viewer") if one in held), self.otherwise)
