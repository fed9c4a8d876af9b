"""Whom a command means: the agents named by JID, or by tag, duty, site, or all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import click

from pumpkin.errors import InvalidRequest
from pumpkin.model.assignments import Targets, read_targets


def aimed(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `jids` the other ways to name agents; it is called with one `targets` for them all.

    UsageError for nobody, or for more than one way.
    """

    @click.option("--tag", "tags", multiple=True, help="Every agent that bears this tag.")
    @click.option("--duty", default="", help="Every agent of this duty.")
    @click.option("--site", default="", help="Every agent at this site.")
    @click.option("--all", "everybody", is_flag=True, help="Every agent that takes orders.")
    @functools.wraps(command)
    def run(jids: Sequence[str], tags: Sequence[str], duty: str, site: str, everybody: bool, **others: Any) -> None:
        command(targets=_targets(jids, tags, duty, site, everybody), **others)

    return run


def _targets(jids: Sequence[str], tags: Sequence[str], duty: str, site: str, everybody: bool) -> Targets:
    try:
        return read_targets(
            {"jids": list(jids), "tags": list(tags), "duty": duty, "site": site, "all": everybody or None}
        )
    except InvalidRequest as error:
        raise click.UsageError(
            error.message.replace("jids, tags, duty, site or all", "by JID, --tag, --duty, --site or --all")
        ) from None
