"""`pumpkin source`: where a package's source lies, and how far the released files are what it holds."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from pumpkin.adapters import git
from pumpkin.adapters.forges import Forges
from pumpkin.analysis import archive, provenance, static
from pumpkin.analysis import source as comparing
from pumpkin.analysis.provenance import Provenance, State, Subject
from pumpkin.analysis.scans import FileFact
from pumpkin.building.discovery import configured
from pumpkin.commands.place import answer, config_option, data_option, json_option, load, work
from pumpkin.commands.scan import ARTIFACT_LIMIT, folder
from pumpkin.errors import RegistryError
from pumpkin.model.findings import plain
from pumpkin.model.purl import Purl
from pumpkin.settings import Settings

_DEADLINE_S = 120.0
_ASKED_MOST = 3
_ENDS = {"attested": 0, "verified": 0, "matched": 0, "claimed": 0, "none": 3}


@dataclass(slots=True)
class Release:
    """What is compared: the files of one artifact, its bytes where it is one file, and what was signed of it."""

    name: str
    files: dict[str, bytes]
    data: bytes = b""
    purl: Purl | None = None
    digests: dict[str, str] = field(default_factory=dict)
    signed: bytes = b""
    fault: str = ""

    def provenance(self, root: Path | None) -> Provenance:
        """What its builder signed, as far as it holds."""
        if self.fault or not self.signed:
            return Provenance(
                State.PRESENT if self.fault else State.NONE, self.fault or "no signed statement is at hand"
            )
        names = (self.name, *([self.purl.canonical] if self.purl else []))
        return provenance.examine(self.signed, Subject(names, {**provenance.hashes(self.data), **self.digests}), root)


@click.command()
@click.argument("package", metavar="PURL|ARCHIVE|FOLDER")
@click.option("--repo", help="The source repository: a folder of this machine or an https address.  [default: as the "
              "package's papers say]")  # fmt: skip
@click.option("--version", help="The version whose tag is compared.  [default: as the package's papers say]")
@click.option("--attestation", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="What its builder signed (PEP 740, npm).  [default: for a purl as the registry has it]")  # fmt: skip
@click.option("--offline", is_flag=True, help="Only say what the papers name, ask no repository.")
@data_option
@config_option
@json_option
def source(
    package: str, repo: str | None, version: str | None, attestation: Path | None, offline: bool, data: Path | None,
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Find the source repository of a package and compare its files with the version's tag, or with the commit that a
    signed statement names.

    A purl is fetched from its registry and never run. Repositories that the package's papers name are asked only at the
    hosts of the setting packages.forges; one named by --repo wherever it is.

    \b
    Ends with 0  attested, verified, matched or claimed
              1  partly, mismatch, or signed for another file
              3  no repository is named, or none could be asked
              4  unreadable
    """
    settings = load(data, config)
    release = _release(package, settings, offline=offline)
    if attestation is not None:
        release.signed, release.fault = attestation.read_bytes()[: provenance.DOCUMENT_LIMIT + 1], ""
    name, papers_version = static.named(release.files)
    found = comparing.candidates(release.files, name)
    digest = {"sha256": provenance.hashes(release.data)["sha256"]} if release.data else {}
    told: dict[str, Any] = {
        "name": name, "version": version or papers_version or (release.purl.version if release.purl else "") or "",
        "purl": release.purl.canonical if release.purl else None,
        "artifact": {"name": release.name, **digest},
        "candidates": [asdict(one) for one in found],
    }  # fmt: skip
    root = Path(settings.packages.trust_root) if settings.packages.trust_root else None
    signed = release.provenance(root)
    told["provenance"] = signed.as_json()
    addresses = [repo] if repo else [one.url for one in found[:_ASKED_MOST]]
    if signed.verified and not repo:
        addresses = list(dict.fromkeys([signed.repository, *addresses]))
    if offline or not addresses:
        state = "attested" if signed.verified else "claimed" if found else "none"
        told["state"] = state
    else:
        forges = Forges([_host(repo)] if repo else settings.packages.forges)
        told |= work(lambda: _compare(release.files, addresses, str(told["version"]), name, forges, signed, repo or ""))
    answer(told, as_json, _told(told))
    if signed.state is State.WRONG:
        sys.exit(1)
    sys.exit(3 if told["state"] == "claimed" and told.get("faults") else _ENDS.get(str(told["state"]), 1))


def _host(address: str) -> str:
    """The host of an address as `Forges` lists it; '' for a folder."""
    return urlsplit(address).netloc.rpartition("@")[2].lower() if "://" in address else ""


def _release(package: str, settings: Settings, *, offline: bool) -> Release:
    if package.startswith("pkg:") and not Path(package).exists():
        if offline:
            raise click.UsageError("A purl has to be fetched; --offline needs an archive or a folder.")
        fetched: Release = work(lambda: _fetched(Purl.parse(package), settings))
        return fetched
    place = Path(package)
    try:
        if place.is_dir():
            return Release(place.name, folder(place)[0])
        if place.stat().st_size > ARTIFACT_LIMIT:
            raise click.ClickException(f"The archive is larger than {ARTIFACT_LIMIT} bytes.")
        data = place.read_bytes()
    except OSError as error:
        click.echo(f"{package}: cannot be read: {error.strerror}", err=True)
        sys.exit(4)
    return _opened(place.name, data)


