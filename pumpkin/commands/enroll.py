"""`pumpkin enroll`: this host becomes a probe of a server; what the line of the agents page runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import click

from pumpkin.adapters.enrolling import Server, enrol
from pumpkin.commands.options import json_option
from pumpkin.errors import PumpkinError


@click.command()
@click.option("--url", required=True, help="Where the server is: https://HOST:PORT.")
@click.option("--certificate", default="", help="SHA-256 (hex) of its certificate; empty trusts this system's.")
@click.option("--domain", required=True, help="The domain of its agents.")
@click.option("--name", default="", help="What the probe is to be called; this host's name when empty.")
@click.option("--home", required=True, type=click.Path(path_type=Path, file_okay=False), help="Its folder.")
@click.option("--token", envvar="PUMPKIN_ENROLL_TOKEN", required=True, help="The invitation; better by environment.")
@json_option
def enroll(url: str, certificate: str, domain: str, name: str, home: Path, token: str, as_json: bool) -> None:
    """Make an account on a server by an invitation, and write HOME/probe.toml for it.

    The probe has a key of its own then, and waits for approval: compare the key's fingerprint first.
    """
    os.environ.pop("PUMPKIN_ENROLL_TOKEN", None)
    try:
        found = asyncio.run(enrol(Server(url.rstrip("/"), certificate.lower()), token, domain, name, home.absolute()))
    except PumpkinError as error:
        if as_json:
            raise click.ClickException(f"{error.message} [{error.code}]") from None
        click.echo(f"pumpkin enroll: {error.message}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({**found, "home": str(home)}, default=str))
        return
    if found["state"] == "known":
        click.echo(f"This host is enrolled already ({home}/probe.toml).")
        return
    click.echo(f"Enrolled as {found['jid']}; it signs with the key {found['fingerprint']}.")
    if found["state"] == "pending":
        click.echo(f"It waits for approval: {url}/agents, or pumpkin agent approve {found['jid']}.")
