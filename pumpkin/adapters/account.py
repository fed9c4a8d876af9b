"""From a probe's configuration file to its account's session: secrets read, server found, certificates chosen."""

from __future__ import annotations

import json
import os
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pumpkin.adapters.https import HttpsPlace
from pumpkin.adapters.xmpp import Place, XmppSession, tls_context
from pumpkin.errors import StartError
from pumpkin.model.agents import bare
from pumpkin.model.jobs import ProbeConfig, loads
from pumpkin.probes import parsers

VERSION = "0.1.0"
CONFIG_LIMIT = 32 * 1024 * 1024
SECRET_LIMIT = 64 * 1024
INLINE = "-----BEGIN"
"""With these letters `ca` and `https_ca` are no paths but the certificates themselves (PEM)."""


def read_config(file: Path) -> ProbeConfig:
    """The configuration in `file`, JSON or TOML by its name; `${VAR}` from the environment, `file:` secrets read.

    StartError with one sentence when it cannot be read, does not fit, or names a parser there is not.
    """
    text = _text(file, CONFIG_LIMIT, "configuration")
    config = loads(text, os.environ, toml=file.suffix == ".toml")
    for job in config.jobs:
        parsers.find(job.result_parser)
    return config


@dataclass(slots=True)
class Account:
    """Who a probe is on the network, and the folder of its state. `token` is still to be used when it is not None."""

    jid: str
    password: str
    folder: Path
    token: str | None = None

    def enrolled(self) -> None:
        """The server knows the account now: the token is used up, the password is kept."""
        if self.token is not None:
            self.token = None
            _keep(self.folder / "account.json", {"jid": self.jid, "password": self.password, "enrolled": True})


def account_of(config: ProbeConfig, data: Path, label: str) -> Account:
    """The account in `config`; without a password the one it got by its token (or will: a password is made and kept).

    Without a jid it is `probe-<8 digits>@` the server's domain; `label` then names its folder. StartError when there is
    neither account nor token.
    """
    if config.passwd is not None or config.token is None:
        if config.jid is None:
            raise StartError("The probe's configuration has no jid: make one with `pumpkin agent add JID`.")
        jid = _bare(config.jid)
        return Account(jid, _secret(config), data / "probes" / folder_name(jid))
    folder = data / "probes" / (folder_name(_bare(config.jid)) if config.jid else folder_name(label))
    kept = _kept(folder / "account.json")
    jid = _bare(config.jid or kept.get("jid") or f"probe-{secrets.token_hex(4)}@{_domain(config, data)}")
    password = str(kept.get("password") or secrets.token_urlsafe(24))
    enrolled = bool(kept.get("enrolled"))
    if not kept:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep(folder / "account.json", {"jid": jid, "password": password, "enrolled": False})
    token = None if enrolled else _read_secret(config.token.get_secret_value(), "token")
    return Account(jid, password, folder, token)


def https_of(config: ProbeConfig) -> HttpsPlace | None:
    """The HTTPS address in `config`; StartError when its certificates cannot be read."""
    if config.https is None:
        return None
    ca = config.https_ca or ""
    if ca and not ca.startswith(INLINE):
        ca = _text(Path(ca), SECRET_LIMIT, "https_ca")
    return HttpsPlace(config.https, ca)


def session_for(config: ProbeConfig, data: Path, account: Account) -> XmppSession:
    """The session of `account`, not yet started; where the configuration names no server, the one that runs on the data
    folder `data` if it serves the account's domain, else the domain's. Probes with the same `ca` share one TLS context.
    """
    host, port = _address(config.server)
    near = _Neighbour(data, account.jid, config.ca)
    resource = (config.jid or "").partition("/")[2]
    return XmppSession(
        f"{account.jid}/{resource}" if resource else account.jid,
        account.password,
        host=host,
        port=port,
        context=_context(config.ca, _changed(config.ca)),
        direct_tls=config.direct_tls,
        program="Pumpkin probe",
        version=VERSION,
        token=account.token,
        locate=near.place if host is None and not config.direct_tls else lambda: None,
    )


@lru_cache(maxsize=64)
def _context(ca: str | None, changed: float) -> ssl.SSLContext:
    return tls_context(ca)


def _changed(ca: str | None) -> float:
    try:
        return Path(ca).stat().st_mtime if ca else 0.0
    except OSError:
        return 0.0


class _Neighbour:
    """The Pumpkin that runs on the same data folder: a probe beside it needs neither `server` nor `ca`. It is looked
    for again at each attempt, since it may start later than the probe, or on another port."""

    def __init__(self, data: Path, account: str, ca: str | None) -> None:
        self._file, self._domain, self._ca = data / "ready.json", account.partition("@")[2], ca

    def place(self) -> Place | None:
        """Where it takes probes; None when none serves the account's domain here."""
        try:
            xmpp = json.loads(self._file.read_text("utf-8"))["xmpp"]
            if xmpp["domain"] != self._domain:
                return None
            host, port, ca = str(xmpp["host"]), int(xmpp["port"]), self._ca or str(xmpp["ca"])
            context = _context(ca, _changed(ca))
        except (OSError, ValueError, KeyError, TypeError, StartError):
            return None
        return Place({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, context)  # noqa: S104


def _bare(jid: str) -> str:
    try:
        return bare(jid)
    except ValueError:
        raise StartError("The probe's jid is not NAME@DOMAIN.") from None


def _domain(config: ProbeConfig, data: Path) -> str:
    """The domain a probe without a jid gets its account in: the neighbour's, else the server's name."""
    try:
        return str(json.loads((data / "ready.json").read_text("utf-8"))["xmpp"]["domain"])
    except (OSError, ValueError, KeyError, TypeError):
        host, _ = _address(config.server)
        if host is None:
            raise StartError("The probe's configuration has neither jid nor server.") from None
        return host


def _secret(config: ProbeConfig) -> str:
    """The password: as it stands, or with `file:` what that file holds."""
    if config.passwd is None:
        raise StartError("The probe's configuration has no passwd, nor a token to get an account with.")
    return _read_secret(config.passwd.get_secret_value(), "passwd")


def _read_secret(given: str, key: str) -> str:
    if not given.startswith("file:"):
        return given
    return _text(Path(given.removeprefix("file:")), SECRET_LIMIT, key).strip()


def _text(file: Path, limit: int, what: str) -> str:
    """The text of a file of at most `limit` bytes; a device or pipe, which may have no end, is read no further."""
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise StartError(f"The probe's {what} {file} cannot be read: {error.strerror or error}.") from None
    if len(content) > limit:
        raise StartError(f"The probe's {what} {file} is larger than {limit:,} bytes.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise StartError(f"The probe's {what} {file} is not text in UTF-8.") from None


def _kept(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(path: Path, what: Mapping[str, Any]) -> None:
    """Whole or not at all, readable by its owner only."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(what, file)
    part.replace(path)


def folder_name(account: str) -> str:
    """A folder for an account: its JID where that is a plain file name, else its digits in hexadecimal."""
    plain = account.replace("@", "_at_")
    if plain.strip(".") and all(one.isascii() and (one.isalnum() or one in "._-") for one in plain):
        return plain
    return account.encode().hex()[:200]


def _address(server: str | None) -> tuple[str | None, int | None]:
    if not server:
        return None, None
    host, colon, port = server.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(port)
    return server.strip("[]"), None