def _opened(name: str, data: bytes) -> Release:
    files = {part.path: part.data for part in archive.read(data, name) if isinstance(part, archive.Member)}
    if not files:
        click.echo(f"{name}: holds no file that can be read; it is no archive of a known format, or damaged", err=True)
        sys.exit(4)
    return Release(name, files, data)


async def _fetched(purl: Purl, settings: Settings) -> Release:
    """The release as the registry has it, the source form where there is one, its digest checked."""
    registries = configured(settings)
    try:
        found = await registries.resolve(purl)
        chosen = sorted(found.chosen or found.artifacts, key=lambda one: one.kind != "sdist")
        if not chosen:
            raise click.ClickException("This version has no file.")
        with tempfile.TemporaryDirectory(prefix="pumpkin-source-") as place:
            fetched = await registries.fetch(chosen[0], Path(place), limit=ARTIFACT_LIMIT)
            release = _opened(chosen[0].filename, fetched.path.read_bytes())
        release.purl, release.digests = found.purl, dict(chosen[0].digests)
        try:
            release.signed = await registries.attestation(chosen[0])
        except RegistryError as error:
            release.fault = f"what was signed could not be fetched: {error.message}"
        return release
    finally:
        await registries.close()


async def _compare(
    files: dict[str, bytes],
    addresses: list[str],
    version: str,
    name: str,
    forges: Forges,
    signed: Provenance,
    repo: str,
) -> dict[str, Any]:
    """The best comparison over the addresses: the attested commit, each one's tag, then its whole history."""
    facts = {path: FileFact.of(data) for path, data in files.items()}
    best: dict[str, Any] = {"state": "attested" if signed.verified else "claimed", "repository": addresses[0]}
    faults: list[str] = []
    for address in addresses:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                here = repo and "://" not in repo
                reached = str(Path(repo).resolve()) if here else await forges.reach(address)
                commit = signed.commit if signed.verified and address == signed.repository else ""
                compared = await compared_with(facts, reached, version, name, commit)
        except (git.GitFailed, TimeoutError) as error:
            faults.append(f"{address}: {error.message if isinstance(error, git.GitFailed) else 'it took too long'}")
            continue
        if best.get("ratio") is None or compared["ratio"] > best["ratio"]:
            best = {**compared, "repository": address}
        if best["state"] in comparing.GOOD_STATES:
            break
    return {**best, "faults": faults}


async def compared_with(
    facts: dict[str, FileFact], address: str, version: str, name: str, commit: str = ""
) -> dict[str, Any]:
    """The comparison with one repository: at the attested commit or the version's tag, and over all history when
    that is not enough."""
    if commit:
        tree: git.Tree | None = await git.commit_tree(address, commit)
    else:
        tree = await git.tag_tree(address, version, name) if version else None
    tagged = comparing.compare(facts, tree.files) if tree is not None else None
    if tree is not None and tagged is not None and tagged.state == "verified":
        state = "attested" if commit else tagged.state
        return {**replace(tagged, state=state).as_json(), "tag": tree.ref, "commit": tree.commit}
    whole = comparing.compare(facts, (await git.history(address)).files, whole_history=True)
    chosen = whole if tagged is None or whole.state == "matched" else tagged
    return {**chosen.as_json(), "tag": tree.ref if tree else "", "commit": tree.commit if tree else ""}


def _told(value: dict[str, Any]) -> str:
    lines = [f"{value['name'] or 'this package'} {value['version']}: {value['state']}"]
    if value.get("repository") and "same" in value:
        tag = f" at {value['tag'] or value.get('commit', '')[:12]}" if value.get("tag") or value.get("commit") else ""
        lines.append(f"  {value['repository']}{tag}: {value['same']} code files the same")
    elif value.get("repository"):
        lines.append(f"  {value['repository']}: not compared")
    lines += [f"  only in the release: {path}" for path in value.get("phantom", ())[:10]]
    lines += [f"  differs from the source: {path}" for path in value.get("changed", ())[:10]]
    lines += [f"  named: {one['url']} ({one['why']})" for one in value["candidates"][:5]]
    lines += [f"  {_signed(value['provenance'])}"]
    return "\n".join(plain([*lines, *(f"  not asked: {fault}" for fault in value.get("faults", ()))]))


def _signed(seen: dict[str, Any]) -> str:
    """The line about what was signed."""
    if seen["state"] == State.VERIFIED:
        return (
            f"signed: built from {seen['repository']} at {seen['commit']} ({seen['ref'] or 'no tag'}), verified offline"
        )
    if seen["state"] == State.WRONG:
        return f"SIGNED FOR ANOTHER FILE: {seen['why']}"
    return f"signed: {'there, not verified: ' if seen['state'] == State.PRESENT else ''}{seen['why']}"
