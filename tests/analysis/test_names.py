"""Names that imitate are found with the right original first; popular and innocent ones are left alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pumpkin.analysis import names

PAIRS = json.loads((Path(__file__).parents[1] / "lookalikes/typosquats.json").read_text())


@pytest.mark.parametrize(
    ("ecosystem", "name", "target", "kind"),
    [
        ("pypi", "reqeusts", "requests", "transposition"),
        ("pypi", "requets", "requests", "omission"),
        ("pypi", "python-requests", "requests", "affix"),
        ("pypi", "python_dateutil2", "python-dateutil", "digit"),
        ("pypi", "jeIlyfish", "jellyfish", "homoglyph"),
        ("pypi", "nurnpy", "numpy", "homoglyph"),
        ("pypi", "sql-alchemy", "sqlalchemy", "delimiter"),
        ("pypi", "dateutil-python", "python-dateutil", "word-order"),
        ("npm", "types-node", "@types/node", "scope"),
        ("npm", "@evil/lodash", "lodash", "scope"),
        ("npm", "lodahs", "lodash", "transposition"),
        ("npm", "crossenv", "cross-env", "delimiter"),
        ("cargo", "rustdecimal", "rust-decimal", "delimiter"),
        ("composer", "symfonny/console", "symfony/console", "scope"),
        ("composer", "guzzlehttp/guzle", "guzzlehttp/guzzle", "repetition"),
        ("composer", "monolog-monolog", "monolog/monolog", "delimiter"),
        ("composer", "fzaninoto/faker", "fzaninotto/faker", "scope"),
        (
            "maven",
            "org.fasterxml.jackson.core:jackson-databind",
            "com.fasterxml.jackson.core/jackson-databind",
            "scope",
        ),
        ("maven", "org.apache.logging.log4j/log4j-cor", "org.apache.logging.log4j/log4j-core", "omission"),
        ("maven", "com.google.guava:guavva", "com.google.guava/guava", "repetition"),
    ],
)
def test_an_imitation_is_told_by_its_original_and_edit(ecosystem: str, name: str, target: str, kind: str) -> None:
    best = names.candidates(ecosystem, name)[0]
    assert (best.target, best.kind) == (target, kind)


@pytest.mark.parametrize("name", ["requests", "numpy", "six", "zope.interface", "Django", "python_dateutil"])
def test_a_popular_name_imitates_nobody(name: str) -> None:
    assert names.candidates("pypi", name) == []


def test_recall_and_false_alarms_on_labelled_names() -> None:
    squats = [row for row in PAIRS["squats"] if names.index(row[0])]
    found = [(names.candidates(e, name), names.normal(e, target)) for e, name, target, _ in squats]
    hits = [(candidates, target) for candidates, target in found if candidates]
    first = sum(candidates[0].target == target for candidates, target in hits)
    innocent = [row for row in PAIRS["innocent"] if names.index(row[0])]
    alarms = sum(bool(names.candidates(row[0], row[1])) for row in innocent)
    recall, right, wrong = len(hits) / len(PAIRS["squats"]), first / len(hits), alarms / len(innocent)
    assert (recall >= 0.75, right >= 0.9, wrong <= 0.03) == (True, True, True), (recall, right, wrong)


def test_a_name_takes_less_than_a_millisecond() -> None:
    names.candidates("pypi", "warm-up")
    began = time.process_time()
    for row in PAIRS["squats"]:
        names.candidates("pypi", row[1])
    assert (time.process_time() - began) / len(PAIRS["squats"]) < 0.001


def test_hostile_names_are_answered() -> None:
    hostile = ["", "-", "@", "@/", "a" * 5000, "\x00\u202e", "@a/b/c/d", "🎃🎃🎃🎃", "./../.."]
    assert all(isinstance(names.candidates(e, name), list) for e in names.ECOSYSTEMS for name in hostile)


def test_a_finding_is_a_signal_never_a_verdict() -> None:
    (finding,) = names.findings("pypi", "reqeusts")
    assert (finding.group, finding.level, "requests" in finding.reason) == ("name", "medium", True)


def test_an_ecosystem_without_a_list_says_nothing() -> None:
    assert names.findings("apk", "openssl") == []


@pytest.mark.parametrize(
    ("ecosystem", "name"),
    [("composer", "symfony/console"), ("composer", "acme/console"), ("composer", "acme/framework"),
     ("maven", "com.google.zxing:core"), ("maven", "com.example.app:core"), ("maven", "org.acme:spring-core"),
     ("maven", "org.apache.commons:commons-rng-core"), ("composer", "spatie/laravel-webhook-client")],
)  # fmt: skip
def test_a_vendor_of_its_own_imitates_nobody(ecosystem: str, name: str) -> None:
    assert names.candidates(ecosystem, name) == []
