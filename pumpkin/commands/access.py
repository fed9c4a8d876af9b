"""`pumpkin key`: the API keys."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.model.access import SCOPES
from pumpkin.store import keys
from pumpkin.store.keys import Key


@click.group()
def key() -> None:
    """API keys: add, list and revoke them."""


@key.command("add")
@click.option("--name", required=True, help="What the key is for; shown wherever the key is.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be given more than once.")
@click.option("--rate", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Analyses an hour.")
@click.option("--expires", help="When it ends: days (90d) or a date (2027-01-31).")
@data_option
@config_option
@json_option
def key_add(
    name: str,
    scopes: tuple[str, ...],
    rate: int,
    expires: str | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make a key and show it, this once.

    Without --scope it may read and write checks and packages.
    """
    settings = load(data, config)
    wanted = list(scopes) or ["checks:read", "checks:write", "packages:read", "packages:write"]

    async def job() -> tuple[Key, str]:
        async with database(settings, make=True) as db:
            made, text = await keys.create(db, name=name, scopes=wanted, rate=rate, expires=_moment(expires))
            await noted(db, "key.added", f"key:{made.prefix}", name=name, scopes=wanted)
            return made, text

    made, text = work(job)
    _show_once(made, text, as_json)


def _show_once(made: Key, text: str, as_json: bool) -> None:
    shown = {"key": text, "id": str(made.id), "prefix": made.prefix}
    answer(shown, as_json, f"{text}\nKeep it now: it is stored hashed and never shown again.")


def _moment(text: str | None) -> int | None:
    """Microseconds since 1970 for `90d` or `2027-01-31`."""
    if text is None:
        return None
    try:
        if text.endswith("d"):
            when = datetime.now(UTC) + timedelta(days=int(text[:-1]))
        else:
            when = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter("give days as 90d or a date as 2027-01-31", param_hint="--expires") from None
    if when.timestamp() <= time.time():
        raise click.BadParameter("that is in the past", param_hint="--expires")
    return int(when.timestamp() * 1_000_000)


@key.command("list")
@data_option
@config_option
@json_option
def key_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show all keys: prefix, state, name, scopes, limit, end, last use."""
    settings = load(data, config)

    async def job() -> list[dict[str, Any]]:
        async with database(settings) as db:
            return [asdict(one) for one in await keys.listed(db)]

    rows = work(job)
    lines = [shown(row, time.time_ns() // 1_000) for row in rows]
    answer(rows, as_json, "\n".join(lines) or "No keys yet.")


def shown(row: Mapping[str, Any], now: int) -> str:
    """A key in one line; `now` in microseconds. A rotated key is one that expired."""
    ended = row["expires"] and row["expires"] <= now
    state = "revoked" if row["revoked"] else "expired" if ended else "active"
    scopes = " ".join(row["scopes"])
    until, used = _day(row["expires"]), _day(row["last_used"])
    return f"{row['prefix']}  {state:<7}  {row['name']}  {scopes}  {row['rate']}/h  until {until}  used {used}"


def _day(micros: int | None) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).date().isoformat() if micros else "-"


@key.command("rotate")
@click.argument("prefix")
@click.option("--grace", default="0", show_default=True, help="How long the old key still works, in minutes.")
@data_option
@config_option
@json_option
def key_rotate(prefix: str, grace: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Replace the key with this PREFIX by a new one with the same scopes, limit, tasks and reports."""
    settings = load(data, config)
    if not grace.isascii() or not grace.isdigit():
        raise click.BadParameter("a whole number of minutes", param_hint="--grace")

    async def job() -> tuple[Key, str]:
        async with database(settings) as db:
            made, text = await keys.rotate(db, prefix, grace_s=60.0 * int(grace))
            await noted(db, "key.rotated", f"key:{prefix}", by=made.prefix)
            return made, text

    made, text = work(job)
    _show_once(made, text, as_json)


@key.command("revoke")
@click.argument("prefix")
@data_option
@config_option
@json_option
def key_revoke(prefix: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """End the key with this PREFIX (see `pumpkin key list`), now."""
    settings = load(data, config)

    async def job() -> bool:
        async with database(settings) as db:
            done = await keys.revoke(db, prefix)
            if done:
                await noted(db, "key.revoked", f"key:{prefix}")
            return done

    if not work(job):
        raise click.ClickException(f"There is no active key with the prefix {prefix}.")
    answer({"revoked": prefix}, as_json, f"Revoked {prefix}.")
