"""nmap's XML (`-oX -`): hosts with state, addresses, names, ports and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from pumpkin.probes.parsers.xml import read

VERSION = 1
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["hosts", "up", "down"],
    "properties": {
        "version": {"type": "string"},
        "args": {"type": "string"},
        "up": {"type": "integer"},
        "down": {"type": "integer"},
        "hosts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["state", "addresses", "names", "ports"],
                "properties": {
                    "state": {"type": "string"},
                    "addresses": {"type": "array"},
                    "names": {"type": "array", "items": {"type": "string"}},
                    "ports": {"type": "array"},
                },
            },
        },
    },
}


def parse(output: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """ValueError when it is not the XML of a finished run."""
    root = read(output)
    if root.tag != "nmaprun":
        raise ValueError(f"the root is {root.tag[:40]!r}, not nmaprun")
    finished = root.find("runstats/finished")
    if finished is None or finished.get("exit", "success") != "success":
        raise ValueError("the run did not finish")
    totals = root.find("runstats/hosts")
    return {
        "version": root.get("version", ""),
        "args": root.get("args", ""),
        "up": int(totals.get("up", "0")) if totals is not None else 0,
        "down": int(totals.get("down", "0")) if totals is not None else 0,
        "hosts": [_host(host) for host in root.findall("host")],
    }


def _host(host: Element) -> dict[str, Any]:
    status = host.find("status")
    return {
        "state": status.get("state", "unknown") if status is not None else "unknown",
        "addresses": [
            {"address": one.get("addr", ""), "kind": one.get("addrtype", "")} for one in host.findall("address")
        ],
        "names": [one.get("name", "") for one in host.findall("hostnames/hostname")],
        "ports": [_port(port) for port in host.findall("ports/port")],
    }


def _port(port: Element) -> dict[str, Any]:
    state, service = port.find("state"), port.find("service")
    found: dict[str, Any] = {
        "port": int(port.get("portid", "0")),
        "protocol": port.get("protocol", ""),
        "state": state.get("state", "") if state is not None else "",
        "service": service.get("name", "") if service is not None else "",
    }
    if service is not None:
        found |= {key: service.get(key, "") for key in ("product", "version") if service.get(key)}
    scripts = {one.get("id", ""): one.get("output", "") for one in port.findall("script")}
    return {**found, "scripts": scripts} if scripts else found
