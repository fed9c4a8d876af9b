"""A new host's part of its enrolment: a name, a password and a key of its own, an account for them, and a file.

The server is known by its certificate's SHA-256, looked at before anything is said; what has to survive a cut-off
answer (the password, the key) is on disk before it is asked.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pumpkin.adapters.account import VERSION, folder_name
from pumpkin.adapters.signer import Signer
from pumpkin.errors import StartError
from pumpkin.probes.spool import Spool

ANSWER_LIMIT = 1024 * 1024
TRIES = 5


class NameTaken(Exception):
    """An agent of this name is known already."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to enrol: `url` without path, the certificate's SHA-256 in hex ("" trusts the system's authorities, or is
    plain HTTP to this machine)."""

    url: str
    certificate: str = ""

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's data; StartError with the server's own sentence, NameTaken for 409."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise StartError(f"{self.url[:200]} is no address, for instance https://pumpkin.example:8000.") from None
        line: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            if self.certificate:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            line = http.client.HTTPSConnection(parts.hostname or "", port or 443, context=context, timeout=60)
        elif parts.scheme == "http" and (parts.hostname or "") in ("localhost", "127.0.0.1", "::1"):
            line = http.client.HTTPConnection(parts.hostname or "", port or 80, timeout=60)
        else:
            raise StartError(f"{self.url[:200]} is no https address; a password is not sent in the clear.")
        try:
            line.connect()
            if isinstance(line.sock, ssl.SSLSocket) and self.certificate:
                shown = hashlib.sha256(line.sock.getpeercert(True) or b"").hexdigest()
                if not secrets.compare_digest(shown, self.certificate):
                    raise StartError(f"{self.url} shows another certificate ({shown}) than the line was made with.")
            line.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = line.getresponse()
            found = json.loads(answer.read(ANSWER_LIMIT))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StartError(f"{self.url} does not answer: {error}.") from None
        finally:
            line.close()
        if answer.status in (200, 201):
            data: dict[str, Any] = found["data"]
            return data
        text = str(found.get("message") or found.get("error") if isinstance(found, dict) else "no reason")[:500]
        raise NameTaken(text) if answer.status == 409 else StartError(f"The server refuses: {text}")


async def enrol(server: Server, token: str, domain: str, name: str, home: Path) -> dict[str, Any]:
    """Enrol as `name` (or with a few letters more, where that is taken); writes `probe.toml` and what belongs to it.

    Answers `{"jid", "state", "fingerprint"}`; `state` is "known" where this host enrolled before. StartError when the
    server refuses or `home` cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return await _enrol(server, token, domain, name, home)
    except OSError as error:
        raise StartError(f"{home} cannot be used: {error.strerror or error}.") from None


async def _enrol(server: Server, token: str, domain: str, name: str, home: Path) -> dict[str, Any]:
    if (home / "probe.toml").exists():
        return {"jid": "", "state": "known", "fingerprint": ""}
    wanted = plain_name(name or socket.gethostname())
    password = _password(home)
    for _ in range(TRIES):
        jid = f"{wanted}@{domain}"
        folder = home / "data" / "probes" / folder_name(jid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        spool = await Spool.open(folder / "spool.sqlite")
        try:
            signer = await Signer.open(jid, spool)
            said = {
                "name": wanted,
                "password": password,
                "signing_key": signer.offer,
                "host": socket.gethostname()[:200],
                "version": VERSION,
            }
            given = server.ask(f"/enroll/{token}", said)
            place = {"url": given["https"]["url"], "ca": given["https"]["ca"], "host": given["https"]["host"]}
            if place["url"].startswith("https:"):
                await spool.remember("https", json.dumps(place))
        except NameTaken:
            wanted = f"{plain_name(name or socket.gethostname())[:50]}-{secrets.token_hex(2)}"
            continue
        finally:
            await spool.close()
        _write(home, jid, given)
        return {"jid": jid, "state": given["state"], "fingerprint": signer.key_id}
    raise StartError("Every name that was tried is taken; name another one (PUMPKIN_PROBE_NAME).")


def plain_name(text: str) -> str:
    """`text` as the user part of a JID: small letters, digits, points and hyphens; "probe" when nothing is left."""
    kept = re.sub(r"[^a-z0-9.-]+", "-", text.casefold()).strip(".-")[:60]
    return kept or "probe"


def _password(home: Path) -> str:
    """Made once: a second try is the first one's."""
    file = home / "password"
    if not file.exists():
        _put(file, secrets.token_urlsafe(24))
    return file.read_text("utf-8").strip()


def _write(home: Path, jid: str, given: Mapping[str, Any]) -> None:
    xmpp = given["xmpp"]
    server = f"{_bracketed(str(xmpp['host']))}:{int(xmpp['port'])}"
    lines = [
        "# Made at enrolment. Jobs come from the server, signed by the fleet key; jobs of its own may be added here.",
        f"jid = {_quoted(jid)}",
        f"passwd = {_quoted(f'file:{home}/password')}",
        f"server = {_quoted(server)}",
    ]
    if xmpp.get("ca"):
        _put(home / "xmpp-ca.pem", str(xmpp["ca"]))
        lines.append(f"ca = {_quoted(f'{home}/xmpp-ca.pem')}")
    lines.append(f"fleet_key = {_quoted(str(given['fleet_key']))}")
    lines += [f"{key} = {_quoted(str(given[key]))}" for key in ("site",) if given.get(key)]
    for key in ("duties", "tags"):
        if given.get(key):
            lines.append(f"{key} = [{', '.join(_quoted(str(one)) for one in given[key])}]")
    _put(home / "probe.toml", "\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    return json.dumps(text)  # a TOML basic string escapes as JSON does


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _put(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner only."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
