"""One analysis folded from many tools: what was found, what could not be looked at, and what is never clean."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from pumpkin.adapters.analyst import Analyst, Parts
from pumpkin.adapters.engine import NoEngine
from pumpkin.adapters.forges import Forges
from pumpkin.adapters.origins import Origin, Origins
from pumpkin.adapters.registries.base import Fetched
from pumpkin.adapters.scanner import Scanner
from pumpkin.analysis import names, provenance
from pumpkin.errors import PackageNotFound, RegistryRefused, RegistryUnavailable
from pumpkin.model.findings import Finding, Group, Level
from pumpkin.model.packages import Advisory, Artifact, Release
from pumpkin.model.purl import Purl
from pumpkin.model.reports import Artifact as Analysed
from pumpkin.model.reports import Attachment, Environment, Phase, Report
from pumpkin.model.tasks import Task
from tests.acceptance.index import CLEAN, EVIL, wheel

REAL = (Path(__file__).parents[1] / "analysis/attestations/pypi_attestations-0.0.19.tar.gz.provenance").read_bytes()
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Registry:
    """A registry of one wheel; `fault` is raised instead, advisories as told."""

    def __init__(self, source: bytes = CLEAN) -> None:
        self.data = wheel("thing", "1.0", source)
        self.fault: Exception | None = None
        self.advisories: tuple[Advisory, ...] = ()
        self.signed: bytes | Exception = b""
        self.asked = 0

    async def resolve(self, purl: Purl) -> Release:
        if self.fault is not None:
            raise self.fault
        digest = hashlib.sha256(self.data).hexdigest()
        file = Artifact("http://127.0.0.1/x", "thing-1.0-py3-none-any.whl", "wheel", {"sha256": digest})
        return Release(purl, (file,), (file,))

    async def fetch(self, artifact: Artifact, folder: Path, *, limit: int) -> Fetched:
        path = folder / "artifact"
        path.write_bytes(self.data)
        return Fetched(artifact, path, len(self.data), hashlib.sha256(self.data).hexdigest(), ("sha256",))

    async def attestation(self, artifact: Artifact) -> bytes:
        if isinstance(self.signed, Exception):
            raise self.signed
        return self.signed

    async def known_bad(self, purl: Purl) -> tuple[Advisory, ...]:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.advisories


def task(tools: str = "static", **changes: Any) -> Task:
    values: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    values |= {
        "id": 1, "uuid": uuid4(), "owner": "key:a", "realm": "", "asked": "x", "purl": "pkg:pypi/thing@1.0",
        "ecosystem": "pypi", "name": "thing", "version": "1.0", "tools": tools, "state": "running", "attempt": 1,
        "timeout_s": 60, "phases": {}, "clock": 0, "created": 0, "flagged": "", "forced": False, "priority": 0,
        **changes,
    }  # fmt: skip
    return Task(**values)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scanner() -> AsyncIterator[Scanner]:
    async with Scanner(1) as made:
        yield made


Heard = list[tuple[str, Mapping[str, Any]]]


async def analysed(parts: Parts, wanted: Task, heard: Heard | None = None) -> tuple[Any, Any]:
    """The parsed document (None without a report) and the ending."""
    told: Heard = heard if heard is not None else []
    report, ending = await Analyst(parts).analyse(wanted, lambda kind, data: told.append((kind, data)))
    return (None if report is None else json.loads(report.document)), ending


async def upload(_: bytes) -> tuple[str, bytes]:
    return "thing-1.0-py3-none-any.whl", wheel("thing", "1.0", EVIL)


def parts(scanner: Scanner, registry: Registry | None = None, **more: Any) -> Parts:
    return Parts(registry or Registry(), scanner, upload, **more)


async def test_static_tools_alone_say_what_was_not_run(scanner: Scanner) -> None:
    heard: Heard = []
    document, ending = await analysed(parts(scanner), task(), heard)
    assert (ending.state, ending.outcome) == ("completed", "clean")
    results = document["analysis_results"]
    assert results["tools"]["static"]["status"] == "ran"
    assert results["tools"]["dynamic"]["status"] == "not_run"
    assert any(one.startswith("dynamic: ") for one in results["verdict"]["not_checked"])
    assert results["artifact"]["sha256"]
    assert document["metadata"]["analysis"]["status"] == "completed"
    assert ("phase", {"phase": "static", "status": "completed"}) in heard
    evil, ending = await analysed(parts(scanner, Registry(EVIL)), task())
    assert ending.outcome == evil["analysis_results"]["outcome"] == "malicious"


async def test_an_upload_is_looked_at_without_a_registry(scanner: Scanner) -> None:
    registry = Registry()
    registry.fault = RegistryUnavailable()
    _, ending = await analysed(parts(scanner, registry, known_bad=True), task("known_bad,static", upload=b"x"))
    assert ending.outcome == "malicious"
    assert registry.asked == 0


async def test_what_the_registry_does_is_told_apart(scanner: Scanner) -> None:
    registry = Registry()
    registry.fault = PackageNotFound("no such version")
    document, ending = await analysed(parts(scanner, registry), task())
    assert document is None
    assert (ending.state, ending.outcome, ending.message) == ("failed", "not_found", "no such version")
    registry.fault = RegistryRefused()
    _, ending = await analysed(parts(scanner, registry), task())
    assert (ending.outcome, ending.category) == ("incomplete", "analysis_error")
    registry.fault = RegistryUnavailable()
    with pytest.raises(RegistryUnavailable):
        await analysed(parts(scanner, registry), task())


async def test_a_known_bad_package_is_malicious_and_silence_is_no_evidence(scanner: Scanner) -> None:
    registry = Registry()
    registry.advisories = (Advisory("MAL-1", "steals"), Advisory("GHSA-1", "a bug"))
    document, ending = await analysed(parts(scanner, registry, known_bad=True), task("known_bad,static"))
    assert ending.outcome == "malicious"
    assert len(document["analysis_results"]["tools"]["known_bad"]["advisories"]) == 2
    analyst = Analyst(parts(scanner, registry, known_bad=True))
    registry.advisories = ()
    broken = Registry()
    broken.fault = RegistryUnavailable("away")

    async def resolved(purl: Purl) -> Release:
        return await Registry().resolve(purl)

    broken.resolve = resolved  # type: ignore[method-assign]
    analyst = Analyst(parts(scanner, broken, known_bad=True))
    for _ in range(2):
        _, ending = await analyst.analyse(task("known_bad,static"), lambda *_: None)
        assert ending.outcome == "clean"
        assert any(one.startswith("known_bad: ") for one in ending.verdict["not_checked"])
    assert broken.asked == 1


async def test_a_name_that_imitates_is_told(scanner: Scanner) -> None:
    made = parts(scanner, names=names.findings, names_known=lambda one: names.index(one) is not None)
    document, ending = await analysed(made, task("static,typosquatting", name="requesst"))
    assert document["analysis_results"]["tools"]["typosquatting"]["candidates"]
    assert ending.outcome in ("clean", "suspicious")
    document, ending = await analysed(made, task("static,typosquatting", ecosystem="apk", name="x"))
    assert document["analysis_results"]["tools"]["typosquatting"]["status"] == "not_run"


def run(*phases: Phase, fault: str = "", findings: tuple[Finding, ...] = ()) -> Any:
    async def analyse(job: Any, about: Analysed, tell: Any) -> Report:
        tell({"type": "phase", "phase": "install", "status": "started"})
        await asyncio.sleep(0)
        return Report(
            about,
            Environment("docker"),
            phases,
            findings=findings,
            fault=fault,
            attachments=(Attachment("pcap", b"x"),),
        )

    return analyse


@pytest.mark.parametrize(
    ("phases", "fault", "outcome", "category"),
    [
        ((Phase("install", "completed"), Phase("import", "completed")), "", "clean", None),
        ((Phase("install", "failed", stderr=b"no compiler"),), "", "install_failed", "analysis_error"),
        ((Phase("install", "completed"), Phase("import", "timeout")), "", "timeout", "timeout_error"),
        ((Phase("install", "completed"),), "the sandbox ended", "incomplete", "analysis_error"),
        ((Phase("install", "not_run", "no tool chain"),), "", "clean", None),
    ],
)
async def test_a_run_that_went_wrong_is_never_clean(
    scanner: Scanner, phases: tuple[Phase, ...], fault: str, outcome: str, category: str | None
) -> None:
    made = parts(scanner, run=run(*phases, fault=fault), no_engine=lambda: "")
    document, ending = await analysed(made, task("dynamic,static"))
    assert (ending.outcome, ending.category) == (outcome, category)
    assert document["analysis_results"]["phases"][0]["name"] == "install"
    if outcome == "install_failed":
        assert ending.details == "no compiler"
        assert ending.message == "The package could not be installed."


async def test_what_a_run_found_weighs_more_than_how_it_ended(scanner: Scanner) -> None:
    leak = Finding("dynamic", "dynamic-secret-left", Level.CRITICAL, Group.DYNAMIC, "a secret left the machine")
    made = parts(scanner, run=run(Phase("install", "failed"), findings=(leak,)), no_engine=lambda: "")
    _, ending = await analysed(made, task("dynamic,static"))
    assert (ending.state, ending.outcome) == ("completed", "malicious")


async def test_an_engine_that_goes_away_is_tried_again_and_then_said(scanner: Scanner) -> None:
    async def gone(*_: Any) -> Report:
        raise NoEngine("no engine answers")

    made = parts(scanner, run=gone, no_engine=lambda: "")
    with pytest.raises(NoEngine):
        await analysed(made, task("dynamic,static"))
    document, ending = await analysed(made, task("dynamic,static", attempt=2))
    assert ending.outcome == "incomplete"
    assert document["analysis_results"]["tools"]["dynamic"] == {"status": "failed", "why": "no engine answers"}


async def test_what_the_builder_signed_is_judged_and_a_fault_is_said(scanner: Scanner) -> None:
    registry = Registry()
    with_statements = parts(scanner, registry, attested=provenance.examine)
    wanted = task("provenance,static")
    document, _ = await analysed(with_statements, wanted)
    section = document["analysis_results"]["tools"]["provenance"]
    assert (section["status"], section["why"]) == ("ran", "the registry has no signed statement of it")
    registry.signed = REAL  # a true statement, about another package
    document, ending = await analysed(with_statements, wanted)
    section = document["analysis_results"]["tools"]["provenance"]["attested"]["thing-1.0-py3-none-any.whl"]
    assert (section["state"], ending.outcome) == ("wrong", "suspicious")
    assert "provenance-wrong" in {one["rule"] for one in document["analysis_results"]["findings"]}
    registry.signed = b"{"
    document, ending = await analysed(with_statements, wanted)
    section = document["analysis_results"]["tools"]["provenance"]["attested"]["thing-1.0-py3-none-any.whl"]
    assert (section["state"], bool(section["why"]), ending.outcome) == ("present", True, "clean")
    registry.signed = RegistryUnavailable()
    document, ending = await analysed(with_statements, wanted)
    assert any(one.startswith("provenance: ") for one in ending.verdict["not_checked"])


async def test_the_source_is_compared_where_it_can_be(scanner: Scanner) -> None:
    good = Finding("source", "source-verified", Level.GOOD, Group.PROVENANCE, "all of it is at the tag")

    async def verified(*_: Any) -> Origin:
        return Origin("verified", "https://forge.example/a/b", {"state": "verified", "same": 3, "ratio": 1.0}, (good,))

    document, _ = await analysed(parts(scanner, origin=verified), task("lastpymile,source,static"))
    tools = document["analysis_results"]["tools"]
    assert (tools["source"]["status"], tools["source"]["state"]) == ("ran", "verified")
    assert tools["lastpymile"]["same"] == 3
    document, ending = await analysed(parts(scanner, origin=Origins(Forges([])).of), task("lastpymile,source,static"))
    assert document["analysis_results"]["tools"]["source"]["state"] == "none"
    assert any(one.startswith("lastpymile: ") for one in ending.verdict["not_checked"])


async def test_a_forge_out_of_reach_costs_its_deadline_once(scanner: Scanner) -> None:
    scan = await scanner.scan(wheel("thing", "1.0"), "thing-1.0-py3-none-any.whl", "pypi")
    named = replace(scan, sources=("https://forge.invalid/a/b", "https://forge.invalid/a/c"))
    origins = Origins(Forges(["forge.invalid"]), deadline_s=20)
    first = await origins.of(named, "1.0", "thing")
    assert (first.state, bool(first.why)) == ("claimed", True)
    async with asyncio.timeout(1):
        second = await origins.of(named, "1.0", "thing")
    assert "forge.invalid did not answer" in second.why
