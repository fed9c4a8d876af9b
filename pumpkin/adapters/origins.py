"""Looks for a package's source: the repositories it names are asked for the version's tag, files compared by blob id.

Where an attestation names repository and commit, that commit is compared instead of a tag. A forge that does not answer
is left alone for a while, so that a server without the Internet loses no time with it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from pumpkin.adapters import git
from pumpkin.adapters.forges import Forges, NotShown
from pumpkin.analysis import source
from pumpkin.analysis.provenance import Provenance
from pumpkin.analysis.scans import Scan
from pumpkin.model.findings import Finding

DEADLINE_S = 25.0
PAUSE_S = 300.0
ASKED_MOST = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """What became of it: `state` of `analysis.source` ("none", "claimed", "verified", ...), the repository and the
    comparison where there is one, findings, and why it could not be compared ("" when it was)."""

    state: str
    repository: str = ""
    compared: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    why: str = ""


class Origins:
    """Asks forges under one deadline an analysis; remembers which of them do not answer."""

    def __init__(self, forges: Forges, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._forges = forges
        self._away: dict[str, float] = {}

    async def of(self, scan: Scan, version: str, name: str, attested: Provenance | None = None) -> Origin:
        """The best comparison among the repositories the package names. Raises nothing for what a forge does."""
        commit = attested.commit if attested is not None and attested.verified else ""
        addresses = list(dict.fromkeys([*([attested.repository] if attested and commit else []), *scan.sources]))
        if not addresses:
            return Origin("none", why="the package names no repository")
        best, why = Origin("attested" if commit else "claimed", addresses[0]), ""
        try:
            async with asyncio.timeout(self._deadline_s):
                for place, address in enumerate(addresses[:ASKED_MOST]):
                    host = urlsplit(address).hostname or ""
                    if time.monotonic() < self._away.get(host, 0.0):
                        why = f"{host} did not answer a moment ago"
                        continue
                    try:
                        at = commit if place == 0 else ""
                        found = await self._compared(scan, address, version, name, at)
                    except (git.GitFailed, TimeoutError) as error:
                        why = error.message if isinstance(error, git.GitFailed) else f"{host} took too long"
                        if not isinstance(error, NotShown):
                            self._away[host] = time.monotonic() + PAUSE_S
                        continue
                    if found is not None and found.compared["ratio"] >= best.compared.get("ratio", -1.0):
                        best = found
                    if best.compared and best.state in source.GOOD_STATES:
                        break
        except TimeoutError:
            why = "the forges took too long"
        if best.compared:
            return best
        return Origin(best.state, best.repository, why=why or "no repository named has a tag of this version")

    async def _compared(self, scan: Scan, address: str, version: str, name: str, commit: str) -> Origin | None:
        reached = await self._forges.reach(address)
        tree = await (git.commit_tree(reached, commit) if commit else git.tag_tree(reached, version, name))
        if tree is None:
            return None
        compared = await asyncio.to_thread(source.compare, scan.files, tree.files)
        if commit and compared.state == "verified":
            compared = replace(compared, state="attested")
        findings = source.findings(compared, address, scan.findings)
        shown = {**compared.as_json(), "tag": tree.ref, "commit": tree.commit}
        return Origin(compared.state, address, shown, tuple(findings))
