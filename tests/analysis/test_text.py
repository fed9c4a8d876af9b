"""Each rule hits its example and spares its counter-example, and a rule that hangs is stopped."""

from __future__ import annotations

import tomllib

import pytest

from pumpkin.analysis.text import RULES, BadRule, Rules, own, scan

SUFFIX = {"python": "py", "javascript": "js", "json": "json", "shell": "sh"}
EXAMPLES = {
    rule: example
    for path in sorted(RULES.glob("*.toml"))
    for rule, example in tomllib.loads(path.read_text("utf-8")).items()
}


def hits(rule: str, text: str) -> bool:
    text = text.replace("$A4100", "A" * 4100)
    name = f"text-{rule.replace('_', '-')}"
    langs = [EXAMPLES[rule].get("lang", "python"), "python"]
    return any(f.rule == name for lang in langs for f in own().scan(f"a.{SUFFIX[lang]}", text.encode()))


def test_every_rule_has_examples() -> None:
    assert {rule.identifier for rule in own().compiled} == set(EXAMPLES)


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_hits_what_it_is_for(rule: str) -> None:
    assert [text for text in EXAMPLES[rule]["yes"] if not hits(rule, text)] == []


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_a_rule_spares_what_only_looks_alike(rule: str) -> None:
    assert [text for text in EXAMPLES[rule]["no"] if hits(rule, text)] == []


def test_every_rule_says_level_tactic_and_reason() -> None:
    assert [r.identifier for r in own().compiled if not {"level", "tactic", "reason"} <= dict(r.metadata).keys()] == []


def test_documents_are_not_judged() -> None:
    assert scan({"README.md": b"exec(base64.b64decode('cHJpbnQ='))"}, [own()]) == ([], [])


def test_a_broken_rule_is_refused() -> None:
    with pytest.raises(BadRule):
        Rules({"mine": "rule x { condition: nonsense }"})


def test_the_digest_follows_the_rules() -> None:
    a, b = (Rules({"x": f"rule x {{ condition: {word} }}"}).digest for word in ("true", "false"))
    assert a != b
