"""From a probe's configuration file to its account's session: secrets read, server found, certificates chosen."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

from pumpkin.adapters.xmpp import Place, XmppSession, tls_context
from pumpkin.errors import StartError
from pumpkin.model.agents import bare
from pumpkin.model.jobs import ProbeConfig, loads
from pumpkin.probes import parsers

VERSION = "0.1.0"


def read_config(file: Path) -> ProbeConfig:
    """The configuration in `file`, JSON or TOML by its name; `${VAR}` from the environment, `file:` secrets read.

    StartError with one sentence when it cannot be read, does not fit, or names a parser there is not.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"The probe's configuration {file} cannot be read: {error}.") from None
    config = loads(text, os.environ, toml=file.suffix == ".toml")
    for job in config.jobs:
        parsers.find(job.result_parser)
    return config


def session_for(config: ProbeConfig, data: Path) -> XmppSession:
    """The session of the account in `config`, not yet started; where it names no server, the one that runs on the data
    folder `data` if it serves the account's domain, else the domain's."""
    host, port = _address(config.server)
    near = _Neighbour(data, bare(config.jid or ""), config.ca)
    return XmppSession(
        config.jid or "",
        _secret(config),
        host=host,
        port=port,
        context=tls_context(config.ca),
        direct_tls=config.direct_tls,
        program="Pumpkin probe",
        version=VERSION,
        locate=near.place if host is None and not config.direct_tls else lambda: None,
    )


class _Neighbour:
    """The Pumpkin that runs on the same data folder: a probe beside it needs neither `server` nor `ca`. It is looked
    for again at each attempt, since it may start later than the probe, or on another port."""

    def __init__(self, data: Path, account: str, ca: str | None) -> None:
        self._file, self._domain, self._ca = data / "ready.json", account.partition("@")[2], ca
        self._context: tuple[str, float, ssl.SSLContext] | None = None

    def place(self) -> Place | None:
        """Where it takes probes; None when none serves the account's domain here."""
        try:
            xmpp = json.loads(self._file.read_text("utf-8"))["xmpp"]
            if xmpp["domain"] != self._domain:
                return None
            host, port, ca = str(xmpp["host"]), int(xmpp["port"]), self._ca or str(xmpp["ca"])
            context = self._trusting(ca)
        except (OSError, ValueError, KeyError, TypeError, StartError):
            return None
        return Place({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, context)  # noqa: S104

    def _trusting(self, ca: str) -> ssl.SSLContext:
        changed = Path(ca).stat().st_mtime
        if self._context is None or self._context[:2] != (ca, changed):
            self._context = ca, changed, tls_context(ca)
        return self._context[2]


def _secret(config: ProbeConfig) -> str:
    """The password: as it stands, or with `file:` what that file holds."""
    if config.passwd is None:
        raise StartError("The probe's configuration has no passwd; enrolment by token needs a server that offers it.")
    given = config.passwd.get_secret_value()
    if not given.startswith("file:"):
        return given
    try:
        return Path(given.removeprefix("file:")).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"The probe's passwd file cannot be read: {error}.") from None


def _address(server: str | None) -> tuple[str | None, int | None]:
    if not server:
        return None, None
    host, colon, port = server.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), int(port)
    return server.strip("[]"), None
