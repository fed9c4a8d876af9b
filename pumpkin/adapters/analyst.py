"""Has one package looked at by every tool that was asked for, and folds what they say into one report.

Which parts there are is handed in: the registries, the scanner's processes, the sandbox, the names known. A tool that
is wanted and fails makes the verdict incomplete; one that was not wanted is said to be not checked. PumpkinError is
raised only for want of a part: then the task is tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from pumpkin.adapters.dossier import NOT_RUN, Case, File, folded
from pumpkin.adapters.engine import EngineError, Job
from pumpkin.adapters.origins import Origin
from pumpkin.adapters.registries.base import Fetched
from pumpkin.analysis import behaviour, provenance, triage
from pumpkin.analysis.provenance import Provenance, State, Subject, hashes
from pumpkin.analysis.scans import Scan
from pumpkin.errors import PackageNotFound, RegistryError, RegistryUnavailable
from pumpkin.model import reports as model
from pumpkin.model.findings import Finding, Group, Level
from pumpkin.model.packages import Advisory, Artifact, Release
from pumpkin.model.purl import Purl
from pumpkin.model.tasks import TOOLS, Ending, Task
from pumpkin.store.reports import NewReport

ARTIFACT_LIMIT = 256 * 1024 * 1024
ADVISORIES_S, ADVISORIES_PAUSE_S = 5.0, 60.0
ATTESTATION_S = 10.0
CLAIMS = ("none", "claimed", "attested")  # known without a comparison
INSTALLED_FIRST = ("wheel", "tarball", "gem", "crate", "jar", "zip", "apk", "sdist")

Tell = Callable[[str, Mapping[str, Any]], None]


class Looks(Protocol):
    """The scanner: static tools in a process of their own."""

    async def scan(self, data: bytes, name: str, ecosystem: str = "") -> Scan: ...


class Sources(Protocol):
    """The registries."""

    async def resolve(self, purl: Purl) -> Release: ...
    async def fetch(self, artifact: Artifact, folder: Path, *, limit: int) -> Fetched: ...
    async def known_bad(self, purl: Purl) -> tuple[Advisory, ...]: ...
    async def attestation(self, artifact: Artifact) -> bytes: ...


Run = Callable[[Job, model.Artifact, Callable[[Mapping[str, Any]], None]], Awaitable[model.Report]]


@dataclass(frozen=True)
class Parts:
    """What an analysis is made with. `no_engine()` says why nothing can be run ("" when it can); `names(ecosystem,
    name)` what a name looks like, None where that tool is not there; `index(ecosystem)` the mirror a sandbox reads;
    `attested(document, subject)` judges what a builder signed; `marks(package)` what people said of findings of
    `ecosystem/name`."""

    sources: Sources
    scanner: Looks
    upload: Callable[[bytes], Awaitable[tuple[str, bytes] | None]]
    run: Run | None = None
    no_engine: Callable[[], str] = lambda: "no sandbox is part of this server"
    index: Callable[[str], str] = lambda _: ""
    names: Callable[[str, str], Sequence[Finding]] | None = None
    names_known: Callable[[str], bool] = lambda _: True
    known_bad: bool = False
    origin: Callable[[Scan, str, str, Provenance | None], Awaitable[Origin]] | None = None
    attested: Callable[[bytes, Subject], Provenance] | None = None
    folder: Path | None = None
    marks: Callable[[str], Awaitable[Sequence[triage.Mark]]] | None = None

    def tools(self) -> tuple[str, ...]:
        """What a task without wishes is looked at with, sorted."""
        there = {"static"}
        if self.run is not None and not self.no_engine():
            there.add("dynamic")
        if self.names is not None:
            there.add("typosquatting")
        if self.known_bad:
            there.add("known_bad")
        if self.origin is not None:
            there |= {"source", "lastpymile"}
        if self.attested is not None:
            there.add("provenance")
        return tuple(sorted(there))


class Analyst:
    """`analyse` is what a worker calls."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._no_advisories_until = 0.0

    async def analyse(self, task: Task, tell: Tell) -> tuple[NewReport | None, Ending]:
        """The report, and how the task ends. RegistryUnavailable and EngineError: try again."""
        begun = time.time_ns() // 1_000
        purl = Purl.parse(task.purl)
        try:
            tell("phase", {"phase": "fetch", "status": "started"})
            files, published = await self._files(task, purl)
        except PackageNotFound as error:
            return None, Ending("not_found", category="analysis_error", message=error.message)
        except RegistryUnavailable:
            raise
        except RegistryError as error:
            return None, Ending("incomplete", category="analysis_error", message=error.message)
        if not files:
            return None, Ending("not_found", category="analysis_error", message="This version has no file to analyse.")
        case = Case()
        wanted = frozenset(task.tools.split(","))
        await _together(
            self._static(case, wanted, files, task, tell),
            self._known_bad(case, wanted, purl, task),
            self._dynamic(case, wanted, files, task, tell),
        )
        await self._names(case, wanted, task)
        if self._parts.marks is not None:
            case.marks = await self._parts.marks(f"{task.ecosystem}/{task.name}")
        for tool in TOOLS:
            if tool not in case.sections:
                case.note(tool, "not_run", NOT_RUN.get(tool, "it was not asked for"))
        return await asyncio.to_thread(folded, task, case, files, published, begun)

    # -- files

    async def _files(self, task: Task, purl: Purl) -> tuple[list[File], str]:
        """What is looked at, and the key of all that is published for this version."""
        if task.upload is not None:
            kept = await self._parts.upload(task.upload)
            if kept is None:
                return [], ""
            return [File(kept[0], kept[1], "upload", "upload")], f"sha256:{task.upload.hex()}"
        release = await self._parts.sources.resolve(purl)
        with TemporaryDirectory(dir=self._parts.folder, prefix="artifacts-") as name:
            files = []
            for artifact in release.chosen or release.artifacts[:1]:
                fetched = await self._parts.sources.fetch(artifact, Path(name), limit=ARTIFACT_LIMIT)
                data = await asyncio.to_thread(fetched.path.read_bytes)
                files.append(File(artifact.filename, data, artifact.kind, artifact.url, artifact))
        return files, release.digest_key

    # -- tools

    async def _static(self, case: Case, wanted: frozenset[str], files: Sequence[File], task: Task, tell: Tell) -> None:
        if "static" not in wanted:
            case.skipped.append("static: it was not asked for")
            return
        tell("phase", {"phase": "static", "status": "started"})
        gaps: list[str] = []
        scans: list[Scan] = []
        for file in files:
            scan = await self._parts.scanner.scan(file.data, file.name, task.ecosystem)
            case.findings += scan.findings
            gaps += scan.gaps
            case.skipped += [one for one in scan.skipped if one not in case.skipped]
            case.rules = scan.rules
            scans.append(scan)
        case.failed += gaps
        case.note("static", "failed" if gaps else "ran", "; ".join(gaps)[:1_000], files=len(files), rules=case.rules)
        tell("phase", {"phase": "static", "status": "completed"})
        attested = await self._attested(case, wanted, files, scans, task)
        await self._origin(case, wanted, files, scans, task, attested)

    async def _attested(
        self, case: Case, wanted: frozenset[str], files: Sequence[File], scans: Sequence[Scan], task: Task
    ) -> Mapping[str, Provenance]:
        """What the builders of the files signed, by file name; no statement is an answer too, a fault is said."""
        if self._parts.attested is None or "provenance" not in wanted or task.upload is not None:
            return {}
        seen: dict[str, Provenance] = {}
        for file, scan in zip(files, scans, strict=True):
            if file.artifact is None:
                continue
            try:
                async with asyncio.timeout(ATTESTATION_S):
                    document = await self._parts.sources.attestation(file.artifact)
            except (RegistryError, TimeoutError) as error:
                why = error.message if isinstance(error, RegistryError) else "the registry did not answer in time"
                case.skipped.append(f"provenance: {why}")
                seen[file.name] = Provenance(State.PRESENT, f"it could not be fetched: {why}")
                continue
            if document:
                about = Subject((file.name, task.purl), {**hashes(file.data), **file.artifact.digests})
                seen[file.name] = await asyncio.to_thread(self._parts.attested, document, about)
                case.findings += provenance.findings(seen[file.name], scan.sources)
        told = {name: one.as_json() for name, one in seen.items()}
        case.note("provenance", "ran", "" if seen else "the registry has no signed statement of it", attested=told)
        return seen

    async def _origin(
        self, case: Case, wanted: frozenset[str], files: Sequence[File], scans: Sequence[Scan], task: Task,
        attested: Mapping[str, Provenance],
    ) -> None:  # fmt: skip
        """Source and what only the release has, over the source form where there is one."""
        if self._parts.origin is None or not wanted & {"source", "lastpymile"} or task.upload is not None:
            return
        kinds = [file.kind for file in files]
        place = kinds.index("sdist") if "sdist" in kinds else 0
        signed = attested.get(files[place].name)
        found = await self._parts.origin(scans[place], task.version, task.name.rpartition("/")[2], signed)
        for tool in sorted({"source", "lastpymile"} & wanted):
            status = "ran" if found.compared or (tool == "source" and found.state in CLAIMS) else "not_run"
            shown = found.compared if tool == "lastpymile" else {"repository": found.repository, "state": found.state}
            case.note(tool, status, found.why, **{**shown, "state": found.state})
            if status == "not_run":
                case.skipped.append(f"{tool}: {found.why}")
        case.findings += [one for one in found.findings if one.tool in wanted]

    async def _names(self, case: Case, wanted: frozenset[str], task: Task) -> None:
        if "typosquatting" not in wanted or self._parts.names is None:
            return
        if not self._parts.names_known(task.ecosystem):
            case.note("typosquatting", "not_run", f"there is no list of popular names of {task.ecosystem}")
            case.skipped.append(f"typosquatting: there is no list of popular names of {task.ecosystem}")
            return
        found = await asyncio.to_thread(self._parts.names, task.ecosystem, task.name)
        case.findings += found
        case.note("typosquatting", "ran", candidates=[one.as_json() for one in found])

    async def _known_bad(self, case: Case, wanted: frozenset[str], purl: Purl, task: Task) -> None:
        if "known_bad" not in wanted or task.upload is not None:
            return
        if time.monotonic() < self._no_advisories_until:
            self._unknown(case, "the advisory database did not answer a moment ago")
            return
        try:
            async with asyncio.timeout(ADVISORIES_S):
                found = await self._parts.sources.known_bad(purl)
        except (RegistryError, TimeoutError) as error:
            self._no_advisories_until = time.monotonic() + ADVISORIES_PAUSE_S
            self._unknown(case, error.message if isinstance(error, RegistryError) else "it did not answer in time")
            return
        case.note("known_bad", "ran", advisories=[one.as_dict() for one in found])
        case.findings += [
            Finding(
                "known_bad", "known-malicious", Level.CRITICAL, Group.KNOWN_BAD,
                f"{one.id} says this is malicious: {one.summary[:200] or 'no summary'}",
            )
            for one in found if one.malicious
        ]  # fmt: skip

    @staticmethod
    def _unknown(case: Case, why: str) -> None:
        """No answer is no evidence: said, and not held against the package (rulings.md 49)."""
        case.note("known_bad", "failed", why)
        case.skipped.append(f"known_bad: {why}")

    async def _dynamic(self, case: Case, wanted: frozenset[str], files: Sequence[File], task: Task, tell: Tell) -> None:
        why = self._parts.no_engine()
        if "dynamic" not in wanted or self._parts.run is None:
            case.note("dynamic", "not_run", why or "it was not asked for")
            case.skipped.append(f"dynamic: {why or 'it was not asked for'}")
            return
        file = min(files, key=lambda one: INSTALLED_FIRST.index(one.kind) if one.kind in INSTALLED_FIRST else 99)
        job = Job(
            task.ecosystem,
            archive=(file.name, file.data),
            index=self._parts.index(task.ecosystem),
            total_s=float(task.timeout_s),
        )
        about = model.Artifact(
            task.ecosystem, task.name, task.version, file.name, file.sha256, len(file.data), file.source
        )

        def told(event: Mapping[str, Any]) -> None:
            kind = str(event.get("type", "event"))
            if kind == "container":
                tell(kind, {"id": event["id"]})
                return
            tell("phase" if kind == "phase" else "event", {key: value for key, value in event.items() if key != "type"})

        try:
            report = await self._parts.run(job, about, told)
        except EngineError as error:
            if task.attempt < 2:  # engines come back; after that the report says what is missing
                raise
            case.note("dynamic", "failed", error.message)
            case.failed.append(f"dynamic: {error.message}")
            return
        case.dynamic = report
        case.findings += [*report.findings, *behaviour.findings(report)]
        _judge_run(case, report)


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """All of them at once; the first fault ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as faults:
        raise faults.exceptions[0] from None


def _judge_run(case: Case, report: model.Report) -> None:
    """What became of the phases: what did not run is said, what broke off makes it incomplete."""
    phases = {phase.name: {"status": phase.status, "why": phase.why} for phase in report.phases}
    ran = any(phase.status != "not_run" for phase in report.phases)
    status = "failed" if report.fault else "ran" if ran else "not_run"
    case.note("dynamic", status, report.fault, phases=phases, duration_s=round(report.duration_s, 3))
    if report.fault:
        case.failed.append(f"dynamic: {report.fault}")
    for phase in report.phases:
        if phase.status == "not_run":
            case.skipped.append(f"dynamic, {phase.name}: {phase.why or 'not run'}")
        elif phase.status == "failed" and phase.name != "install":
            case.skipped.append(f"dynamic, {phase.name}: it failed")
