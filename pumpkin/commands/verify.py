"""`pumpkin verify` and `pumpkin tsa`: judge proofs, with no server, no network and no configuration."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pumpkin.commands.place import data_option, json_option
from pumpkin.evidence import tsp

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def _when(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("give a time as 2026-11-21T12:00:00Z", param_hint="--at") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--root", "roots", multiple=True, type=FILE, help="PEM of an authority's root you trust; may repeat.")
@click.option("--log-key", type=FILE, help="The log's public key (PEM or vkey) you trust.")
@click.option("--at", help="Judge as of this time instead of now (RFC 3339).")
@data_option
@json_option
def verify(
    files: tuple[Path, ...],
    roots: tuple[Path, ...],
    log_key: Path | None,
    at: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Say whether each bundle FILE proves what it claims.

    \b
    Ends with 0  proven against the roots given
              1  not proven
              3  consistent, but nobody vouches for it: no --root was given (a forger can make such a bundle)
              4  unreadable
    The time claim needs --root, the place in the log needs --log-key; the answer says which were established.
    """
    from pumpkin.evidence.bundle_verify import verify_bundle

    trusted = [path.read_bytes() for path in roots]
    key = log_key.read_bytes() if log_key else None
    moment = _when(at)
    worst, answers = 0, []
    for path in files:
        report = verify_bundle(path.read_bytes(), roots=trusted, log_key=key, at=moment)
        answers.append({"file": str(path), **report.as_json()})
        worst = _worse(worst, report.exit_status)
        if not as_json:
            click.echo(f"{path}: {report.text()}")
    if as_json:
        click.echo(json.dumps(answers[0] if len(answers) == 1 else answers, indent=2))
    sys.exit(worst)


def _worse(one: int, other: int) -> int:
    """The graver of two exit statuses: 1 over 4 over 3 over 0."""
    return max(one, other, key=[0, 3, 4, 1].index)


@click.group()
def tsa() -> None:
    """Time-stamp authorities and their responses."""


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
