"""No archive leaves memory, outlasts three seconds or passes in silence."""

from __future__ import annotations

import gzip
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from pumpkin.analysis import static
from pumpkin.analysis.archive import Gap, Limits, Member, Part, read
from pumpkin.model.findings import Finding, Outcome
from tests.analysis import hostile
from tests.analysis.hostile import entry, tar_of, zip_of


def rules(parts: list[Part]) -> set[str]:
    return {part.rule for part in parts if isinstance(part, Finding)}


def gaps(parts: list[Part]) -> list[Gap]:
    return [part for part in parts if isinstance(part, Gap)]


def members(parts: list[Part]) -> dict[str, bytes]:
    return {part.path: part.data for part in parts if isinstance(part, Member)}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_of_any_compression_is_read(mode: str) -> None:
    parts = list(read(tar_of((entry("pkg/a.py"), b"A"), (entry("pkg/" + "l" * 300), b"B"), mode=mode), "x"))
    assert members(parts) == {"pkg/a.py": b"A", "pkg/" + "l" * 300: b"B"}


def test_a_wheel_is_read() -> None:
    assert members(list(read(zip_of(("a/b.py", b"1"), ("a/c.py", b"2")), "x.whl"))) == {"a/b.py": b"1", "a/c.py": b"2"}


def test_an_archive_in_an_archive_is_looked_into() -> None:
    inner = tar_of((entry("data.py"), b"D"))
    assert members(list(read(zip_of(("in.tgz", inner)), "x.zip")))["in.tgz!data.py"] == b"D"


def test_concatenated_gzip_streams_are_one_tar() -> None:
    whole = tar_of((entry("a"), b"A" * 600), mode="w")
    assert members(list(read(gzip.compress(whole[:700]) + gzip.compress(whole[700:]), "x.apk"))) == {"a": b"A" * 600}


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (hostile.gzip_bomb, "archive-bomb"),
        (hostile.bzip2_bomb, "archive-bomb"),
        (hostile.xz_bomb, "archive-bomb"),
        (hostile.zip_bomb, "archive-bomb"),
        (hostile.overlapping_zip, "archive-overlap"),
        (hostile.endless_names, "archive-damaged"),
        (hostile.many_members, "archive-crowd"),
        (hostile.encrypted_zip, "archive-encrypted"),
    ],
)
def test_a_bomb_is_a_finding_a_gap_and_quick(make: object, rule: str) -> None:
    data = make()  # type: ignore[operator]
    began = time.process_time()
    parts = list(read(data, "x"))
    assert (rule in rules(parts), bool(gaps(parts)), time.process_time() - began < 12) == (True, True, True)


@pytest.mark.parametrize("make", [hostile.russian_dolls, hostile.quine_like])
def test_dolls_are_not_opened_past_the_second(make: object) -> None:
    began = time.process_time()
    parts = list(read(make(), "x"))  # type: ignore[operator]
    assert ("archive-deep" in rules(parts), bool(gaps(parts)), time.process_time() - began < 12) == (True, True, True)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../up.py", "a/../../up.py", "C:\\up.py", "..\\up.py", "a\u202eyp.exe", "a\nb.py"]
)
def test_a_path_that_climbs_or_deceives_is_a_finding(path: str) -> None:
    assert "archive-path" in rules(list(read(tar_of((entry(path), b"x")), "x")))


@pytest.mark.parametrize("path", ["/etc/passwd", "../../up.py"])
def test_a_path_that_climbs_out_of_a_zip_is_a_finding(path: str) -> None:
    assert "archive-path" in rules(list(read(zip_of((path, b"x")), "x")))


@pytest.mark.parametrize(
    ("link", "kind"),
    [("/etc/passwd", tarfile.SYMTYPE), ("../../x", tarfile.SYMTYPE), ("/etc/shadow", tarfile.LNKTYPE)],
)
def test_a_link_out_of_the_package_is_a_finding(link: str, kind: bytes) -> None:
    assert "archive-link" in rules(list(read(tar_of((entry("pkg/a", kind, link), b"")), "x")))


