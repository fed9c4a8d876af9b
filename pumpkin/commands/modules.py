"""`pumpkin modules`: what is handed to other systems, how far it is, a test of one, and what became of the refused."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from pumpkin.adapters import modules as adapters
from pumpkin.building import modules as building
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work
from pumpkin.errors import NotFound, StartError
from pumpkin.model.wire import rfc3339
from pumpkin.sections import ModuleSettings
from pumpkin.settings import Settings
from pumpkin.store import audit, deliveries
from pumpkin.store.deliveries import Standing


@click.group()
def modules() -> None:
    """What is handed to other systems: list, test, retry."""


@modules.command("list")
@data_option
@config_option
@json_option
def list_modules(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Every module: where it stands, what it delivered, what was refused."""
    settings = load(data, config)

    async def job() -> dict[str, Standing]:
        async with database(settings) as db:
            return {one.name: one for one in await deliveries.everything(db)}

    rows: dict[str, Standing] = work(job)
    known = {one.name: one for one in settings.modules}
    shown = [_shown(name, known.get(name), rows.get(name)) for name in sorted({*rows, *known})]
    for one in shown:
        if one["name"] in known and (why := _broken(settings, known[one["name"]])):
            one |= {"state": "its settings cannot work", "last_error": why}
    lines = [
        f"{one['name']}  {one['kind']}  {one['state']}: {one['delivered']} delivered, {one['behind']} to look at, "
        f"{one['dead']} dead letters{'; ' + one['last_error'] if one['last_error'] else ''}"
        for one in shown
    ]
    answer(shown, as_json, "\n".join(lines) or "No module is configured.")


@modules.command("kinds")
@json_option
def list_kinds(as_json: bool) -> None:
    """The kinds of modules there are, ours and those of installed packages, with their options."""
    found: list[dict[str, Any]] = []
    for kind in adapters.kinds().values():
        try:
            fields = kind.load().Options.model_fields
            options = {field.alias or name: field.description or "" for name, field in fields.items()}
            found.append({"kind": kind.name, "of": kind.source, "options": options, "error": None})
        except StartError as error:
            found.append({"kind": kind.name, "of": kind.source, "options": {}, "error": error.message})
    lines = [
        f"{one['kind']} ({one['of']}): {one['error'] or ', '.join(one['options']) or 'no options'}" for one in found
    ]
    answer(found, as_json, "\n".join(lines))


