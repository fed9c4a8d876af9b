"""`pumpkin backup` and `pumpkin restore`: one encrypted file that holds everything, and everything from it again."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from pumpkin import auditor, identity
from pumpkin import settings as configuration
from pumpkin.adapters import backup as backups
from pumpkin.adapters import dumping
from pumpkin.adapters.backup import BackupBroken, Secret
from pumpkin.adapters.folder import UNFINISHED, DataFolder
from pumpkin.building.ground import called
from pumpkin.commands.audit import WORDS, crew
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.evidence.checkpoint import VerifierKey
from pumpkin.settings import Settings
from pumpkin.store import checks, facts, proofs, snapshots
from pumpkin.store.database import Database
from pumpkin.store.facts import LAST_BACKUP

STAGE = ".pumpkin-backup-"
_DATABASE = re.compile(r"""\s*["']?database["']?\s*=""")
_TABLE = re.compile(r"""\s*\[\[?[^\[\],]+\]\]?\s*(#.*)?\Z""")
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
    if recipient and passphrase_file:
        raise click.UsageError("A backup is closed by --recipient or by --passphrase-file, not by both.")
    if not file.absolute().parent.is_dir():
        raise click.ClickException(f"The folder {file.absolute().parent} is not there.")
    secret = _of(
        lambda: Secret(recipient=recipient) if recipient else Secret(passphrase=_asked(passphrase_file, new=True))
    )
    if file.exists():
        raise click.ClickException(f"{file} is there already; a backup is never written over.")
    began = time.monotonic()
    with ended_in_order():
        manifest = work(lambda: _backup(settings, file, secret, _outside(settings, config)))
    shown = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "checks": manifest["checks"],
        "seconds": round(time.monotonic() - began, 1),
    }
    outside = [str(path) for path in _outside(settings, config)]
    shown["outside"] = outside
    words = f"{file}: {shown['checks']:,} checks, {shown['bytes']:,} bytes, {shown['seconds']} s"
    more = f"\nwith files from outside the data folder: {', '.join(outside)}" if outside else ""
    answer(shown, as_json, words + more)