def test_a_link_inside_the_package_is_none() -> None:
    assert not rules(list(read(tar_of((entry("pkg/a", tarfile.SYMTYPE, "../pkg/b"), b"")), "x")))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_is_a_finding(kind: bytes) -> None:
    assert "archive-device" in rules(list(read(tar_of((entry("dev", kind), b"")), "x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_a_finding() -> None:
    assert "archive-double" in rules(list(read(zip_of(("a.py", b"1"), ("a.py", b"2")), "x")))


@pytest.mark.parametrize("cut", [10, 50, 100, 200, 300])
def test_a_cut_archive_is_a_gap(cut: int) -> None:
    data = tar_of((entry("a.py"), bytes(range(256)) * 40), (entry("b.py"), b"x" * 5000))
    assert gaps(list(read(data[:cut], "x.tar.gz")))


def test_every_cut_of_a_zip_ends_quietly() -> None:
    data = zip_of(("a.py", b"x" * 100), ("b.py", b"y" * 100))
    assert all(gaps(list(read(data[:cut], "x.zip"))) for cut in range(1, len(data)))


def test_every_flipped_byte_of_a_tar_ends_quietly() -> None:
    data = tar_of((entry("a.py"), b"x" * 100), mode="w")[:1536]
    for at in range(len(data)):
        list(read(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], "x"))


def test_what_is_no_archive_is_a_gap() -> None:
    assert gaps(list(read(b"hello", "x")))
    assert gaps(list(read(gzip.compress(b"hello"), "x.tar.gz")))


EVIL = b"import os  # what only some installers see"
TWO = zip_of(("seen.py", EVIL)) + zip_of(("shown.py", b"1"))


@pytest.mark.parametrize("data", [TWO, b"#!/usr/bin/env python3\n" + TWO, b"MZ" + bytes(100) + TWO])
def test_members_no_directory_names_are_a_finding_and_a_gap(data: bytes) -> None:
    parts = list(read(data, "x.whl"))
    assert (rules(parts), len(gaps(parts)), members(parts)) == ({"archive-hidden"}, 1, {"shown.py": b"1"})


def test_a_program_before_an_archive_and_an_archive_kept_in_it_are_neither() -> None:
    inner = zip_of(("in.py", b"2"), method=zipfile.ZIP_STORED)
    whole = b"#!/bin/sh\n" + zip_of(("a.bin", inner), ("b.py", b"1"), method=zipfile.ZIP_STORED)
    parts = list(read(whole, "x.pyz"))
    assert (rules(parts), gaps(parts)) == (set(), [])
    assert set(members(parts)) == {"a.bin", "a.bin!in.py", "b.py"}


def pax(keyword: str, value: str, kind: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    line = f" {keyword}={value}\n"
    size = len(line) + 2
    info = entry("PaxHeader", kind)
    return info, f"{size}{line}".encode()


@pytest.mark.parametrize(
    "parts",
    [
        [(entry("a.py", b"S"), EVIL)],
        [(entry("a.py", b"Z"), EVIL)],
        [pax("GNU.sparse.name", "setup.py"), (entry("a.txt"), EVIL)],
    ],
)
def test_a_member_that_installers_read_otherwise_is_a_gap(parts: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    made = list(read(tar_of(*parts, (entry("b.py"), b"1")), "x.tar.gz"))
    assert (rules(made), len(gaps(made)), members(made)) == ({"archive-kind"}, 1, {"b.py": b"1"})


def test_a_name_of_solaris_is_followed() -> None:
    assert set(members(list(read(tar_of(pax("path", "setup.py", b"X"), (entry("a.txt"), b"1")), "x")))) == {"setup.py"}


def test_members_after_one_empty_block_are_a_gap() -> None:
    first, second = (tar_of((entry(name), b"1"), mode="w")[:1024] for name in ("a.js", "b.js"))
    made = list(read(first + bytes(512) + second + bytes(1024), "x.tar"))
    assert (set(members(made)), len(gaps(made))) == ({"a.js"}, 1)


def test_a_member_over_its_cap_is_told_not_kept() -> None:
    parts = list(read(zip_of(("a.py", bytes(2000))), "x", Limits(member=1000)))
    assert (members(parts), rules(parts), len(gaps(parts))) == ({}, {"archive-large"}, 1)


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    list(read(tar_of((entry("a.py"), b"x"), (entry("../b.py"), b"x")), "x"))
    assert list(tmp_path.rglob("*")) == [here]


@pytest.mark.parametrize("make", [hostile.gzip_bomb, hostile.zip_bomb, hostile.many_members, hostile.encrypted_zip])
def test_a_scan_over_a_bomb_is_quick_and_never_clean(make: object) -> None:
    data = make()  # type: ignore[operator]
    began = time.process_time()
    scan = static.scan(data, "x")
    assert (scan.verdict.outcome is not Outcome.CLEAN, time.process_time() - began < 12) == (True, True)


def test_an_empty_zip_and_one_without_its_members_are_read() -> None:
    assert list(read(zip_of(), "x.whl")) == []
    cut = zip_of(("a", b"1"))
    assert members(list(read(cut[: cut.index(b"PK\x01\x02")] + zip_of(), "x.whl"))) == {}
