"""Targets: HOST, HOST:PORT, [IPv6]:PORT."""

from __future__ import annotations


def host_and_port(target: str, port: int | None = None) -> tuple[str, int]:
    """The host and port `target` names; ValueError without a port where there is no usual one."""
    text = target.partition("://")[2] or target
    host, colon, given = text.partition("/")[0].rpartition(":")
    if colon and given.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(given)
    if port is None:
        raise ValueError(f"{target!r} is not HOST:PORT")
    return text.partition("/")[0].strip("[]"), port
