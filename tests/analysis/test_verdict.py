"""The verdict follows the contract's rules, whatever the order of its findings."""

from __future__ import annotations

import random

import pytest

from pumpkin.analysis.verdict import judge, weigh
from pumpkin.model.findings import Finding, Group, Level, Outcome, quoted


def seen(group: Group, level: Level, rule: str = "") -> Finding:
    return Finding("static", rule or f"{group}-{level}", level, group, "a reason", file="a.py", line=1)


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ([], Outcome.CLEAN),
        ([seen(Group.FLOW, Level.LOW)], Outcome.CLEAN),
        ([seen(Group.FLOW, Level.MEDIUM)], Outcome.CLEAN),
        ([seen(Group.FLOW, Level.HIGH)], Outcome.SUSPICIOUS),
        ([seen(Group.FLOW, Level.CRITICAL)], Outcome.MALICIOUS),
        ([seen(Group.DYNAMIC, Level.CRITICAL)], Outcome.MALICIOUS),
        ([seen(Group.TEXT, Level.CRITICAL)], Outcome.SUSPICIOUS),
        ([seen(Group.FLOW, Level.HIGH), seen(Group.TEXT, Level.HIGH)], Outcome.MALICIOUS),
        ([seen(Group.NAME, Level.HIGH), seen(Group.METADATA, Level.CRITICAL)], Outcome.SUSPICIOUS),
        ([seen(Group.NAME, Level.HIGH), seen(Group.FLOW, Level.HIGH)], Outcome.MALICIOUS),
        ([seen(Group.KNOWN_BAD, Level.CRITICAL)], Outcome.MALICIOUS),
        ([seen(Group.TEXT, Level.HIGH), seen(Group.TEXT, Level.HIGH, "other")], Outcome.SUSPICIOUS),
        ([seen(Group.FLOW, Level.CRITICAL), seen(Group.PROVENANCE, Level.GOOD)], Outcome.MALICIOUS),
    ],
)
def test_an_outcome_follows_from_levels_and_groups(findings: list[Finding], outcome: Outcome) -> None:
    assert judge(weigh(findings)).outcome is outcome


def test_good_evidence_lowers_what_is_at_most_medium() -> None:
    mediums = [seen(Group.TEXT, Level.MEDIUM), seen(Group.FLOW, Level.MEDIUM)]
    good = [*mediums, seen(Group.PROVENANCE, Level.GOOD)]
    assert (judge(weigh(mediums)).outcome, judge(weigh(good)).outcome) == (Outcome.SUSPICIOUS, Outcome.CLEAN)


def test_a_failed_tool_is_never_clean() -> None:
    verdict = judge([], failed=["static: the worker was killed"])
    assert (verdict.outcome, verdict.not_checked) == (Outcome.INCOMPLETE, ("static: the worker was killed",))


def test_a_failed_tool_does_not_hide_what_was_found() -> None:
    assert judge(weigh([seen(Group.FLOW, Level.CRITICAL)]), failed=["x"]).outcome is Outcome.MALICIOUS


def test_the_order_of_findings_does_not_matter() -> None:
    findings = [seen(group, level) for group in Group for level in Level]
    shuffled = random.Random(7).sample(findings, len(findings))
    assert judge(weigh(findings)) == judge(weigh(shuffled))


def test_equal_findings_are_said_once() -> None:
    assert len(weigh([seen(Group.FLOW, Level.LOW)] * 3)) == 1


def test_a_finding_survives_json() -> None:
    finding = seen(Group.FLOW, Level.HIGH)
    assert Finding.of(finding.as_json()) == finding


def test_a_quote_is_one_harmless_line() -> None:
    assert quoted("a\x1b[31m\u202eb\nc" + "x" * 500)[:20] == "a\\x1b[31m\\u202eb cxx"