@modules.command("test")
@click.argument("name")
@data_option
@config_option
@json_option
def try_one(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Hand the module NAME one test item, now and past its queue. Exit status 1 when it is not taken."""
    settings = load(data, config)
    came = work(lambda: building.trial(settings, name))
    words = f"{name} took the test item in {came['took_s']:g} s" if came["ok"] else f"{name}: {came['error']}"
    answer(came, as_json, words)
    raise SystemExit(0 if came["ok"] else 1)


@modules.command("dead")
@click.argument("name")
@data_option
@config_option
@json_option
def list_dead(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """The dead letters of the module NAME: what its target refused for good."""
    settings = load(data, config)

    async def job() -> list[dict[str, Any]]:
        async with database(settings) as db:
            await _known(db, name)
            return [
                {
                    "id": one.id,
                    "topic": one.topic,
                    "subject": one.subject,
                    "check": str(one.record) if one.record else None,
                    "reason": one.reason,
                    "tries": one.tries,
                    "last": rfc3339(one.last),
                }
                for one in await deliveries.dead(db, name, limit=1_000)
            ]

    found: list[dict[str, Any]] = work(job)
    lines = [f"{one['id']}  {one['subject']}\n    {one['reason']} ({one['tries']} tries)" for one in found]
    answer(found, as_json, "\n".join(lines) or "No dead letters.")


@modules.command("retry")
@click.argument("name")
@click.argument("letter", type=click.IntRange(1, 2**62), required=False)
@data_option
@config_option
@json_option
def retry(name: str, letter: int | None, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Have the module NAME try now what waits, and all its dead letters (or only LETTER) once more."""
    settings = load(data, config)

    async def job() -> int:
        async with database(settings) as db:
            await _known(db, name)
            count = await deliveries.retry(db, name, letter)
            if letter is not None and not count:
                raise NotFound("There is no such dead letter.")
            await _note(db, "module.retried", name, {"letters": count})
            return count

    count = work(job)
    answer({"retried": count}, as_json, f"{count} dead letters are tried again; what waits is tried now")


@modules.command("discard")
@click.argument("name")
@click.argument("letter", type=click.IntRange(1, 2**62), required=False)
@click.option("--all", "every", is_flag=True, help="All dead letters of the module.")
@data_option
@config_option
@json_option
def discard(name: str, letter: int | None, every: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Let go of the dead LETTER of the module NAME, or with --all of every one."""
    if (letter is None) == (not every):
        raise click.UsageError("Name one dead letter, or give --all.")
    settings = load(data, config)

    async def job() -> int:
        async with database(settings) as db:
            await _known(db, name)
            count = await deliveries.discard(db, name, letter)
            if letter is not None and not count:
                raise NotFound("There is no such dead letter.")
            await _note(db, "module.discarded", name, {"letters": count, "letter": letter})
            return count

    count = work(job)
    answer({"discarded": count}, as_json, f"{count} let go of")


@modules.command("pause")
@click.argument("name")
@data_option
@config_option
@json_option
def pause(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Stop delivering to the module NAME; what comes waits."""
    _pause(name, load(data, config), True, as_json)


@modules.command("resume")
@click.argument("name")
@data_option
@config_option
@json_option
def resume(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Let the module NAME go on where it stood."""
    _pause(name, load(data, config), False, as_json)


@modules.command("forget")
@click.argument("name")
@data_option
@config_option
@json_option
def forget(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Forget where the module NAME stood, with its dead letters; it must no longer be in the settings."""
    settings = load(data, config)
    if any(one.name == name for one in settings.modules):
        raise click.ClickException(f"The module {name} is configured; take it out of the settings first.")

    async def job() -> None:
        async with database(settings) as db:
            if not await deliveries.forget(db, name):
                raise NotFound(f"There is no module {name}.")
            await _note(db, "module.forgotten", name, {})

    work(job)
    answer({"forgotten": name}, as_json, f"{name} is forgotten")


def _pause(name: str, settings: Settings, paused: bool, as_json: bool) -> None:
    async def job() -> None:
        async with database(settings) as db:
            if not await deliveries.pause(db, name, paused=paused):
                raise NotFound(f"There is no module {name}.")
            await _note(db, "module.paused" if paused else "module.resumed", name, {})

    work(job)
    answer({"name": name, "paused": paused}, as_json, f"{name} {'waits' if paused else 'goes on'}")


def _broken(settings: Settings, one: ModuleSettings) -> str:
    try:
        building.check_one(settings, one)
    except StartError as error:
        return error.message
    return ""


async def _known(db: Any, name: str) -> None:
    if await deliveries.get(db, name) is None:
        raise NotFound(f"There is no module {name}.")


async def _note(db: Any, act: str, name: str, detail: dict[str, Any]) -> None:
    await audit.add(db, who=f"shell:{getpass.getuser()}", act=act, object=f"module:{name}", detail=detail)


def _shown(name: str, known: Any, row: Standing | None) -> dict[str, Any]:
    state = "no longer configured" if known is None else "off" if not known.enabled else "not begun"
    if known is not None and row is not None:
        state = "paused" if row.paused else "waits for its target" if row.attempt else "delivers"
    return {
        "name": name,
        "kind": known.kind if known else row.kind if row else "",
        "state": state,
        "delivered": row.delivered if row else 0,
        "behind": row.behind + row.events_behind if row else 0,
        "retries": row.retries if row else 0,
        "dead": row.dead if row else 0,
        "lost": row.lost if row else 0,
        "last_success": rfc3339(row.last_success) if row and row.last_success else None,
        "last_error": row.last_error or None if row else None,
    }
