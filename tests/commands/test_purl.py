"""`pumpkin purl` on the command line."""

from __future__ import annotations

import json

from click.testing import CliRunner

from pumpkin.__main__ import cli


def test_it_shows_canonical_forms_and_says_what_is_none() -> None:
    done = CliRunner().invoke(cli, ["purl", "pkg:PyPI/A_b", "pkg:npm/@a/b@1"])
    assert (done.exit_code, done.output) == (0, "pkg:pypi/a-b\npkg:npm/%40a/b@1\n")
    done = CliRunner().invoke(cli, ["purl", "nothing"])
    assert done.exit_code == 1
    assert "not a purl" in done.output


def test_in_json_each_input_has_its_parts_or_its_error() -> None:
    done = CliRunner().invoke(cli, ["purl", "--json", "pkg:gem/rails@8?platform=java", "pkg:pypi/..%2Fx"])
    good, bad = json.loads(done.output)
    assert good == {
        "input": "pkg:gem/rails@8?platform=java",
        "type": "gem",
        "namespace": None,
        "name": "rails",
        "version": "8",
        "qualifiers": {"platform": "java"},
        "subpath": None,
        "canonical": "pkg:gem/rails@8?platform=java",
    }
    assert set(bad) == {"input", "error"}