async def _backup(settings: Settings, file: Path, secret: Secret, outside: list[Path]) -> dict[str, Any]:
    _sweep(file.absolute().parent)
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=STAGE) as folder, _held(Path(folder)):
        async with database(settings, older=True) as db:
            with suppress(PumpkinError):  # a full disk must not be in a backup's way
                await noted(db, "backup", f"file:{file.name}")
            head = await proofs.latest_checkpoint(db)
            async with snapshots.shared(db) as moment:
                staged = await dumping.stage(db.dsn, Path(folder) / "database", moment.name)
            said = {
                "pumpkin": version("pumpkin"),
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "size": head.size if head else 0,
                "checks": moment.checks,
                "checkpoint": head.note if head else None,
            }
            manifest = backups.close(file, settings.data, staged, said, secret, outside)
            with suppress(PumpkinError):  # for `/metrics`
                await facts.put(db, LAST_BACKUP, {"at": time.time_ns() // 1_000, "checks": moment.checks})
            return manifest


def _outside(settings: Settings, config: Path | None) -> list[Path]:
    """The files the settings stand in and name that lie outside the data folder."""
    named = [settings.certificate, settings.certificate_key, settings.correlation.rules, settings.packages.trust_root]
    files = [configuration.file_of(settings.data, config), *(Path(one) for one in named if one)]
    found = dict.fromkeys(path.absolute() for path in files if path.is_file())
    return [path for path in found if not path.is_relative_to(settings.data.absolute())]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A lock on a folder, which ends with this process."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(place: Path) -> None:
    """Remove what backups and restores left there whose processes were killed."""
    for folder in [*place.glob(f"{STAGE}*"), *place.glob(".pumpkin-restore-*")]:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(handle)


@click.command()
@click.argument("file", type=THERE)
@_passphrase
@click.option("--identity", "owned", type=THERE, help="The file with the age identity it was closed to.")
@click.option(
    "--checkpoint", "kept", multiple=True, type=THERE, help="A checkpoint or log-seen.json kept elsewhere; may repeat."
)
@click.option(
    "--database", "dsn", metavar="DSN", help="An empty PostgreSQL to restore into, instead of the embedded one."
)
@data_option
@config_option
@json_option
def restore(
    file: Path,
    passphrase_file: Path | None,
    owned: Path | None,
    kept: tuple[Path, ...],
    dsn: str | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make the empty folder --data what it was when FILE was written, and audit all of it before it may serve.

    Refused: an altered or cut file, a log that does not fit its checkpoints, and, with --checkpoint, a log that had
    grown further than FILE knows: to go on from there would be a fork that any witness would see.
    """
    settings = load(data, config, database=dsn)
    opened = _of(
        lambda: Secret(identity=_identity(owned)) if owned else Secret(passphrase=_asked(passphrase_file, new=False))
    )
    place = DataFolder(settings.data)
    if settings.data.exists() and any(settings.data.iterdir()) and not place.has(UNFINISHED):
        raise click.ClickException(f"{settings.data} is not empty; a backup is restored into an empty folder only.")
    notes = [path.read_text("utf-8", "replace") for path in kept]
    with ended_in_order():
        found = work(lambda: _restore(settings, config, file, opened, notes))
    by = "pumpkin run" + (" --database ..." if dsn and not _names_database(settings, config) else "")
    answer(found, as_json, "\n".join([_restored(found, by), *found["remarks"]]))


def _restored(found: dict[str, Any], by: str) -> str:
    lines = [
        f"{found['data']}: {found['checks']:,} checks as of {found['made']} restored; `{by}` goes on with the log.",
        *(f"proven: {one}" for one in found["proven"]),
        *(f"NOT PROVEN: {one}" for one in found["not_proven"]),
    ]
    return "\n".join(lines)


def _names_database(settings: Settings, config: Path | None) -> bool:
    """Whether the settings file, and not a flag, names the database that was filled."""
    file = configuration.file_of(settings.data, config)
    return file.is_file() and tomllib.loads(file.read_text("utf-8")).get("database", "") == settings.database


async def _restore(
    settings: Settings, config: Path | None, file: Path, secret: Secret, notes: list[str]
) -> dict[str, Any]:
    data, place = settings.data, DataFolder(settings.data)
    made = not data.exists()
    place.claim(restoring=True)
    try:
        _empty(data)  # of a restore that was killed
        _sweep(data.parent)
        part = data / UNFINISHED
        part.mkdir(mode=0o700)  # while it stands nobody serves what lies beside it
        manifest = backups.open_into(file, part, secret)
        backups.put_files(part, data)
        remarks = _own_database(settings, config)
        found = await _fill(settings, place, part / "database.dump", manifest, notes)
        shutil.rmtree(part)
    except BaseException:
        _empty(data)
        place.release()
        (data / "lock").unlink(missing_ok=True)
        if made:
            data.rmdir()
        raise
    place.release()
    proven = [
        "every record, payload, checkpoint and stamp in the backup fits its log (audited)",
        "the newest checkpoint is signed by the key that was restored",
    ]
    if notes:
        return found | {
            "remarks": remarks,
            "proven": [*proven, "the log is no older than what you kept"],
            "not_proven": [],
        }
    missing = (
        "that the log had not grown past this backup. No --checkpoint was given: if it had, going on is a fork that "
        f"witnesses will see. Compare {found['checks']:,} checks with the newest checkpoint anybody kept (GET "
        "/log/checkpoint, a bundle, another node's log-seen.json)"
    )
    return found | {"remarks": remarks, "proven": proven, "not_proven": [missing]}


def _empty(data: Path) -> None:
    for path in data.iterdir():
        if path.name not in {"lock", UNFINISHED}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if (data / UNFINISHED).exists():
        shutil.rmtree(data / UNFINISHED)


def _own_database(settings: Settings, config: Path | None) -> list[str]:
    """What is to be said of the database that the restored settings name: `run` must use the one that is filled, and
    not by itself the one of the installation the backup is of."""
    file = configuration.file_of(settings.data, config)
    if not file.is_file() or not file.is_relative_to(settings.data):
        return []
    text = file.read_text("utf-8")
    named = tomllib.loads(text).get("database", "")
    if not named or named == settings.database:
        return []
    lines = text.split("\n")
    top = next((at for at, line in enumerate(lines) if _TABLE.match(line)), len(lines))
    named_here = [f"# restored elsewhere: {line}" if _DATABASE.match(line) else line for line in lines[:top]]
    aside = [*named_here, *lines[top:]]  # below a table's name, `database` is a setting of that table
    if settings.database:
        aside.insert(0, f"database = {json.dumps(settings.database, ensure_ascii=False)}")
    then, wanted = _read_or_none("\n".join(aside)), tomllib.loads(text) | {"database": settings.database}
    if then is None or {"database": "", **then} != wanted:
        raise BackupBroken(
            f"The backup's {file.name} names its database in a way that cannot be set aside; use --config."
        )
    mode = file.stat().st_mode & 0o777
    file.write_text("\n".join(aside), "utf-8")
    file.chmod(mode)
    whose = called(settings.model_copy(update={"database": named}))
    return [
        f"{file} named {whose}, which is left alone; it now names {called(settings)}, which holds what was restored."
    ]


def _read_or_none(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


async def _fill(
    settings: Settings, place: DataFolder, dump: Path, manifest: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    key = VerifierKey.parse((settings.data / "log-key.vkey").read_text("utf-8").strip())
    first = [manifest["checkpoint"]] if manifest["checkpoint"] else []
    marks = [mark for mark in map(_mark, notes) if mark is not None]
    notes = [note for note in notes if _mark(note) is None]
    async with database(settings, filled_by=lambda dsn: dumping.load(dsn, dump)) as db:
        with crew(db.dsn, await checks.size(db)) as hands:
            found = await auditor.audit(db, key, kept=[*first, *notes], crew=hands)
        if not found.ok:
            fault = found.faults[0]
            raise BackupBroken(f"The restored log was refused at record {fault.index}: {WORDS[fault.kind]}.")
        for mark in marks:
            await same_log(db, mark)
        identity.signed_by(await identity.held(db), place.log_key(""), str(settings.data))
        await noted(db, "restore", "log", made=manifest["made"])
        place.see((await identity.keep(db, key.name)).text)
        return {"data": str(settings.data), "checks": await checks.size(db), "made": manifest["made"]}


def _mark(text: str) -> identity.Mark | None:
    """What a data folder remembers of its log (log-seen.json); None for what is no such memory."""
    try:
        return identity.Mark.parse(text)
    except (ValueError, TypeError):
        return None


async def same_log(db: Database, mark: identity.Mark) -> None:
    """BackupBroken where the log in the database is older than, or another than, what a data folder has seen of it."""
    found = await identity.held(db)
    size = found.head.size if found and found.head else 0
    then = await proofs.checkpoint(db, mark.size) if 0 < mark.size <= size else None
    if size < mark.size or (then is not None and then.root.hex() != mark.root):
        raise BackupBroken(
            f"The log {mark.origin} had {mark.size:,} checks when that folder saw it; the backup has {size:,} of them, "
            "or others: to go on from there would be a fork."
        )


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is under way as Ctrl-C does: what was begun is taken away again."""
    if threading.current_thread() is not threading.main_thread():  # only that one is told of signals
        yield
        return
    told: list[int] = []

    def end(number: int, _: object) -> None:
        told.append(number)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except Exception:
        if told:  # it came while a library of C called back, which makes another error of it
            raise SystemExit(128 + told[0]) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _asked(file: Path | None, *, new: bool) -> str:
    if file is not None:
        words = file.read_text("utf-8").partition("\n")[0]
    elif not sys.stdin.isatty():
        raise click.ClickException("There is no terminal to ask for the passphrase on; give --passphrase-file.")
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
