"""Whom a bound by address counts: one host, whichever of its addresses it speaks from."""

from __future__ import annotations

import ipaddress


def host(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address the network of 64 bits, which one host has whole; what is no
    address (cut to 64 characters) is counted by its name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
