"""MISP: an event with the report's objects, the proof of its time, and a feed of events that needs no key."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymisp import MISPEvent, MISPObject, MISPOrganisation

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_THREAT = {"malicious": 1, "suspicious": 2}
ORGANISATION = {"name": "Pumpkin", "uuid": "9f3c1a52-7a0e-5c6e-8a4b-0c5f3f1c7e21"}


def write(report: Report) -> str:
    return str(event(report).to_json(indent=2)) + "\n"


def event(report: Report) -> MISPEvent:
    """The event: file, malicious-package-report and, where there is a token, trusted-timestamp objects."""
    report = plain(report)
    when = facts.created(report)
    made = MISPEvent()
    made.uuid = facts.identity(report, "misp")
    made.info = facts.sentence(report)
    made.distribution, made.analysis = 0, 2
    made.threat_level_id = _THREAT.get(report["outcome"], 4)
    made.date, made.timestamp = when.date(), when
    made.Orgc = _maker()
    for tag in ("tlp:clear", f'pumpkin:outcome="{report["outcome"]}"'):
        made.add_tag(tag)
    file = _object(report, when, "file")
    _add(file, "filename", report["artifact"]["name"])
    _add(file, "sha256", report["artifact"]["sha256"])
    _add(file, "size-in-bytes", report["artifact"].get("size"))
    made.add_object(file)
    made.add_object(_package(report, when))
    if report.get("proof"):
        made.add_object(_stamp(report, when))
    return made


def _maker() -> MISPOrganisation:
    organisation = MISPOrganisation()
    organisation.from_dict(**ORGANISATION)
    return organisation


def _object(report: Report, when: datetime, name: str) -> MISPObject:
    made = MISPObject(name, strict=True)
    made.uuid = facts.identity(report, "misp", name)
    made.timestamp = when
    return made


def _add(made: MISPObject, relation: str, value: Any, **more: Any) -> None:
    if value not in (None, ""):
        alone = relation not in ("sha256", "origin-sha256")
        again = len(made.get_attributes_by_relation(relation))
        mark = str(uuid.uuid5(uuid.UUID(made.uuid), f"{relation} {again}"))
        made.add_attribute(relation, value=value, uuid=mark, disable_correlation=alone, **more)


def _package(report: Report, when: datetime) -> MISPObject:
    made = _object(report, when, "malicious-package-report")
    known = facts.purl(report)
    _add(made, "report-id", facts.identity(report))
    _add(made, "package-name", facts.package(report))
    _add(made, "ecosystem", report["artifact"].get("ecosystem"))
    if known is not None:
        _add(made, "package-purl", known.to_string())
        _add(made, "affected-version", known.version)
    _add(made, "origin-sha256", report["artifact"]["sha256"])
    _add(made, "origin-source", "pumpkin")
    lines = [facts.sentence(report), *map(str, report.get("why", ()))]
    _add(made, "analysis", "\n".join(lines))
    _add(made, "credit", "Pumpkin")
    _add(made, "credit-role", "TOOL")
    _add(made, "state", "active")
    _add(made, "report-modified", when.isoformat())
    return made


def _stamp(report: Report, when: datetime) -> MISPObject:
    proof = report["proof"]
    made = _object(report, when, "trusted-timestamp")
    token = io.BytesIO(base64.b64decode(proof["token"]))
    _add(made, "trusted-timestamp-response", "token.tsr", data=token)
    _add(made, "format", "RFC3161")
    _add(made, "hash-sha256", proof.get("sha256"))
    _add(made, "timestamp", proof.get("gen_time"))
    return made


def feed(events: Iterable[MISPEvent], folder: Path) -> None:
    """A MISP feed: one file an event, `manifest.json` and `hashes.csv`, written anew; any web server serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, Any] = {}
    hashes: list[str] = []
    for one in events:
        one.published, one.publish_timestamp = True, datetime.now(UTC)
        whole = one.to_feed(with_meta=True)
        manifest |= whole["Event"].pop("_manifest")
        hashes += [f"{value},{one.uuid}" for value in whole["Event"].pop("_hashes")]
        (folder / f"{one.uuid}.json").write_text(json.dumps(whole, indent=2), "utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), "utf-8")
    (folder / "hashes.csv").write_text("".join(f"{line}\n" for line in hashes), "utf-8")
