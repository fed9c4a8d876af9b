"""What runs on a probe's host, and nothing of the server: the probes of some files, and their inspection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from actors import inspection, outpost
from pumpkin.adapters.releases import Releases


async def run_probes(
    files: Sequence[Path], *, data: Path, stop: asyncio.Event, releases: Releases | None = None
) -> list[outpost.Summary]:
    """The body of `pumpkin probe`: until `stop` is set, or all jobs are done and delivered."""
    return await outpost.run_probes(files, data=data, stop=stop, releases=releases)


def inspect_probe(file: Path, *, data: Path) -> AsyncGenerator[inspection.Finding, None]:
    """The body of `pumpkin probe --check`."""
    return inspection.inspect(file, data)
