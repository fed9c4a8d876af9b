"""`pumpkin version` and `pumpkin openapi`: what this program is and what it offers."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed

import click

from pumpkin.commands.place import answer, json_option


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Say which Pumpkin this is, and on which Python."""
    found = {"version": installed("pumpkin"), "python": platform.python_version()}
    answer(found, as_json, f"pumpkin {found['version']} on Python {found['python']}")


@click.command()
@click.option("--json", is_flag=True, expose_value=False, help="As it is without: JSON.")
def openapi() -> None:
    """Print the OpenAPI 3.1 description of the HTTP API."""
    from pumpkin.web import routes
    from pumpkin.web.openapi import build

    click.echo(json.dumps(build(routes.ROUTES, installed("pumpkin")), indent=2))
