"""A network that leads nowhere: every IPv4 address is this container's own, every TCP port comes to the sinkhole.

The container has no interface but loopback. A local default route makes each address ours, and a redirect in the
kernel hands each TCP connection to one port, its first destination kept by the kernel (SO_ORIGINAL_DST).
"""

from __future__ import annotations

import socket
import struct
import subprocess

TCP_PORT = 19001
SO_ORIGINAL_DST = 80
_RULES = f"""
table ip sink {{
  chain out {{
    type nat hook output priority -100;
    ip daddr 127.0.0.0/8 return
    meta l4proto tcp redirect to :{TCP_PORT}
  }}
}}
"""


class Unable(Exception):
    """The runtime does not let us shape the network; the sandbox works in names mode and says so."""


def prepare() -> None:
    """Set up loopback, route and redirect. Raises Unable where the kernel or the runtime refuses."""
    _run(["ip", "-batch", "-"], "link set lo up\nroute add local 0.0.0.0/0 dev lo\n")
    _run(["nft", "-f", "-"], _RULES)


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """The IPv4 address and port the package meant; where no redirect took place, those it reached."""
    try:
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    except OSError:
        host, port = connection.getsockname()[:2]
        return host, port
    port, packed = struct.unpack("!2xH4s8x", raw)
    return socket.inet_ntoa(packed), port


def _run(argv: list[str], text: str = "") -> None:
    try:
        subprocess.run(argv, input=text.encode(), check=True, capture_output=True, timeout=10)
    except subprocess.CalledProcessError as error:
        raise Unable(f"{argv[0]}: {error.stderr.decode(errors='replace')[:300]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unable(f"{argv[0]}: {error}") from error
