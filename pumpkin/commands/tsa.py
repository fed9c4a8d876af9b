"""`pumpkin tsa`: time-stamp authorities, whom to ask, how they are doing, and what a response of theirs is worth."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from pumpkin.adapters.tsa import TsaClient
from pumpkin.building import fitness
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.errors import NotFound, StartError
from pumpkin.evidence import introduction, tsp
from pumpkin.model import wire
from pumpkin.store import authorities, proofs
from pumpkin.store.authorities import Entry
from pumpkin.store.database import Database

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PRESETS = {
    "freetsa": "https://freetsa.org/tsr",
    "digicert": "http://timestamp.digicert.com",
    "sectigo": "http://timestamp.sectigo.com",
    "globalsign": "http://timestamp.globalsign.com/tsa/r6advanced1",
    "identrust": "http://timestamp.identrust.com",
    "apple": "http://timestamp.apple.com/ts01",
}
"""Authorities by name: an address only. Whom it leads to is shown, and pinned on consent (rulings.md 48)."""


@click.group()
def tsa() -> None:
    """Time-stamp authorities and their responses."""


@tsa.command("add")
@click.argument("target", metavar="URL|NAME")
@click.option("--name", help="What to call it here.  [default: its preset name, or the host of its address]")
@click.option("--root", "roots", multiple=True, type=FILE, help="PEM of a root to pin instead of what it shows itself.")
@click.option("--policy", help="The policy OID to ask for and insist on.")
@click.option("--min-interval", type=click.FloatRange(0), default=0.0, help="Least seconds between two requests.")
@click.option("--timeout", type=click.FloatRange(0.1), default=5.0, help="Seconds one request may take in all.")
@click.option("--user", default="", help="User name for HTTP Basic.")
@click.option("--password-file", type=FILE, help="A file with the password for it.")
@click.option("--yes", is_flag=True, help="Pin what is shown without asking.")
@data_option
@config_option
@json_option
def tsa_add(
    target: str,
    name: str | None,
    roots: tuple[Path, ...],
    policy: str | None,
    min_interval: float,
    timeout: float,
    user: str,
    password_file: Path | None,
    yes: bool,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Ask an authority for a token, show whose it is, and on your word let it stamp.

    \b
    A running server asks it within seconds; its first token covers everything stored so far.
    Names known: freetsa, digicert, sectigo, globalsign, identrust, apple. Anything else is an address.
    """
    settings = load(data, config)
    url = PRESETS.get(target, target)
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"{target} is neither a name known ({', '.join(PRESETS)}) nor an http address.")
    called = name or (target if target in PRESETS else introduction.name_of(url))
    password = password_file.read_text("utf-8").strip() if password_file else ""
    given = [path.read_bytes() for path in roots]

    async def meet() -> introduction.Introduction:
        client = TsaClient(url, timeout, auth=(user, password) if user else None)
        async with client:
            digest = sha256(secrets.token_bytes(32)).digest()
            query = tsp.make_query(digest, policy=policy)
            return introduction.of(await client.ask(query), query=query, digest=digest, roots=given, policy=policy)

    met = work(meet)
    if not met.ok:
        raise click.ClickException(f"{url} gave no token that verifies: {met.code} ({met.detail}). Nothing was pinned.")
    if not as_json:
        click.echo(_shown(url, met))
    if not yes:
        click.confirm("Pin this root and let the authority stamp?", abort=True, err=as_json)
    entry = Entry(called, url, met.roots, policy, min_interval, timeout, user, password)

    async def job() -> None:
        if called == "local" or called in {one.name for one in settings.authorities}:
            raise StartError(f"The name {called} is taken; give another by --name.")
        async with database(settings, make=True) as db:
            await authorities.add(db, entry)
            pinned = [sha256(root).hexdigest() for root in entry.roots]
            await noted(db, "authority.added", f"authority:{called}", url=url, roots_sha256=pinned)

    work(job)
    answer({"name": called, "url": url, **met.as_json()}, as_json, f"{called} stamps from now on.")


def _shown(url: str, met: introduction.Introduction) -> str:
    lines = [f"{url} answered with a token by this chain, leaf first:"]
    for one in met.chain:
        lines += [
            f"  {one.subject}",
            f"    valid {one.not_before} to {one.not_after}",
            f"    SHA-256 {one.fingerprint}",
        ]
    lines += [f"  policy {met.policy}, accuracy {met.accuracy_s:g} s"]
    lines += [f"  note: {warning}" for warning in met.warnings]
    lines += ["To be pinned (compare its fingerprint with what the authority publishes):"]
    lines += [f"  {one.subject}\n    SHA-256 {one.fingerprint}" for one in met.pinned]
    return "\n".join(lines)


