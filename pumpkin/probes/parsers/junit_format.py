"""JUnit XML: suites with their counts, and the cases that did not pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from pumpkin.probes.parsers.xml import read

VERSION = 1
CASES_LIMIT = 500
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["tests", "failures", "errors", "skipped", "time_s", "cases"],
    "properties": {
        **{name: {"type": "integer"} for name in ("tests", "failures", "errors", "skipped")},
        "time_s": {"type": "number"},
        "cases": {"type": "array", "items": {"type": "object", "required": ["suite", "name", "outcome", "message"]}},
    },
}
_OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}


def parse(output: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """Counts are of the cases themselves, not what the file says of them."""
    root = read(output)
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError(f"the root is {root.tag[:40]!r}, not testsuites or testsuite")
    cases = [_case(suite, case) for suite in root.iter("testsuite") for case in suite.findall("testcase")]
    outcomes = [case["outcome"] for case in cases]
    return {
        "tests": len(cases),
        "failures": outcomes.count("failed"),
        "errors": outcomes.count("error"),
        "skipped": outcomes.count("skipped"),
        "time_s": round(sum(case.pop("time_s") for case in cases), 6),
        "cases": [case for case in cases if case["outcome"] != "passed"][:CASES_LIMIT],
    }


def _case(suite: Element, case: Element) -> dict[str, Any]:
    fault = next((child for child in case if child.tag in _OUTCOMES), None)
    return {
        "suite": suite.get("name", ""),
        "name": ".".join(part for part in (case.get("classname"), case.get("name")) if part),
        "outcome": "passed" if fault is None else _OUTCOMES[fault.tag],
        "message": "" if fault is None else (fault.get("message") or fault.text or "").strip()[:1_000],
        "time_s": float((case.get("time") or "0").replace(",", "")),
    }
