"""`pumpkin analyze`: packages analysed on a server, or alone with everything embedded; fit for a gate in CI."""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pumpkin.adapters.analysis_client import AnalysisClient, Refused
from pumpkin.addresses import web_address
from pumpkin.analysis import documents
from pumpkin.analysis.outputs import sarif
from pumpkin.commands.place import config_option, data_option, database, load, work
from pumpkin.errors import InvalidRequest, PumpkinError
from pumpkin.model import manifests
from pumpkin.settings import Settings
from pumpkin.store import keys

GRAVITY = {"clean": 0, "suspicious": 2, "malicious": 3}
THRESHOLDS = {"malicious": 3, "suspicious": 2, "never": 9}
OK, FOUND, INCOMPLETE, UNREADABLE = 0, 1, 3, 4
NO_PACKAGE = frozenset(
    {
        "missing_purl",
        "invalid_purl",
        "unsupported_ecosystem",
        "package_not_found",
        "invalid_request",
        "payload_too_large",
    }
)
"""Codes of refusals that are about what was asked for; all others are about the asking."""
OWN_KEY, OWN_KEY_LIFE_S = "pumpkin analyze", 7 * 86_400
FILE_LIMIT = 512 * 1024 * 1024
AT_ONCE = 1_000


@dataclass(frozen=True)
class Target:
    """What one argument is: a purl, the text of a manifest, or the bytes of an archive."""

    name: str
    purl: str = ""
    manifest: str | None = None
    archive: bytes | None = None


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="PURL|FILE...")
@click.option(
    "--server", metavar="URL", envvar="PUMPKIN_SERVER", help="The server to ask.  [default: the one on --data]"
)
@click.option("--key", envvar="PUMPKIN_KEY", help="A key of that server with packages:read and packages:write.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the reports.")
@click.option("--format", "form", type=click.Choice(["table", "json", "sarif"]), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--fail-on", type=click.Choice(sorted(THRESHOLDS)), default="malicious", show_default=True,
              help="Ends 1 from this outcome on.")  # fmt: skip
@click.option("--priority", type=click.IntRange(0, 9), default=0, show_default=True)
@click.option("--force", is_flag=True, help="Analyse again though there is a result.")
@click.option("--ecosystem", default="", help="Of a local archive, where its name does not say it.")
@data_option
@config_option
def analyze(
    targets: tuple[str, ...],
    server: str | None,
    key: str | None,
    wait: bool,
    form: str,
    as_json: bool,
    fail_on: str,
    priority: int,
    force: bool,
    ecosystem: str,
    data: Path | None,
    config: Path | None,
) -> None:
    """Have packages analysed: purls, local archives, or all that a requirements.txt, package-lock.json, uv.lock, or a
    bill of materials (CycloneDX, SPDX) names.

    \b
    Without --server the one running on --data is asked; where none runs, one is started for the while.
    Ends with 0  below the threshold of --fail-on
              1  at or above it
              3  incomplete: something could not be looked at, or no server answered
              4  unreadable, or no package of that name
    """
    form = "json" if as_json else form
    try:
        read = [_target(one) for one in targets]
    except OSError as error:
        click.echo(f"pumpkin: {error.filename}: {error.strerror}; give a purl (pkg:pypi/six) or a file", err=True)
        sys.exit(UNREADABLE)
    except (ValueError, PumpkinError) as error:
        click.echo(f"pumpkin: {error.message if isinstance(error, PumpkinError) else error}", err=True)
        sys.exit(UNREADABLE)
    more = {"priority": priority, "force": force}

    async def job() -> list[dict[str, Any]]:
        async with _client(server, key, data, config) as client:
            tasks = [task for one in read for task in await _submitted(client, one, more, ecosystem)]
            if not wait:
                return tasks
            return [await _result(client, task, form) for task in tasks]

    results: list[dict[str, Any]] = _worked(job)
    _print(results, form if wait else "json" if form == "json" else "tasks")
    sys.exit(_status(results, fail_on))


class _Unanswered(click.ClickException):
    exit_code = INCOMPLETE


