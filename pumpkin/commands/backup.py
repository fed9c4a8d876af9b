"""`pumpkin backup` and `pumpkin restore`: one encrypted file that holds everything, and everything from it again."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from pumpkin import auditor
from pumpkin.adapters import backup as backups
from pumpkin.adapters.backup import BackupBroken, Secret
from pumpkin.commands.audit import WORDS, crew
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.settings import Settings
from pumpkin.store import checks, proofs

FILE = click.Path(path_type=Path, dir_okay=False)
THERE = click.Path(path_type=Path, dir_okay=False, exists=True)
_passphrase = click.option(
    "--passphrase-file", type=THERE, help="Its first line is the passphrase; else it is asked for."
)


@click.command()
@click.argument("file", type=FILE)
@_passphrase
@click.option("--recipient", help="Close it to this age recipient (age1...) instead of a passphrase.")
@data_option
@config_option
@json_option
def backup(
    file: Path,
    passphrase_file: Path | None,
    recipient: str | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write database, keys, certificates and settings into FILE, encrypted, while the server goes on.

    FILE is one snapshot. It holds the log's private key: keep passphrase or identity elsewhere. Any age tool opens it.
    """
    settings = load(data, config)
    secret = _of(
        lambda: Secret(recipient=recipient) if recipient else Secret(passphrase=_asked(passphrase_file, new=True))
    )
    if file.exists():
        raise click.ClickException(f"{file} is there already; a backup is never written over.")
    began = time.monotonic()
    manifest = work(lambda: _backup(settings, file, secret))
    shown = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "checks": manifest["size"],
        "seconds": round(time.monotonic() - began, 1),
    }
    answer(shown, as_json, f"{file}: {shown['checks']:,} checks, {shown['bytes']:,} bytes, {shown['seconds']} s")


async def _backup(settings: Settings, file: Path, secret: Secret) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".pumpkin-backup-") as folder:
        place = Path(folder) / "database.dump"
        async with database(settings) as db:
            with suppress(PumpkinError):  # a full disk must not be in a backup's way
                await noted(db, "backup", f"file:{file.name}")
            head = await proofs.latest_checkpoint(db)
            await backups.dump(db.dsn, place)
        facts = {
            "pumpkin": version("pumpkin"),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "size": head.size if head else 0,
            "checkpoint": head.note if head else None,
        }
        return backups.close(file, settings.data, place, facts, secret)


@click.command()
@click.argument("file", type=THERE)
@_passphrase
@click.option("--identity", type=THERE, help="The file with the age identity it was closed to.")
@click.option("--checkpoint", "kept", multiple=True, type=THERE, help="A checkpoint you kept elsewhere; may repeat.")
@data_option
@config_option
@json_option
def restore(
    file: Path,
    passphrase_file: Path | None,
    identity: Path | None,
    kept: tuple[Path, ...],
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make the empty folder --data what it was when FILE was written, and audit all of it before it may serve.

    Refused: an altered or cut file, a log that does not fit its checkpoints, and, with --checkpoint, a log that had
    grown further than FILE knows: to go on from there would be a fork that any witness would see.
    """
    settings = load(data, config)
    opened = _of(
        lambda: (
            Secret(identity=_identity(identity)) if identity else Secret(passphrase=_asked(passphrase_file, new=False))
        )
    )
    if settings.data.exists() and any(settings.data.iterdir()):
        raise click.ClickException(f"{settings.data} is not empty; a backup is restored into an empty folder only.")
    notes = [path.read_text("utf-8", "replace") for path in kept]
    found = work(lambda: _restore(settings, file, opened, notes))
    answer(
        found,
        as_json,
        f"{settings.data}: {found['checks']:,} checks restored and audited; `pumpkin run` goes on with the log.",
    )


async def _restore(settings: Settings, file: Path, secret: Secret, notes: list[str]) -> dict[str, Any]:
    made = not settings.data.exists()
    settings.data.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=settings.data.parent, prefix=".pumpkin-restore-") as folder:
            manifest = backups.open_into(file, Path(folder), secret)
            backups.put_files(Path(folder), settings.data)
            return await _fill(settings, Path(folder) / "database.dump", manifest, notes)
    except BaseException:
        for path in settings.data.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if made:
            settings.data.rmdir()
        raise


async def _fill(settings: Settings, dump: Path, manifest: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    key = VerifierKey.parse((settings.data / "log-key.vkey").read_text("utf-8").strip())
    first = [manifest["checkpoint"]] if manifest["checkpoint"] else []
    async with database(settings, filled_by=lambda dsn: backups.load(dsn, dump)) as db:
        with crew(db.dsn, await checks.size(db)) as hands:
            found = await auditor.audit(db, key, kept=[*first, *notes], crew=hands)
        if not found.ok:
            fault = found.faults[0]
            raise BackupBroken(f"The restored log was refused at record {fault.index}: {WORDS[fault.kind]}.")
        await noted(db, "restore", "log", made=manifest["made"])
        return {"data": str(settings.data), "checks": await checks.size(db), "made": manifest["made"]}


def _asked(file: Path | None, *, new: bool) -> str:
    if file is not None:
        words = file.read_text("utf-8").partition("\n")[0]
    else:
        words = click.prompt("Passphrase", hide_input=True, confirmation_prompt=new)
    if not words:
        raise click.ClickException("The passphrase is empty.")
    return str(words)


def _identity(file: Path) -> str:
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")


def _of(make: Callable[[], Secret]) -> Secret:
    try:
        return make()
    except InvalidRequest as error:
        raise click.ClickException(error.message) from None
