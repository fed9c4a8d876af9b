"""The hosts that keep sources: which of them may be asked, and whether a repository is there.

A package's papers are a stranger's text; only hosts the operator lists are spoken to, over https on its usual port,
with no credentials. A repository that moved is followed only to another address that would be allowed too.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

import aiohttp

from pumpkin.adapters.git import GitFailed

ASKED_S = 15.0
MOVES = 3
_REFS = "/info/refs?service=git-upload-pack"
_MOVED = (301, 302, 307, 308)


class NotShown(GitFailed):
    """The host answers; this repository is not one it shows, or the host is none that is asked."""


class Forges:
    """The hosts listed: each exactly (`host:port` for another port than https has), or with `*.` all below it.

    `trust` are the authorities their certificates must come from, those of the system unless given.
    """

    def __init__(self, hosts: Iterable[str], trust: ssl.SSLContext | bool = True) -> None:
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._trust = trust

    def check(self, address: str) -> str:
        """`address` itself; NotShown when it is no plain https address of one of these hosts."""
        try:
            parts = urlsplit(address)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            raise NotShown("the repository's address is none") from None
        if parts.scheme != "https" or not host or "@" in parts.netloc:
            raise NotShown("the repository's address is no plain https address")
        names = host.split(".")
        below = {"*." + ".".join(names[cut:]) for cut in range(1, len(names))}
        usual = port in (None, 443) and bool({host, *below} & self._hosts)
        if not usual and f"{host}:{port}" not in self._hosts:
            raise NotShown(f"{host[:100]} is none of the hosts that are asked for sources (packages.forges)")
        return address

    async def reach(self, address: str, *, timeout_s: float = ASKED_S) -> str:
        """Where the repository of `address` answers, moves followed; GitFailed with the reason when it does not."""
        waiting = aiohttp.ClientTimeout(total=timeout_s)
        async with aiohttp.ClientSession(timeout=waiting, cookie_jar=aiohttp.DummyCookieJar()) as session:
            for _ in range(MOVES):
                moved = await self._ask(session, self.check(address).rstrip("/"))
                if not moved:
                    return address
                address = moved
        raise GitFailed(f"{urlsplit(address).hostname} sends us on and on")

    async def _ask(self, session: aiohttp.ClientSession, address: str) -> str:
        """'' when it answers, else the address it moved to."""
        host = urlsplit(address).hostname or ""
        try:
            async with session.get(
                f"{address}{_REFS}", allow_redirects=False, ssl=self._trust, proxy=_proxy(host)
            ) as response:
                if response.status == 200:
                    return ""
                if response.status in _MOVED:
                    target = urljoin(f"{address}{_REFS}", response.headers.get("Location", ""))
                    return target.partition("/info/refs")[0]
                if response.status in (401, 403, 404, 410):
                    raise NotShown(f"{host} shows no such repository to everybody ({response.status})")
                raise GitFailed(f"{host} answers {response.status}")
        except aiohttp.ClientConnectorDNSError:
            raise GitFailed(f"{host} cannot be found; is there a network?") from None
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            raise GitFailed(f"{host} has a certificate that is not trusted here") from None
        except TimeoutError:
            raise GitFailed(f"{host} does not answer in time") from None
        except (aiohttp.ClientError, ValueError, OSError):
            raise GitFailed(f"{host} cannot be reached") from None


def _proxy(host: str) -> str | None:
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get("https")