def _worked(job: Callable[[], Coroutine[Any, Any, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """As `work`; what fails there says nothing of the packages, and must not look like a finding."""
    try:
        found: list[dict[str, Any]] = work(job)
    except click.UsageError:
        raise
    except click.ClickException as error:
        raise _Unanswered(error.message) from None
    return found


def _target(text: str) -> Target:
    if text.startswith("pkg:"):
        return Target(text, purl=text)
    path = Path(text)
    if path.stat().st_size > FILE_LIMIT:
        raise ValueError(f"{text} is larger than {FILE_LIMIT} bytes")
    content = path.read_bytes()
    if manifests.known(path.name):
        return Target(path.name, manifest=content.decode("utf-8", "replace"))
    return Target(path.name, archive=content)


async def _submitted(
    client: AnalysisClient, target: Target, more: Mapping[str, Any], ecosystem: str
) -> list[dict[str, Any]]:
    """The tasks of one target; what was refused as an item with `code`."""
    try:
        if target.manifest is not None:
            found = manifests.read(target.name, target.manifest)
            for left in found.skipped:
                click.echo(f"left out, it is no package of a registry: {left}", err=True)
            if not found.purls:
                click.echo(f"{target.name} names no package of a registry", err=True)
            return [
                item
                for at in range(0, len(found.purls), AT_ONCE)
                for item in await client.submit_many(found.purls[at : at + AT_ONCE], **more)
            ]
        if target.archive is not None:
            fields = {"priority": str(more["priority"]), "ecosystem": ecosystem, "force": str(more["force"]).lower()}
            return [{"purl": target.name, **await client.upload(target.name, target.archive, fields)}]
        return [{"purl": target.purl, **await client.submit(target.purl, **more)}]
    except (Refused, InvalidRequest) as error:
        code = (error.fields or {}).get("code", "") if isinstance(error, Refused) else error.code
        return [{"purl": target.name, "code": code, "message": error.message}]


async def _result(client: AnalysisClient, task: dict[str, Any], form: str) -> dict[str, Any]:
    """What came of one task, in the shape of rulings.md 30."""
    if "code" in task:
        return {"purl": task["purl"], "outcome": None, "error": task["message"], "code": task["code"], "findings": []}

    def told(moved: Mapping[str, Any]) -> None:
        if form == "table" and sys.stderr.isatty():
            click.echo(f"{moved['purl']}: {moved['status']}", err=True)

    ended = await client.wait(task["uuid"], told)
    report = await client.report(task["uuid"])
    shown = {
        "purl": ended["purl"],
        "outcome": ended["outcome"],
        "task_id": ended["task_id"],
        "proof_url": ended["proof_url"],
    }
    if report is None:
        return {**shown, "score": 0, "findings": [], "not_checked": [], "artifact": None, "rules": "",
                "error": ended.get("error_message")}  # fmt: skip
    return {**shown, **documents.scanned(report), "outcome": ended["outcome"]}


def _print(results: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        click.echo(json.dumps(results[0] if len(results) == 1 else {"packages": results}, indent=2))
    elif form == "sarif":
        click.echo(json.dumps(_sarif(results), indent=2))
    elif form == "tasks":
        for one in results:
            click.echo(f"{one['purl']}: {one.get('status_url') or one.get('message')}")
    else:
        for one in results:
            click.echo("\n".join(_lines(one)))


def _sarif(results: list[dict[str, Any]]) -> dict[str, Any]:
    """SARIF 2.1.0: a run for each package that could be looked at."""
    logs = [sarif.document(one) for one in results if one.get("artifact")]
    empty = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": []}
    return {**(logs[0] if logs else empty), "runs": [run for log in logs for run in log["runs"]]}


def _lines(one: Mapping[str, Any]) -> list[str]:
    said = one["outcome"] or f"not analysed: {one.get('error')}"
    lines = [f"{one['purl']}: {said}" + (f" (score {one['score']} of 100)" if one["outcome"] else "")]
    lines += [f"  {why}" for why in one.get("why", [])]
    lines += [f"  not looked at: {what}" for what in list(one.get("not_checked", []))[:10]]
    if one["outcome"] and one.get("error"):
        lines.append(f"  {one['error']}")
    return lines


def _status(results: list[dict[str, Any]], fail_on: str) -> int:
    """The gravest of all: found, then incomplete, then unreadable. What only was handed in has no outcome yet."""
    if any(GRAVITY.get(one.get("outcome") or "", 0) >= THRESHOLDS[fail_on] for one in results):
        return FOUND
    unread = [one for one in results if one.get("code") in NO_PACKAGE or one.get("outcome") == "not_found"]
    refused = [one for one in results if "code" in one or one.get("outcome", "clean") not in GRAVITY]
    if len(refused) > len(unread):
        return INCOMPLETE
    return UNREADABLE if unread else OK


@asynccontextmanager
async def _client(
    server: str | None, key: str | None, data: Path | None, config: Path | None
) -> AsyncIterator[AnalysisClient]:
    """A client of the server named, of the one running on the data folder, or of one started for the while."""
    if server:
        try:
            web_address(server)
        except ValueError as error:
            raise click.UsageError(f"The address of --server {error}.") from None
        async with AnalysisClient(server, key or "") as client:
            yield client
        return
    short = {"xmpp": {"port": 0, "listen": "127.0.0.1"}, "sandbox": {"build": False}}  # an image takes minutes to make
    settings = load(data, config, listen="127.0.0.1:0", demo=False, **short)
    async with (
        _running(settings) as url,
        _own_key(settings, key) as text,
        AnalysisClient(url, text, trust=_trust(settings, url)) as client,
    ):
        yield client


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[str]:
    facts = settings.data / "ready.json"
    if facts.exists():
        found = json.loads(facts.read_text("utf-8"))
        if _alive(found["pid"]):
            yield str(found["url"])
            return
    from pumpkin import app
    from pumpkin.commands.serve import log_to_stderr

    log_to_stderr()
    async with app.running(settings) as house:
        yield house.url


@asynccontextmanager
async def _own_key(settings: Settings, key: str | None) -> AsyncIterator[str]:
    """The key given, else one for the while of this command."""
    if key:
        yield key
        return
    async with database(settings) as db:
        await keys.forget(db, OWN_KEY)
        expires = time.time_ns() // 1_000 + OWN_KEY_LIFE_S * 1_000_000  # a killed command leaves none that works
        scopes = ["packages:read", "packages:write"]
        made, text = await keys.create(db, name=OWN_KEY, scopes=scopes, rate=1_000_000, expires=expires)
        try:
            yield text
        finally:
            await keys.forget(db, OWN_KEY, made.id)


def _trust(settings: Settings, url: str) -> ssl.SSLContext | None:
    ca = settings.data / "tls" / "ca.pem"
    return ssl.create_default_context(cafile=ca) if url.startswith("https") and ca.exists() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
