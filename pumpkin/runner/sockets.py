"""Connections, datagrams and listeners, by the address that was meant."""

from __future__ import annotations

import re

from pumpkin.runner.lines import Call, text
from pumpkin.runner.processes import Processes
from pumpkin.runner.telling import Teller

_ADDRESS = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([0-9.]+)"\)')
_ADDRESS6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([0-9a-fA-F:.]+)"')
_UNIX = re.compile(r'sun_path=(@?"(?:[^"\\]|\\.)*")')


class Sockets:
    """Takes connect, bind and the calls that send to an address."""

    def __init__(self, teller: Teller, processes: Processes) -> None:
        self._teller, self._processes = teller, processes

    def take(self, call: Call) -> None:
        process = self._processes.known(call.pid, call.time)
        given = call.args
        if process.boot:
            return
        if unix := _UNIX.search(given):
            path = text(unix[1])
            quiet = call.error in ("ENOENT",) and path.startswith(("/var/run/nscd", "/run/nscd", "/run/systemd"))
            if call.name == "connect" and not process.installer and not quiet:
                self._teller.first(("unix", path), "connect", pid=call.pid, family="unix", path=path, error=call.error)
            return
        found = _ADDRESS.search(given) or _ADDRESS6.search(given)
        if not found:
            return
        port, address = int(found[1]), found[2]
        head = given[:120]
        transport = "udp" if "<UDP" in head else "tcp" if "<TCP" in head else "raw" if "RAW" in head else "other"
        error = "" if call.error == "EINPROGRESS" else call.error
        kind = {"connect": "connect", "bind": "bind"}.get(call.name, "send")
        key = (kind, transport, address, port, error)
        self._teller.first(
            key, kind, pid=call.pid, family="ipv6" if ":" in address else "ipv4", transport=transport,
            address=address, port=port, error=error, installer=process.installer,
        )  # fmt: skip
