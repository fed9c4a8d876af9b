"""`pumpkin config`: which settings are in force, where each comes from, and whether they hold."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import click

from pumpkin import settings as configuration
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.building import disclosed, fitness
from pumpkin.commands.place import answer, config_option, data_option, json_option, load
from pumpkin.errors import PumpkinError
from pumpkin.settings import Settings
from pumpkin.store import authorities
from pumpkin.store.database import Database

LIST_WIDTH = 80


@click.group()
def config() -> None:
    """The settings: check the file, show what is in force."""


@config.command("check")
@data_option
@config_option
@json_option
def check(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Say whether the settings hold, and each one that does not; nothing is started. Exit status 1 for wrong ones.

    What the settings name is looked at too: certificates and their keys, roots, rule files, installed extras.
    """
    settings = load(data, config)
    said = [one.text for one in fitness.faults(settings)]
    if short := fitness.quorum_fault(settings, 0):
        added = asyncio.run(_added(settings))
        short = fitness.quorum_fault(settings, added) if added is not None else ""
    if said := [*said, *filter(None, [short])]:
        raise click.ClickException("\n".join(said))
    answer({"ok": True}, as_json, "The settings hold.")


async def _added(settings: Settings) -> int | None:
    """How many authorities `pumpkin tsa add` brought; None where the database is not there to be asked."""
    dsn = settings.database or (EmbeddedPostgres(settings.data).running_dsn() if settings.data.exists() else None)
    if not dsn:
        return None if (settings.data / "postgres").exists() else 0
    db = Database(dsn)
    try:
        return len(await authorities.entries(db))
    except (PumpkinError, asyncpg.PostgresError):
        return None
    finally:
        await db.close()


@config.command("show")
@data_option
@config_option
@json_option
def show(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show each setting in force and where it comes from. Secrets are never shown."""
    settings = load(data, config)
    file = configuration.file_of(settings.data, config)
    rows = list(disclosed.rows(settings, file))
    shown = disclosed.shown(settings, file)
    wide = max(len(name) for name, _, _ in rows)
    lines = [
        line
        for name, value, source in rows
        for line in _lines(f"{name:<{wide}} = ", value, "" if source == "default" else f"   # {source}")
    ]
    answer(shown, as_json, "\n".join(lines))


def _lines(name: str, value: Any, source: str) -> list[str]:
    """One line of a setting; of a list that is more than a few words, each member on its own below it."""
    text = _text(value)
    if not isinstance(value, list) or (len(text) <= LIST_WIDTH and not any(isinstance(one, dict) for one in value)):
        return [f"{name}{text}{source}"]
    return [f"{name}[{source}", *(f"    {_text(one)}," for one in value), "]"]


def _text(value: Any) -> str:
    """As TOML has it, but for what is not given."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_text(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(one) for one in value) + "]"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
