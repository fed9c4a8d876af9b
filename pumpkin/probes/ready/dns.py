"""What the name service says of a name."""

from __future__ import annotations

import time
from typing import Any

import dns.exception
import dns.rdatatype
import dns.resolver

KINDS = ("A", "AAAA", "MX", "NS", "TXT", "CAA", "SOA")
LIFETIME_S = 5.0


def measure(target: str) -> dict[str, Any]:
    """`target` is NAME, NAME/TYPE (`example.org/MX`), or either with `@SERVER` or `@SERVER:PORT` behind it."""
    question, _, server = target.partition("@")
    name, _, kind = question.partition("/")
    resolver = dns.resolver.Resolver(configure=not server)
    if server:
        host, colon, port = server.rpartition(":")
        resolver.nameservers = [host if colon and port.isdigit() else server]
        resolver.port = int(port) if colon and port.isdigit() else 53
    resolver.lifetime = LIFETIME_S
    records: dict[str, list[str]] = {}
    least: int | None = None
    began = time.perf_counter()
    try:
        for one in [kind.upper()] if kind else KINDS:
            try:
                answer = resolver.resolve(name, dns.rdatatype.from_text(one), raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                return {"name": name, "exists": False, "records": {}, "ttl": None, "answer_s": _since(began)}
            if answer.rrset is not None:
                records[one] = sorted(record.to_text() for record in answer.rrset)[:200]
                least = min(answer.rrset.ttl, least if least is not None else answer.rrset.ttl)
    except (dns.exception.DNSException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    return {"name": name, "exists": True, "records": records, "ttl": least, "answer_s": _since(began)}


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 6)
