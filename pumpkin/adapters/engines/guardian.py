"""Outlives a killed server by some seconds and removes the sandboxes that the server can no longer end.

A sandbox that runs ends by itself when its server does. One that the engine has made and not yet started does not, nor
does one that the engine is just making: nobody is inside. So the server holds the other end of this program's input; a
byte there is its last word, the end of input without one its death.

A program of its own, by the standard library alone, which imports nothing while it waits (9 MB, most of it shared).
usage: guardian.py LABEL=VALUE WAY, where WAY is what `pumpkin.adapters.engines.ways.plainly` made.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

CONTACT_S = 5.0
PAUSE_S, AWAY_S = 0.2, 1.0
CALM_S = 5.0  # an engine at work may take as long to make what it was asked for
PATIENCE_S = 120.0


def main() -> None:
    """Wait, then remove."""
    import signal

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # what ends a whole group of processes ends the server, and that is heard
    if not os.read(0, 1):
        clear(*sys.argv[1:3])


def clear(label: str, way: str) -> None:
    """Remove what bears the label, until for some seconds there is nothing."""
    deadline, calm = time.monotonic() + PATIENCE_S, 0.0
    while calm < CALM_S and time.monotonic() < deadline:
        found = _removed(label, way)
        time.sleep(PAUSE_S if found is not None else AWAY_S)
        calm = calm + PAUSE_S if found == 0 else 0.0


def _removed(label: str, way: str) -> int | None:
    """How many there were, None when the engine does not answer."""
    import http.client
    import json
    import urllib.parse

    asked = urllib.parse.urlencode({"all": "1", "filters": json.dumps({"label": [label]})})
    connection = http.client.HTTPConnection("engine", timeout=CONTACT_S)
    try:
        connection.sock = _dial(**json.loads(way))
        connection.request("GET", f"/containers/json?{asked}")
        left = [str(one["Id"]) for one in json.loads(connection.getresponse().read())]
        for one in left:
            connection.request("DELETE", f"/containers/{one}?force=1&v=1")
            connection.getresponse().read()
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()
    return len(left)


def _dial(
    *, path: str = "", host: str = "", port: int = 0, pem: list[str] | None = None, argv: list[str] | None = None
) -> socket.socket:
    """A socket to the engine: by its path, by TCP with TLS or without, or the input and output of a program."""
    import socket

    if argv:
        import subprocess

        ours, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL)
        ours.settimeout(2 * CONTACT_S)
        return ours
    if path:
        near = socket.socket(socket.AF_UNIX)
        near.settimeout(CONTACT_S)
        near.connect(path)
        return near
    far = socket.create_connection((host, port), CONTACT_S)
    if not pem:
        return far
    import ssl

    ca, certificate, key = pem
    context = ssl.create_default_context(cafile=ca or None)
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context.wrap_socket(far, server_hostname=host)


if __name__ == "__main__":
    main()
