"""JIDs, prepared: two spellings of one address compare equal (RFC 7622, by stringprep)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pumpkin.adapters.xmppd.faults import StanzaFault

_PLAIN = re.compile(r"[a-z0-9._+~!#$%*=?^`{|}\-]{1,1023}\Z")
_PLAIN_RESOURCE = re.compile(r"[\x20-\x7e]{1,1023}\Z")
_DOMAIN = re.compile(r"(?:\[[0-9a-f:.]+\]|[^\s@/<>&\"'\x00-\x1f\x7f]{1,1023})\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """`user@domain/resource`; an empty string stands for an absent part."""

    user: str
    domain: str
    resource: str = ""

    @property
    def bare(self) -> str:
        """Without the resource."""
        return f"{self.user}@{self.domain}" if self.user else self.domain

    def __str__(self) -> str:
        return f"{self.bare}/{self.resource}" if self.resource else self.bare


def prepare_user(user: str) -> str:
    """The prepared localpart (case folded); StanzaFault `jid-malformed` for what is none."""
    if _PLAIN.match(user):
        return user
    prepared = _prepared(f"{user}@x", "node")
    if not prepared or len(prepared.encode()) > 1023 or any(c in prepared for c in " \"&'/:<>@"):
        raise StanzaFault("jid-malformed")
    return prepared


def prepare_resource(resource: str) -> str:
    """The prepared resource (case kept); StanzaFault `jid-malformed` for what is none."""
    if _PLAIN_RESOURCE.match(resource):
        return resource
    prepared = _prepared(f"x@x/{resource}", "resource")
    if not prepared or len(prepared.encode()) > 1023:
        raise StanzaFault("jid-malformed")
    return prepared


def _prepared(jid: str, part: str) -> str:
    """A part of an address with other than plain letters in it; slixmpp is loaded for these alone."""
    from slixmpp.jid import JID, InvalidJID

    try:
        return str(getattr(JID(jid), part))
    except (InvalidJID, ValueError) as error:
        raise StanzaFault("jid-malformed") from error


@lru_cache(maxsize=4096)
def parse(text: str) -> Address:
    """The address `text` names; StanzaFault `jid-malformed` for anything else."""
    if len(text) > 3071:
        raise StanzaFault("jid-malformed")
    rest, slash, resource = text.partition("/")
    user, at, domain = rest.rpartition("@")
    domain = domain.casefold().rstrip(".")
    if (at and not user) or (slash and not resource) or not _DOMAIN.match(domain):
        raise StanzaFault("jid-malformed")
    return Address(prepare_user(user) if at else "", domain, prepare_resource(resource) if slash else "")
