"""From a probe's configuration file to its account's session: secrets read, server found, certificates chosen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pumpkin.adapters.xmpp import XmppSession, tls_context
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


def _neighbour(data: Path, account: str) -> dict[str, Any]:
    """Where the Pumpkin that runs on the same data folder takes probes, if it serves this account's domain: then the
    configuration needs neither `server` nor `ca`."""
    try:
        xmpp = json.loads((data / "ready.json").read_text("utf-8"))["xmpp"]
        if xmpp["domain"] != account.partition("@")[2]:
            return {}
        host = str(xmpp["host"])
        return {"host": "127.0.0.1" if host in ("0.0.0.0", "::") else host, "port": int(xmpp["port"]), "ca": xmpp["ca"]}  # noqa: S104
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def session_for(config: ProbeConfig, data: Path) -> XmppSession:
    """The session of the account in `config`, not yet started; where it names no server, the one that runs on the data
    folder `data` if it serves the account's domain, else the domain's."""
    near = _neighbour(data, bare(config.jid or ""))
    host, port = _address(config.server)
    ca = config.ca
    if host is None and near:
        host, port, ca = near["host"], near["port"], ca or near["ca"]
    return XmppSession(
        config.jid or "",
        _secret(config),
        host=host,
        port=port,
        context=tls_context(ca),
        direct_tls=config.direct_tls,
        program="Pumpkin probe",
        version=VERSION,
    )


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
