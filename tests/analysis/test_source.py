"""The source a package names is found, and its files prove or disprove it by git's own ids."""

from __future__ import annotations

import json
import time

import pytest

from pumpkin.analysis import source
from pumpkin.analysis.scans import FileFact, blob_id
from pumpkin.model.findings import Finding, Group, Level

BODY = b"def answer():\n    return 42  # a body that is long enough to prove something\n"
OTHER = b"def question():\n    return 6 * 9  # another body that is long enough to prove\n"


def facts(**files: bytes) -> dict[str, FileFact]:
    return {path.replace("__", "/"): FileFact.of(data) for path, data in files.items()}


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("git+https://github.com/lodash/lodash.git", "https://github.com/lodash/lodash"),
        ("git@github.com:owner/project.git", "https://github.com/owner/project"),
        ("https://github.com/owner/project/tree/main/packages/a#readme", "https://github.com/owner/project"),
        ("scm:git:https://gitlab.com/group/project.git", "https://gitlab.com/group/project"),
        ("https://github.com/owner/project.", "https://github.com/owner/project"),
        ("https://gitlab.com/group/inner/project/-/tree/main", "https://gitlab.com/group/inner/project"),
        ("https://gitlab.com/group/project/issues", "https://gitlab.com/group/project"),
        ("https://gitlab.gnome.org/GNOME/pygobject.git#readme", "https://gitlab.gnome.org/GNOME/pygobject"),
        ("https://git.example.org/owner/project", "https://git.example.org/owner/project"),
        ("https://github.com/sponsors/someone", None),
        ("https://example.com/owner/project", None),
        ("javascript:alert(1)", None),
        ("--upload-pack=touch /tmp/x", None),
    ],
)
def test_an_address_leads_to_its_repository_or_nowhere(address: str, found: str | None) -> None:
    assert source.repository(address) == found


def test_a_python_package_names_its_source_best_in_project_url() -> None:
    paper = (
        b"Metadata-Version: 2.1\nName: attrs\nHome-page: https://github.com/other/thing\n"
        b"Project-URL: Source Code, https://github.com/python-attrs/attrs\n\nhello\n"
    )
    found = source.candidates({"attrs-1.dist-info/METADATA": paper}, "attrs")
    assert [one.url for one in found] == ["https://github.com/python-attrs/attrs", "https://github.com/other/thing"]


@pytest.mark.parametrize(
    "value", ["owner/project", "github:owner/project", {"url": "git://github.com/owner/project.git"}]
)
def test_an_npm_package_names_it_in_each_of_its_ways(value: object) -> None:
    paper = json.dumps({"name": "project", "repository": value}).encode()
    assert source.candidates({"package/package.json": paper})[0].url == "https://github.com/owner/project"


def test_the_right_repository_is_verified() -> None:
    compared = source.compare(facts(six__a=BODY, **{"x.py": BODY}), {"src/x.py": blob_id(BODY)})
    assert (compared.state, compared.same, compared.phantom) == ("verified", 1, ())


def test_the_wrong_repository_is_a_mismatch() -> None:
    assert source.compare(facts(**{"x.py": BODY}), {"x.py": blob_id(OTHER), "y.py": blob_id(b"1")}).state == "mismatch"


def test_line_ends_of_dos_do_not_matter() -> None:
    assert source.compare(facts(**{"x.py": BODY.replace(b"\n", b"\r\n")}), {"x.py": blob_id(BODY)}).state == "verified"


def test_a_file_only_the_release_has_is_named() -> None:
    files = facts(**{"p-1.0/a.py": BODY, "p-1.0/evil.py": OTHER, "p-1.0/PKG-INFO": BODY + OTHER})
    compared = source.compare(files, {"a.py": blob_id(BODY)})
    assert (compared.state, compared.phantom, compared.generated) == ("partly", ("evil.py",), ("PKG-INFO",))


def test_what_rules_say_of_it_weighs_more() -> None:
    compared = source.compare(facts(**{"a.py": BODY, "evil.py": OTHER}), {"a.py": blob_id(BODY)})
    seen = [Finding("static", "x", Level.MEDIUM, Group.FLOW, "talks", file="evil.py"),
            Finding("static", "x", Level.MEDIUM, Group.FLOW, "talks", file="a.py")]  # fmt: skip
    found = source.findings(compared, "https://github.com/o/p", seen)
    assert [(one.rule, one.level, one.file) for one in found if one.level is Level.HIGH] == [
        ("source-phantom-risky", Level.HIGH, "evil.py")
    ]


def test_a_verified_source_is_good_evidence() -> None:
    compared = source.compare(facts(**{"a.py": BODY}), {"a.py": blob_id(BODY)})
    assert [one.level for one in source.findings(compared, "https://github.com/o/p")] == [Level.GOOD]


def test_a_release_of_risky_files_alone_is_never_called_coherent() -> None:
    assert source.compare(facts(**{"evil.py": OTHER}), {"README": blob_id(BODY)}).state == "mismatch"


def test_four_thousand_files_take_less_than_a_second() -> None:
    files = {f"p/m{n}.py": FileFact(100, "", blob_id(b"%d" % n)) for n in range(4000)}
    tree = {f"src/p/m{n}.py": blob_id(b"%d" % n) for n in range(4000)}
    began = time.process_time()
    assert source.compare(files, tree).state == "verified"
    assert time.process_time() - began < 6


def test_hostile_papers_are_read() -> None:
    hostile = {
        "package.json": b"[" * 100_000,
        "a.dist-info/METADATA": b"\xff\xfe\0" * 100,
        "Cargo.toml": b"[[[[",
        "README": b"\0",
    }
    assert source.candidates(hostile, "x") == []
