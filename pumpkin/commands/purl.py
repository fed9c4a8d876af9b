"""`pumpkin purl`: how a package URL is read."""

from __future__ import annotations

import sys

import click

from pumpkin.commands.place import answer, json_option
from pumpkin.errors import InvalidPurl
from pumpkin.model.purl import Purl


@click.command()
@click.argument("strings", nargs=-1, required=True)
@json_option
def purl(strings: tuple[str, ...], as_json: bool) -> None:
    """Read each STRING as a package URL and show its canonical form.

    Ends with 1 when one of them is none.
    """
    found = []
    for text in strings:
        try:
            found.append({"input": text, **Purl.parse(text).as_dict()})
        except InvalidPurl as error:
            found.append({"input": text, "error": error.message})
    lines = [str(item.get("canonical") or f"not a purl: {item['error']}") for item in found]
    answer(found, as_json, "\n".join(lines))
    sys.exit(1 if any("error" in item for item in found) else 0)