@tsa.command("list")
@data_option
@config_option
@json_option
def tsa_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show who is asked: those of the settings file, those added here, and the local authority."""
    settings = load(data, config)

    async def job() -> list[Entry]:
        async with database(settings) as db:
            return await authorities.entries(db)

    rows: list[dict[str, Any]] = [
        {"name": one.name, "url": one.url, "from": "settings", "policy": one.policy} for one in settings.authorities
    ]
    for entry in work(job):
        pinned = [sha256(root).hexdigest() for root in entry.roots]
        rows.append(
            {"name": entry.name, "url": entry.url, "from": "tsa add", "policy": entry.policy, "roots_sha256": pinned}
        )
    if settings.local_authority:
        rows.append({"name": "local", "url": "local", "from": "this installation, self-asserted", "policy": None})
    text = "\n".join(f"{one['name']:<16} {one['url']}  ({one['from']})" for one in rows)
    answer(rows, as_json, text or "Nobody stamps here.")


@tsa.command("remove")
@click.argument("name")
@data_option
@config_option
@json_option
def tsa_remove(name: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Ask the authority NAME no more. Its tokens stay, and stay as good as they are."""
    settings = load(data, config)

    async def job() -> str:
        if name in {one.name for one in settings.authorities}:
            raise StartError(f"{name} stands in the settings file; take it out there.")
        async with database(settings) as db:
            if not await authorities.remove(db, name):
                raise NotFound(f"There is no authority {name} here; see pumpkin tsa list.")
            await noted(db, "authority.removed", f"authority:{name}")
            return fitness.quorum_fault(settings, len(await authorities.entries(db)))

    short = work(job)
    answer({"removed": name, "warning": short or None}, as_json, f"{name} is asked no more." + f"\n{short}".rstrip())


@tsa.command("status")
@data_option
@config_option
@json_option
def tsa_status(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show how each authority was doing when that last changed, its newest token, and the alerts that stand.

    Ends with 1 while a critical alert stands.
    """
    settings = load(data, config)

    async def job() -> dict[str, Any]:
        async with database(settings) as db:
            return await _status(db)

    found = work(job)
    lines = [
        f"{one['name']:<16} {one['state']:<9} {one['last_error'] or '':<14} newest token {one['newest'] or 'none'}"
        for one in found["authorities"]
    ]
    lines += [f"ALERT {one['severity']}: {one['rule']} {one['authority']}".rstrip() for one in found["alerts"]]
    answer(found, as_json, "\n".join(lines) or "No authority has been asked yet.")
    sys.exit(1 if any(one["severity"] == "critical" for one in found["alerts"]) else 0)


async def _status(db: Database) -> dict[str, Any]:
    rows = []
    for name, (status, at) in (await authorities.states(db)).items():
        stamp = await proofs.latest_stamp(db, name)
        newest = wire.rfc3339(stamp.gen_time) if stamp else None
        rows.append({**status, "name": name, "changed": wire.rfc3339(at), "newest": newest})
    return {"authorities": rows, "alerts": [one.as_json() for one in await authorities.alerts(db)]}


@tsa.command("check")
@click.argument("response", type=FILE)
@click.option("--query", type=FILE, help="The request it answers (nonce, policy and imprint are compared).")
@click.option("--data", "payload", type=FILE, help="The file that was stamped.")
@click.option("--digest", help="Its digest in hex, instead of the file.")
@click.option("--root", "roots", multiple=True, required=True, type=FILE, help="PEM of the root you trust; may repeat.")
@click.option("--untrusted", multiple=True, type=FILE, help="PEM of certificates that may help to build the chain.")
@click.option("--policy", help="The policy OID it must have.")
@json_option
def tsa_check(
    response: Path,
    query: Path | None,
    payload: Path | None,
    digest: str | None,
    roots: tuple[Path, ...],
    untrusted: tuple[Path, ...],
    policy: str | None,
    as_json: bool,
) -> None:
    """Verify any RFC 3161 response (a reply or a bare token), strictly. Ends with 0 or 1."""
    if sum(given is not None for given in (query, payload, digest)) == 0:
        raise click.UsageError("Give one of --query, --data and --digest: a token alone says nothing about a file.")
    if payload is not None and digest is not None:
        raise click.UsageError("Give --data or --digest, not both.")
    asked: dict[str, Any] = {}
    if digest is not None:
        try:
            asked["digest"] = bytes.fromhex(digest)
        except ValueError:
            raise click.BadParameter("is not hexadecimal", param_hint="--digest") from None
    if payload is not None:
        asked["data"] = payload.read_bytes()
    if query is not None:
        asked["query"] = query.read_bytes()
    verdict = tsp.verify(
        response.read_bytes(),
        roots=[path.read_bytes() for path in roots],
        untrusted=[path.read_bytes() for path in untrusted],
        policy=policy,
        **asked,
    )
    if as_json:
        click.echo(json.dumps(_verdict(verdict), indent=2))
    else:
        click.echo(_sentence(verdict))
    sys.exit(0 if verdict.ok else 1)


def _verdict(verdict: Any) -> dict[str, Any]:
    moment = _moment(verdict.gen_time)
    return {
        "ok": verdict.ok,
        "code": verdict.code,
        "gen_time": moment,
        "accuracy_s": None if verdict.accuracy is None else verdict.accuracy / 1e6,
        "policy": verdict.policy,
        "serial": None if verdict.serial is None else str(verdict.serial),
        "tsa": verdict.tsa,
        "warnings": list(verdict.warnings),
        "detail": verdict.detail,
    }


def _moment(micros: int | None) -> str | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC).isoformat().replace("+00:00", "Z")


def _sentence(verdict: Any) -> str:
    if not verdict.ok:
        return f"not valid: {verdict.code}" + (f" ({verdict.detail})" if verdict.detail else "")
    lines = [f"valid: {verdict.tsa or 'the authority'} says the data existed before {_moment(verdict.gen_time)}"]
    return "\n".join([*lines, *(f"note: {warning}" for warning in verdict.warnings)])
