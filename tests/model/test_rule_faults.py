"""What is wrong with a file of rules: each fault has its code, its line and a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pumpkin.model.rules import InvalidRules, read
from pumpkin.model.rules.document import KINDS
from tests.model.test_rules import rule


@pytest.mark.parametrize(
    ("text", "code", "line", "field"),
    [
        ("version = 1\n[[rule]\n", "rules_syntax", 2, ""),
        ("version = 2", "rules_bad_value", 1, "version"),
        (rule("expected") + "\nseverty = 1", "rules_unknown_field", 4, "severty"),
        (rule("expected") + '\nafter = "x"', "rules_bad_value", 4, "after"),
        (rule("threshold", limit=1), "rules_missing_field", 1, "window"),
        (rule("nothing"), "rules_unknown_kind", 3, "kind"),
        ('[[rule]]\nname = "r"', "rules_missing_field", 1, "kind"),
        (rule("threshold", window="5 parsecs", limit=1), "rules_bad_value", 4, "window"),
        (rule("expected") + "\n[rule.select]\ntyp = 1", "rules_unknown_field", 5, "select.typ"),
        (rule("expected", message="{nonsense}"), "rules_bad_value", 4, "message"),
        (rule("threshold", window="1m") + "\nlimit = inf", "rules_bad_value", 5, "limit"),
        (rule("expected", value="passwd"), "rules_bad_value", 4, "value"),
        (rule("expected") + "\n" + rule("change"), "rules_duplicate", 5, "name"),
        (rule("expected") + '\n[[rule.act]]\ndo = "ask"', "rules_bad_value", 4, "act.0"),
        (rule("agreement", window="1m", want="agree", k=3, n=2), "rules_bad_value", 1, ""),
        ('[[dependency]]\nparent = "gw@x"\nrule = "no"\nchildren = { site = "a" }', "rules_unknown_rule", 3, "rule"),
    ],
)
def test_each_fault_says_where_it_is(text: str, code: str, line: int, field: str) -> None:
    with pytest.raises(InvalidRules) as caught:
        read(text.encode())
    fault = caught.value.faults[0]
    assert (fault.code, fault.line, fault.field) == (code, line, field)
    assert code in str(caught.value)


def test_all_faults_are_told_at_once_and_bounded() -> None:
    with pytest.raises(InvalidRules) as caught:
        read("\n".join('[[rule]]\nname = "R!"\nkind = "expected"\nbad = 1' for _ in range(40)).encode())
    assert (len(caught.value.faults), caught.value.more) == (50, 30)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 5_000, b"x" * 2_000_000])
def test_what_is_no_text_is_a_fault_too(content: bytes) -> None:
    with pytest.raises(InvalidRules):
        read(content)


def test_the_example_in_the_documentation_is_right_and_shows_every_kind() -> None:
    file = read((Path(__file__).parents[2] / "docs" / "examples" / "alerts.toml").read_bytes())
    assert {one.kind for one in file.rule} == set(KINDS)
    assert file.dependency


BASE = 'version = 1\n[[rule]]\nname = "web"\nkind = "expected"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('version = 1\n[[rule]\nname = "x"', "line 2: is not TOML: "),
        ("version = 2\n", "line 1: version is not 1 [rules_bad_value]"),
        ('version = 1\n[rule]\nname = "x"\n', "line 2: rule is a list of tables: write [[rule]] [rules_bad_value]"),
        (BASE + "recoer = 2\n", "line 5, rule web: recoer is no field here [rules_unknown_field]"),
        (BASE + "after = 0\n", "line 5, rule web: after is less than 1 [rules_bad_value]"),
        (BASE + 'severity = "fatal"\n', "line 5, rule web: severity is none of info, warning, critical [rules_bad"),
        (BASE + 'escalate = [{ after = "1h" }, { after = "1m" }]\n', "rule web: escalate: each step comes later than"),
        (BASE + 'message = "{targt}"\n', "line 5, rule web: message names {targt}; known are agent"),
        (BASE + 'message = "a\\u0000b"\n', "line 5: rule.0.message holds U+0000, which no text may [rules_bad_value]"),
        (BASE + "[[dependency]]\nneeds = 1\n", "line 5, dependency 1: parent is missing [rules_missing_field]"),
        (b'version = 1\nname = "\xe9"\n', "line 2: is not UTF-8 [rules_syntax]"),
    ],
)
def test_what_is_wrong_with_a_file_reads_as_a_sentence(text: str | bytes, said: str) -> None:
    with pytest.raises(InvalidRules) as caught:
        read(text if isinstance(text, bytes) else text.encode())
    assert any(said in str(fault) for fault in caught.value.faults), [str(one) for one in caught.value.faults]
