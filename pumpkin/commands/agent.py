"""`pumpkin agent`: the accounts of probes, and who is approved."""

from __future__ import annotations

import getpass
import json
import math
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click

from pumpkin.adapters.kit import pack
from pumpkin.adapters.xmppd.accounts import verifiers
from pumpkin.commands import signing, update
from pumpkin.commands.options import first_line, password_file_option
from pumpkin.commands.place import answer, config_option, data_option, database, domain, json_option, load, noted, work
from pumpkin.errors import Conflict, InvalidRequest, NotFound, StartError
from pumpkin.model.agents import OWN, bare, is_own
from pumpkin.model.invitation import Pins, base, line
from pumpkin.store import accounts, agents, audit, enrolments, invitations
from pumpkin.store.enrolments import Gift


@click.group()
def agent() -> None:
    """Agents: add, list, approve and remove them."""


agent.add_command(signing.key)
agent.add_command(update.agent_update)


def _jid(jid: str, host: str) -> str:
    try:
        return bare(jid if "@" in jid else f"{jid}@{host}")
    except ValueError as error:
        raise click.BadParameter(f"{error}; a JID looks like probe1@{host}") from None


@agent.command("add")
@click.argument("jid")
@click.option("--password", help="Its password; made when not given. Seen in the list of processes.")
@password_file_option
@data_option
@config_option
@json_option
def agent_add(
    jid: str,
    password: str | None,
    password_file: TextIO | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make an XMPP account for JID and approve it (a name alone gets the installation's domain)."""
    settings = load(data, config)
    own = domain(settings)
    name = _jid(jid, own)
    secret = first_line(password_file) or password or secrets.token_urlsafe(18)

    async def job() -> None:
        async with database(settings, make=True) as db:
            if settings.xmpp.server != "external":
                user, _, host = name.partition("@")
                if host != own:
                    raise NotFound(f"This installation's domain is {own}, not {host}.")
                if user in OWN:
                    raise Conflict(f"{name} is Pumpkin's own; give the agent another name.")
                await accounts.put_account(db, user, verifiers(secret))
            await agents.approve(db, name)
            await noted(db, "agent.add", f"agent:{name}")

    work(job)
    answer({"jid": name, "password": secret}, as_json, f"{name} may connect; its password: {secret}")


@agent.command("list")
@data_option
@config_option
@json_option
def agent_list(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Show every agent ever seen and its state."""
    settings = load(data, config)

    async def job() -> list[Any]:
        async with database(settings) as db:
            return list(await agents.all_agents(db))

    rows = work(job)
    shown = [
        {"jid": row.jid, "state": row.state, "duties": row.duties, "last_seen": row.last_seen or None} for row in rows
    ]
    answer(shown, as_json, "\n".join(f"{row.state:<9} {row.jid}" for row in rows) or "No agents yet.")


@agent.command("approve")
@click.argument("jid")
@data_option
@config_option
@json_option
def agent_approve(jid: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Let JID deliver checks, also beforehand: of a name that was never seen, the answer says so."""
    settings = load(data, config)
    name = _jid(jid, domain(settings))

    async def job() -> bool:
        async with database(settings, make=True) as db:
            known = await agents.get(db, name) is not None
            user, _, host = name.partition("@")
            if not known and host == domain(settings):
                known = await accounts.get_account(db, user) is not None
            await agents.approve(db, name)
            await noted(db, "agent.approve", f"agent:{name}")
            return known

    known = work(job)
    text = f"{name} is approved."
    if not known:
        text += " No agent of this name was ever seen here, nor has one an account: mind the spelling."
    answer({"jid": name, "state": "approved", "known": known}, as_json, text)


@agent.command("remove")
@click.argument("jid")
@data_option
@config_option
@json_option
def agent_remove(jid: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Revoke JID and delete its XMPP account; its checks stay proven."""
    settings = load(data, config)
    own = domain(settings)
    name = _jid(jid, own)

    async def job() -> None:
        async with database(settings) as db:
            if await agents.get(db, name) is None:
                raise NotFound(f"There is no agent {name} here; `pumpkin agent list` names all.")
            if is_own(name, own):
                raise Conflict(f"{name} is Pumpkin's own; it stays.")
            await agents.revoke(db, name)
            user, _, host = name.partition("@")
            if host == own:
                await accounts.delete_account(db, user)
            await noted(db, "agent.remove", f"agent:{name}")

    work(job)
    answer({"jid": name, "state": "revoked"}, as_json, f"{name} is revoked.")


@agent.command("line")
@click.option("--address", help="HOST:PORT by which the new host reaches this server; else what it listens on.")
@click.option("--name", default="", help="What the probe is to be called; its host's name when not given.")
@click.option("--tag", "tags", multiple=True, help="A tag it bears; may be given more than once.")
@click.option("--duty", "duties", multiple=True, default=("probe",), show_default=True, help="A duty it has.")
@click.option("--site", default="", help="Where it stands.")
@click.option("--approve", is_flag=True, help="Let it in at once, without looking at its key's fingerprint.")
@click.option("--uses", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Hosts it is good for.")
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(0.01, 8_784), help="How long.")
@data_option
@config_option
@json_option
def agent_line(
    address: str | None,
    name: str,
    tags: Sequence[str],
    duties: Sequence[str],
    site: str,
    approve: bool,
    uses: int,
    hours: float,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make an invitation, and print the line that turns a new host into a probe."""
    settings = load(data, config)
    try:
        running = json.loads((settings.data / "ready.json").read_bytes())["url"]
    except (OSError, ValueError, KeyError):
        raise click.ClickException(f"No Pumpkin runs on {settings.data}; its address is not known.") from None
    secure = running.startswith("https:")
    url = running
    if address:
        try:
            url = base(address, secure=secure)
        except InvalidRequest as error:
            raise click.BadParameter(error.message) from None
    elif urlsplit(running).hostname in ("0.0.0.0", "::"):  # noqa: S104
        raise click.UsageError("Pumpkin listens on every address: say by --address HOST:PORT which a new host reaches.")
    if not math.isfinite(hours):
        raise click.BadParameter("The hours are no number.")
    gift = Gift(name, tuple(tags), tuple(duties), site, "", approve, f"command line ({getpass.getuser()})")

    async def job() -> str:
        async with database(settings) as db:
            token = await enrolments.invite(db, gift, uses=uses, hours=hours)
            detail = {"name": name, "tags": list(tags), "site": site, "approve": approve, "uses": uses, "hours": hours}
            await audit.add(db, who=gift.made_by, act="agent.invite", object=f"invitation:{token[:6]}", detail=detail)
            return token

    token = work(job)
    shown = (settings.certificate or settings.data / "tls" / "server.pem") if secure else None
    made = line(url, token, Pins.of(shown.read_bytes()) if shown else None)
    answer({"token": token, "line": made.curl, "python": made.python, "hours": hours}, as_json, made.curl)


@agent.command("kit")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where to put it.")
@json_option
def agent_kit(out: Path, as_json: bool) -> None:
    """Pack what a probe needs on hosts like this one; lay it into the folder kits of a server's data folder."""
    try:
        made = pack(out)
    except StartError as error:
        raise click.ClickException(error.message) from None
    shown = {"file": str(made.path), "tag": made.tag, "sha256": made.sha256, "size": made.size}
    answer(shown, as_json, f"{made.path}: for {made.tag}, {made.size:,} bytes, SHA-256 {made.sha256}")


@agent.command("invite")
@click.option("--uses", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Accounts it is good for.")
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(0.01, 8_784), help="How long.")
@click.option("--note", default="", help="What it is for.")
@data_option
@config_option
@json_option
def agent_invite(uses: int, hours: float, note: str, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Make an invitation: a token with which a probe makes its own account, which then waits for approval."""
    if not math.isfinite(hours):
        raise click.BadParameter("The hours are no number.")
    settings = load(data, config)

    async def job() -> str:
        async with database(settings) as db:
            token = await invitations.add(db, uses=uses, hours=hours, note=note)
            await noted(db, "agent.invite", f"invitation:{token[:6]}", uses=uses, hours=hours, note=note)
            return token

    token = work(job)
    shown = {"token": token, "uses": uses, "hours": hours}
    text = f"Invitation, good for {uses} account(s) within {hours:g} hours: {token}"
    if settings.xmpp.registration == "closed":
        text += "\nRegistration is closed: set xmpp.registration to token, or it is good for enrolment by HTTPS only."
    answer(shown, as_json, text)
