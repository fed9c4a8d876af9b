"""Findings in; outcome, score and the sentences that explain them out (contracts/tools.md section 7).

The same findings give the same verdict, in whatever order they came. Within a group the strongest finding counts,
groups combine as `1 - prod(1 - w)`. *malicious* needs a known-bad hit, one critical finding of data flow or of the
sandbox, or two independent groups at high; a name and metadata cannot get there alone. Good evidence (a verified
source, an attestation) lowers what is at most medium. A tool that failed makes it *incomplete*, never clean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from pumpkin.model.findings import Finding, Group, Level, Outcome, Verdict

WEIGHTS: dict[Level, float] = {
    Level.GOOD: 0.0,
    Level.INFO: 0.0,
    Level.LOW: 0.08,
    Level.MEDIUM: 0.3,
    Level.HIGH: 0.6,
    Level.CRITICAL: 0.95,
}
"""What a finding of each level adds to the score; the one place to change it."""

RULE_WEIGHTS: dict[str, float] = {
    "known-malicious": 1.0,
    "name-imitates": 0.25,
    "source-phantom-risky": 0.7,
}
"""Rules that weigh otherwise than their level says."""

SUSPICIOUS_FROM = 0.5
GOOD_FACTOR = 0.5
DECIDING = frozenset({Group.FLOW, Group.DYNAMIC})
SUPPORTING = frozenset({Group.NAME, Group.METADATA})
_WHY_LIMIT = 8


def weigh(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with their weights, strongest first, each said once, in an order that does not depend on ours."""
    unique: dict[tuple[str, str, int, str], Finding] = {}
    for finding in findings:
        said = finding.rule, finding.file, finding.line, finding.quote
        if said not in unique or unique[said].level.rank < finding.level.rank:
            unique[said] = finding.weighing(RULE_WEIGHTS.get(finding.rule, WEIGHTS[finding.level]))
    return sorted(unique.values(), key=lambda f: (-f.level.rank, -f.weight, f.group, f.rule, f.file, f.line, f.quote))


def judge(findings: Sequence[Finding], *, not_checked: Iterable[str] = (), failed: Iterable[str] = ()) -> Verdict:
    """The verdict over weighed findings; `failed` names tools and parts that should have been looked at."""
    gaps, broken = tuple(sorted(set(not_checked))), tuple(sorted(set(failed)))
    good = any(f.level is Level.GOOD for f in findings)
    groups: dict[str, float] = {}
    for finding in findings:
        weight = finding.weight
        if good and finding.level.rank <= Level.MEDIUM.rank:
            weight *= GOOD_FACTOR
        groups[finding.group] = max(groups.get(finding.group, 0.0), weight)
    total = 1 - prod(1 - weight for weight in groups.values())
    outcome = _outcome(findings, total, broken)
    if outcome is Outcome.SUSPICIOUS and not _accusing(findings):
        total = min(total, 0.69)
    score = min(100, round(total * 100))
    shown = {str(group): round(weight, 3) for group, weight in sorted(groups.items()) if weight}
    return Verdict(outcome, score, _why(findings, outcome, broken), shown, gaps + broken)


def _accusing(findings: Sequence[Finding]) -> bool:
    return any(f.group not in SUPPORTING for f in findings if f.level.rank >= Level.HIGH.rank)


def _outcome(findings: Sequence[Finding], total: float, failed: tuple[str, ...]) -> Outcome:
    high = {f.group for f in findings if f.level.rank >= Level.HIGH.rank}
    decisive = any(f.level is Level.CRITICAL and f.group in DECIDING for f in findings)
    if Group.KNOWN_BAD in high or decisive or (len(high) >= 2 and not high <= SUPPORTING):
        return Outcome.MALICIOUS
    if total >= SUSPICIOUS_FROM:
        return Outcome.SUSPICIOUS
    return Outcome.INCOMPLETE if failed else Outcome.CLEAN


def _why(findings: Sequence[Finding], outcome: Outcome, failed: tuple[str, ...]) -> tuple[str, ...]:
    """The strongest finding of each rule in words, and why nothing better could be said."""
    said: dict[str, str] = {}
    for finding in findings:
        if finding.level.rank < Level.LOW.rank and finding.level is not Level.GOOD:
            continue
        where = f" ({finding.file}{f':{finding.line}' if finding.line else ''})" if finding.file else ""
        said.setdefault(finding.rule, f"{finding.level}: {finding.reason}{where}")
    lines = list(said.values())[:_WHY_LIMIT]
    if failed:
        lines += [f"not looked at: {what}" for what in failed[:3]]
    return tuple(lines) or (("nothing was found",) if outcome is Outcome.CLEAN else ())
