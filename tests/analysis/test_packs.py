"""An operator's rule packs are compiled once, named with their licence, and speak in findings of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pumpkin.analysis import packs, static
from pumpkin.analysis.text import BadRule
from pumpkin.model.findings import Level

RULE = """
rule marker : high { meta: description = "a marker" strings: $a = "MARKER-1" condition: $a }
rule quiet : harmless { strings: $a = "MARKER-2" condition: $a }
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a.yar").write_text(RULE)
    (folder / "notes.txt").write_text("not a rule")
    return folder


def test_a_pack_is_kept_with_licence_and_hash(pack: Path, tmp_path: Path) -> None:
    added = packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    assert [one for one, _ in packs.installed(tmp_path / "store")] == [added]
    assert (added.licence, added.files, added.rules, len(added.digest)) == ("Apache-2.0", 1, 2, 64)


def test_its_tags_mean_levels(pack: Path, tmp_path: Path) -> None:
    packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    scan = static.scan_files({"a.bin": b"MARKER-1 MARKER-2"}, "a", packs=packs.load(tmp_path / "store"))
    assert {(f.tool, f.rule, f.level, f.reason) for f in scan.findings} == {
        ("malcontent", "pack-marker", Level.HIGH, "a marker"),
        ("malcontent", "pack-quiet", Level.INFO, "quiet"),
    }


def test_it_changes_the_hash_of_the_rules(pack: Path, tmp_path: Path) -> None:
    packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    assert static.ruleset(packs.load(tmp_path / "store")) != static.ruleset()


def test_the_compiled_form_is_used_while_its_sources_are_the_same(pack: Path, tmp_path: Path) -> None:
    packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    home = tmp_path / "store/theirs"
    (home / "deep/a.yar").write_text(RULE.replace("MARKER-1", "MARKER-3"))
    scan = static.scan_files({"a.bin": b"MARKER-3"}, "a", packs=packs.load(tmp_path / "store"))
    assert [f.rule for f in scan.findings] == ["pack-marker"]


def test_a_pack_that_does_not_compile_changes_nothing(pack: Path, tmp_path: Path) -> None:
    packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    (pack / "deep/b.yar").write_text("rule broken {")
    with pytest.raises(BadRule, match=r"deep/b\.yar"):
        packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    assert [one.files for one, _ in packs.installed(tmp_path / "store")] == [1]


def test_a_pack_goes_as_it_came(pack: Path, tmp_path: Path) -> None:
    packs.add(tmp_path / "store", pack, "theirs", "Apache-2.0")
    assert (packs.remove(tmp_path / "store", "theirs"), packs.installed(tmp_path / "store")) == (True, [])


def test_a_rule_that_takes_for_ever_is_a_gap(tmp_path: Path) -> None:
    folder = tmp_path / "slow"
    folder.mkdir()
    loops = "for all i in (0..filesize) : (for all j in (0..filesize) : (i + j >= 0))"
    (folder / "a.yar").write_text(f"rule slow {{ condition: {loops} }}")
    packs.add(tmp_path / "store", folder, "slow", "none")
    scan = static.scan_files({"a.bin": b"x" * 400_000}, "a", packs=packs.load(tmp_path / "store"))
    assert [gap for gap in scan.gaps if "took longer" in gap] == ["a.bin: text rules took longer than 2 s"]
