"""`pumpkin user`: people and services who log in with a password."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import click

from pumpkin.commands.options import first_line, password_file_option
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.model import passwords
from pumpkin.store import people
from pumpkin.store.database import Database

_role = click.option(
    "--role",
    type=click.Choice(people.ROLES),
    default="viewer",
    show_default=True,
    help="viewer reads, writer posts checks, operator acts on agents, admin does all.",
)
_password = click.option("--password", help="Asked for when not given; seen in the list of processes.")


@click.group()
def user() -> None:
    """People and services who log in with a password."""


@user.command("add")
@click.argument("name")
@_role
@_password
@password_file_option
@data_option
@config_option
@json_option
def user_add(
    name: str,
    role: str,
    password: str | None,
    password_file: TextIO | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make an account for NAME."""
    secret = _secret(name, first_line(password_file) or password)
    said = ("person.added", name, {"role": role})
    _do(data, config, lambda db: people.add(db, name, secret, role=role), said, make=True)
    answer({"name": name, "role": role}, as_json, f"Added {name} as {role}.")


@user.command("list")
@data_option
@config_option
@json_option
def user_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show everybody: name, role, and whether a handed-out password waits for its change."""
    rows = [asdict(one) for one in _do(data, config, people.everybody)]
    lines = [
        f"{row['name']}  {row['role']}{'  disabled' if row['disabled'] else ''}"
        f"{'  must change the password' if row['must_change'] else ''}"
        for row in rows
    ]
    answer(rows, as_json, "\n".join(lines) or "Nobody yet.")


@user.command("password")
@click.argument("name")
@_password
@password_file_option
@click.option("--once", is_flag=True, help="It opens nothing but its change at the next login.")
@data_option
@config_option
@json_option
def user_password(
    name: str,
    password: str | None,
    password_file: TextIO | None,
    once: bool,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Give NAME another password; all of NAME's sessions end."""
    secret = _secret(name, first_line(password_file) or password)
    said = ("password.changed", name, {"once": once})
    _do(data, config, lambda db: people.set_password(db, name, secret, must_change=once), said)
    answer({"name": name}, as_json, f"{name} has another password.")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(people.ROLES))
@data_option
@config_option
@json_option
def user_role(name: str, role: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Give NAME another ROLE, felt at the next request."""
    _do(data, config, lambda db: people.set_role(db, name, role), ("person.role", name, {"role": role}))
    answer({"name": name, "role": role}, as_json, f"{name} is {role} now.")


@user.command("remove")
@click.argument("name")
@data_option
@config_option
@json_option
def user_remove(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Remove NAME's account and end its sessions. What NAME did stays in the audit trail."""
    _do(data, config, lambda db: people.remove(db, name), ("person.removed", name, {}))
    answer({"removed": name}, as_json, f"Removed {name}.")


def _secret(name: str, password: str | None) -> str:
    if not password and not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked for a password: give --password-file.")
    secret = password or str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    if wrong := passwords.fault(name, secret):
        raise click.UsageError(wrong)
    return secret


def _do(
    data: Path | None,
    config: Path | None,
    act: Callable[[Database], Awaitable[Any]],
    said: tuple[str, str, dict[str, Any]] | None = None,
    *,
    make: bool = False,
) -> Any:
    """What `act` answers; with `said` (act, name of the person, detail) noted in the audit trail."""
    settings = load(data, config)

    async def job() -> Any:
        async with database(settings, make=make) as db:
            found = await act(db)
            if said is not None:
                await noted(db, said[0], f"person:{said[1]}", **said[2])
            return found

    return work(job)
