"""Which addresses a request of ours may go to: the configured registries, and public hosts they point to.

A registry's answer is a stranger's text. What it points to is followed only over HTTPS on the usual port and only to
public addresses, checked where the connection is made, so that a name which changes its address gains nothing.
A configured host may stand anywhere (a mirror on a private network); an unconfigured one also at an address that a
configured host has (a proxy in front of everything), unless that is this machine's own.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from pumpkin.errors import RegistryRefused

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NEVER = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("::/96", "64:ff9b:1::/48", "2001::/32"),  # RFC 4291 2.5.5.1, RFC 8215, RFC 4380: IPv4 in other clothes
        "::ffff:0:0:0/96",  # RFC 2765: the same
        *("fec0::/10", "3fff::/20", "5f00::/16", "100:0:0:1::/64"),  # RFC 3879, RFC 9637, RFC 9602, RFC 9780
        "192.0.0.0/24",  # RFC 6890: of the IETF's protocols; a cloud keeps its machines' metadata there
        "168.63.129.16/32",  # another cloud's
    )
)
"""What Python's registry of 3.11 takes for global, and is not."""


class Guard(AbstractResolver):
    """Judges addresses before a request (`check`) and host names while connecting (`resolve`).

    `configured` are base addresses of registries; `strict` follows nothing outside them. `names` looks host names up,
    the system's resolver where none is given.
    """

    def __init__(
        self, configured: Iterable[str], *, strict: bool = False, names: AbstractResolver | None = None
    ) -> None:
        bases = [URL(base) for base in configured if base]
        self._origins = {base.origin() for base in bases if base.is_absolute()}
        self._hosts = {base.host for base in bases if base.host}
        self._known: dict[str, set[str]] = {}
        self._strict = strict
        self._resolver = names

    def check(self, url: URL) -> URL:
        """`url` itself; RegistryRefused when it is none of ours to ask."""
        if not url.is_absolute() or url.scheme not in ("http", "https") or url.user or url.password or not url.host:
            raise RegistryRefused
        if url.origin() in self._origins:
            return url
        if self._strict or url.scheme != "https" or url.port != 443:
            raise RegistryRefused(f"The registry points to {_host(url)}, which is none of the configured addresses.")
        literal = _literal(url.host)
        if literal is not None and not _public(literal):
            raise RegistryRefused(f"The registry points to the address {literal}, which is not public.")
        return url

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if self._resolver is None:
            self._resolver = ThreadedResolver()
        found = await self._resolver.resolve(host, port, family)
        addresses = {entry["host"] for entry in found}
        if host in self._hosts:
            return found
        private = {address for address in addresses if not _public(_literal(address))}
        if private and (any(map(_own, private)) or not private <= await self._configured_addresses()):
            raise RegistryRefused("The registry points to a host whose address is not public.")
        return found

    async def _configured_addresses(self) -> set[str]:
        """Where the configured hosts are; those that cannot be found now are tried again the next time."""
        assert self._resolver is not None
        for host in self._hosts - self._known.keys():
            try:
                found = await self._resolver.resolve(host, 0, socket.AF_UNSPEC)
            except OSError:
                continue
            self._known[host] = {entry["host"] for entry in found}
        return set().union(*self._known.values())

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _public(inner)
        if address in _NAT64:
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if any(address in network for network in _NEVER):
        return False
    return address.is_global and not address.is_multicast


def _own(address: str) -> bool:
    """Whether an address is this machine's or its neighbours' on the wire: never shared with a registry by a proxy."""
    literal = _literal(address)
    return literal is None or literal.is_loopback or literal.is_link_local or literal.is_unspecified


def _host(url: URL) -> str:
    return ascii(str(url.origin())[:100])
