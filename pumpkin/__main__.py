"""The command line: `pumpkin COMMAND`. Each command stands in a file of its own below `pumpkin.commands`."""

from __future__ import annotations

import errno
import gc
import importlib
import json
import keyword
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import click

COMMANDS = {
    "run": "serve",
    "worker": "worker",
    "probe": "probe",
    "agent": "agent",
    "enroll": "enroll",
    "job": "job",
    "key": "access",
    "user": "people",
    "verify": "verify",
    "tsa": "tsa",
    "renew": "renew",
    "rekey": "rekey",
    "audit": "audit",
    "erase": "erase",
    "scan": "scan",
    "explain": "scan",
    "rules": "rules",
    "names": "rules",
    "rescore": "triage",
    "triage": "triage",
    "source": "source",
    "purl": "purl",
    "watch": "discovery",
    "catalogue": "discovery",
    "analyze": "analyze",
    "doctor": "doctor",
    "config": "config",
    "sandbox": "sandbox",
    "modules": "modules",
    "backup": "backup",
    "restore": "backup",
    "upgrade": "upgrade",
    "import": "importing",
    "openapi": "about",
    "version": "about",
}


_CODED = re.compile(r"(.*) \[([a-z0-9_]+)\]", re.DOTALL)
"""How a command says a typed error: its sentence and its code."""


class _Late(click.Group):
    """A group that imports a command's file when that command is asked for: `pumpkin version` starts in no time."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """As click's; with --json an error is one JSON object on standard error instead of a sentence. An answer
        that cannot be written is a sentence too."""
        try:
            return self._answered(args, *more, **options)
        except OSError as error:
            if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to be said goes nowhere
            click.echo(f"Error: The answer cannot be written: {error.strerror}.", err=True)
            sys.exit(1)

    def _answered(self, args: Sequence[str] | None, *more: Any, **options: Any) -> Any:
        given = sys.argv[1:] if args is None else args
        if "--json" not in given or options.get("standalone_mode") is False:
            return super().main(args, *more, **options)
        try:
            status = super().main(args, *more, **{**options, "standalone_mode": False})
        except click.ClickException as error:
            coded = _CODED.fullmatch(error.format_message())
            usage = "usage" if isinstance(error, click.UsageError) else "failed"
            said = (
                {"code": coded[2], "message": coded[1]} if coded else {"code": usage, "message": error.format_message()}
            )
            click.echo(json.dumps({"error": said}), err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo(json.dumps({"error": {"code": "aborted", "message": "Aborted."}}), err=True)
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # what is loaded stays; collections in between find nothing and take a tenth of the time
        try:
            module = importlib.import_module(f"pumpkin.commands.{COMMANDS[cmd_name]}")
        finally:
            gc.enable()
        command: click.Command = getattr(module, f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name)
        return _with_data(command)


def _with_data(command: click.Command) -> click.Command:
    """`command`, it or each of its subcommands taking --data DIR also where there is nothing to look up in it."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _with_data(one)
    elif not any("--data" in option.opts for option in command.params):
        text = "The folder all state lives in; nothing is read from it here."
        command.params.append(click.Option(["--data"], metavar="DIRECTORY", expose_value=False, help=text))
    return command


@click.group(cls=_Late, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="pumpkin", prog_name="pumpkin", message="%(prog)s %(version)s")
def cli() -> None:
    """Pumpkin collects what probes and package analyses observed, and proves what was checked.

    \b
    Start here:
      pumpkin run                     everything on embedded defaults, pages at http://127.0.0.1:8000
      pumpkin probe -c probe.json     one probe of your own (SCANDALE's configuration files work as they are)
      pumpkin verify check.zip        does a bundle prove what it claims? (no server, no network)

    Every command takes --data DIR, the folder all state lives in.
    """


def main(*args: Any, **kwargs: Any) -> Any:
    return cli(*args, prog_name="pumpkin", **kwargs)


if __name__ == "__main__":
    main()
