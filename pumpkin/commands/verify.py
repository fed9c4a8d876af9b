"""`pumpkin verify`: judge proofs, with no server, no network and no configuration."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from pumpkin.commands.place import data_option, json_option

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
