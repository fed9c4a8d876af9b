"""`pumpkin agent key`: the keys agents sign with, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.errors import NotFound
from pumpkin.model import wire
from pumpkin.store import signing


@click.group()
def key() -> None:
    """Keys by which agents sign what they observed."""


@key.command("list")
@click.argument("jid", required=False)
@data_option
@config_option
@json_option
def key_list(jid: str | None, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show the keys of agent JID, or of all."""
    settings = load(data, config)

    async def job() -> list[signing.SigningKey]:
        async with database(settings) as db:
            return [one for one in await signing.all_keys(db) if jid in (None, one.agent)]

    rows = work(job)
    shown = [
        {
            "agent": one.agent,
            "key_id": one.key_id,
            "public": one.public.hex(),
            "state": one.state,
            "previous": one.previous or None,
            "changed": wire.rfc3339(one.changed),
        }
        for one in rows
    ]
    lines = [f"{one.state:<9} {one.agent}  {one.key_id}" for one in rows]
    answer(shown, as_json, "\n".join(lines) or "No agent has offered a key yet.")


@key.command("accept")
@click.argument("jid")
@click.argument("key_id")
@data_option
@config_option
@json_option
def key_accept(jid: str, key_id: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Enrol a key of JID that the one before it did not endorse (a probe set up anew)."""
    settings = load(data, config)

    async def job() -> list[str]:
        async with database(settings) as db:
            found = await _named(db, jid, key_id)
            await signing.move(db, jid, None, "rotated", among=("enrolled",), by=found)
            moved = await signing.move(db, jid, found, "enrolled", among=("offered",), by="a person")
            if moved:
                await noted(db, "agent.key.accepted", f"agent:{jid}", keys=moved)
            return moved

    if not (moved := work(job)):
        raise click.ClickException(f"{jid} offers no such key.")
    answer({"agent": jid, "enrolled": moved}, as_json, f"{jid} signs with {moved[0]} from now on.")


@key.command("revoke")
@click.argument("jid")
@click.argument("key_id", required=False)
@data_option
@config_option
@json_option
def key_revoke(jid: str, key_id: str | None, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Take nothing signed by a key of JID any more (by any, without KEY_ID). What it signed stays as it is."""
    settings = load(data, config)

    async def job() -> list[str]:
        async with database(settings) as db:
            found = await _named(db, jid, key_id) if key_id else None
            among = ("offered", "enrolled", "rotated")
            moved = await signing.move(db, jid, found, "revoked", among=among, by="a person")
            if moved:
                await noted(db, "agent.key.revoked", f"agent:{jid}", keys=moved)
            return moved

    if not (moved := work(job)):
        raise click.ClickException(f"{jid} has no such key in force.")
    answer({"agent": jid, "revoked": moved}, as_json, f"revoked: {', '.join(moved)}")


async def _named(db: Any, jid: str, key_id: str) -> str:
    """The whole id of a key named by its beginning."""
    found = [one for one in await signing.all_keys(db) if one.agent == jid and one.key_id.startswith(key_id.lower())]
    if len(found) != 1:
        raise NotFound(f"{jid} has {len(found) or 'no'} keys that begin so; see pumpkin agent key list {jid}.")
    return found[0].key_id
