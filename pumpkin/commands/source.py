"""`pumpkin source`: where a package's source lies, and how far the released files are what it holds."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from pumpkin.adapters import git
from pumpkin.analysis import archive, static
from pumpkin.analysis import source as comparing
from pumpkin.analysis.scans import FileFact
from pumpkin.commands.place import answer, json_option, work
from pumpkin.commands.scan import ARTIFACT_LIMIT, folder

_DEADLINE_S = 120.0


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path, exists=True))
@click.option("--repo", help="The source repository: a folder of this machine or an https address.  [default: as the "
              "package's papers say]")  # fmt: skip
@click.option("--version", help="The version whose tag is compared.  [default: as the package's papers say]")
@click.option("--offline", is_flag=True, help="Only say what the papers name, ask no repository.")
@json_option
def source(artifact: Path, repo: str | None, version: str | None, offline: bool, as_json: bool) -> None:
    """Find the source repository of ARTIFACT (an archive or folder) and compare its files with the version's tag.

    \b
    Ends with 0  verified, matched or claimed
              1  partly or mismatch
              3  no repository is named, or none could be asked
    """
    files = _read(artifact)
    name, papers_version = static.named(files)
    found = comparing.candidates(files, name)
    listed = [vars_of(one) for one in found]
    told: dict[str, Any] = {"name": name, "version": version or papers_version, "candidates": listed}
    addresses = [repo] if repo else [one.url for one in found[:2]]
    if offline or not addresses:
        state = "claimed" if found else "none"
        answer({**told, "state": state}, as_json, _told({**told, "state": state}))
        sys.exit(0 if found else 3)
    compared = work(lambda: _compare(files, addresses, str(told["version"]), name))
    answer({**told, **compared}, as_json, _told({**told, **compared}))
    sys.exit({"verified": 0, "matched": 0, "claimed": 0, "none": 3}.get(str(compared["state"]), 1))


def vars_of(candidate: comparing.Candidate) -> dict[str, Any]:
    return {"url": candidate.url, "why": candidate.why, "score": candidate.score, "folder": candidate.folder}


def _read(artifact: Path) -> dict[str, bytes]:
    if artifact.is_dir():
        return folder(artifact)[0]
    if artifact.stat().st_size > ARTIFACT_LIMIT:
        raise click.ClickException(f"The archive is larger than {ARTIFACT_LIMIT} bytes.")
    parts = archive.read(artifact.read_bytes(), artifact.name)
    return {part.path: part.data for part in parts if isinstance(part, archive.Member)}


async def _compare(files: dict[str, bytes], addresses: list[str], version: str, name: str) -> dict[str, Any]:
    """The best comparison over the addresses: each one's tag, then its whole history."""
    facts = {path: FileFact.of(data) for path, data in files.items()}
    best: dict[str, Any] = {"state": "claimed", "repository": addresses[0], "faults": []}
    faults: list[str] = []
    for address in addresses:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                compared = await compared_with(facts, address, version, name)
        except (git.GitFailed, TimeoutError) as error:
            faults.append(f"{address}: {getattr(error, 'message', 'took too long')}")
            continue
        if best.get("ratio") is None or compared["ratio"] > best["ratio"]:
            best = {**compared, "repository": address}
        if best["state"] in ("verified", "matched"):
            break
    return {**best, "faults": faults}


async def compared_with(facts: dict[str, FileFact], address: str, version: str, name: str) -> dict[str, Any]:
    """The comparison with one repository: at the version's tag, and over all history when that is not enough."""
    tree = await git.tag_tree(address, version, name) if version else None
    tagged = comparing.compare(facts, tree.files) if tree is not None else None
    if tree is not None and tagged is not None and tagged.state == "verified":
        return {**tagged.as_json(), "tag": tree.ref, "commit": tree.commit}
    whole = comparing.compare(facts, (await git.history(address)).files, whole_history=True)
    chosen = whole if tagged is None or whole.state == "matched" else tagged
    return {**chosen.as_json(), "tag": tree.ref if tree else "", "commit": tree.commit if tree else ""}


def _told(value: dict[str, Any]) -> str:
    lines = [f"{value['name'] or 'this package'} {value['version']}: {value['state']}"]
    if value.get("repository"):
        tag = f" at {value['tag']}" if value.get("tag") else ""
        lines.append(f"  {value['repository']}{tag}: {value.get('same', 0)} code files the same")
    lines += [f"  only in the release: {path}" for path in value.get("phantom", ())[:10]]
    lines += [f"  differs from the source: {path}" for path in value.get("changed", ())[:10]]
    lines += [f"  named: {one['url']} ({one['why']})" for one in value["candidates"][:5]]
    return "\n".join([*lines, *(f"  not asked: {fault}" for fault in value.get("faults", ()))])
