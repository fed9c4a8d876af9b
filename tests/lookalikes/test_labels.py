"""The look-alikes are complete, labelled, apart from each other, and inert."""

from __future__ import annotations

import base64
import binascii
import codecs
import ipaddress
import itertools
import re
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rapidfuzz import fuzz

from tests.lookalikes import HERE, LABELS, PARTS, Case, cases, innocent, squats

FIRST = {"pypi", "npm", "gem", "cargo", "composer"}
ECOSYSTEMS = FIRST | {"maven", "apk"}
KINDS = {
    "omission", "repetition", "insertion", "substitution", "swap", "homoglyph",
    "separator", "prefix", "suffix", "combo", "word-order", "scope",
}  # fmt: skip
SCRIPTS = (".py", ".js", ".cjs", ".mjs", ".pth")
URL = re.compile(r"(?:https?|wss?|ftps?|tcp|udp|stratum\+tcp)://([^/\s'\"`)<>|\\?&;,]*)", re.I)
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
TOPS = "com|org|net|io|dev|ru|cn|xyz|gg|co|top|club|site|online|su"
HOST = re.compile(rf"(?<![\w.])(?:[a-z0-9-]+\.)+(?:{TOPS})\b(?![\w(])", re.I)
PATH_NAMES = {"kubernetes.io", "socket.io", "java.net"}  # a folder's name inside every pod, and modules'
NETWORKS = [ipaddress.ip_network(net) for net in ("198.51.100.0/24", "127.0.0.0/8", "0.0.0.0/32")]
PLANTS = re.compile(
    r"\.bashrc|crontab|authorized_keys|LaunchAgents|CurrentVersion\\|Programs\\Startup|systemd/user|\.asar", re.I
)
DESTROYS = re.compile(r"rm\s+-rf?\s|rmtree|mkfs|\bdd\s+if=|format\s+c:|shutdown\s", re.I)
BUILT = re.compile(r"(test_.*|.*_test|conftest)\.py|.*\.(pyc|so|pyd|dll|exe|node|wasm|zip|whl|t?gz)")
ALL = [case for part in PARTS for case in cases(part)]


def files(case: Case) -> list[Path]:
    return sorted(path for path in case.path.rglob("*") if path.is_file())


def each(found: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", found, ids=[case.name for case in found])


def layers(data: bytes, depth: int = 3) -> Iterator[str]:
    """The text itself, then what its encoded parts say, `depth` layers deep."""
    text = data.decode("utf-8", "replace")
    yield text
    if depth:
        for inner in _decoded(text):
            yield from layers(inner, depth - 1)


def _decoded(text: str) -> Iterator[bytes]:
    for run in re.findall(r"[A-Za-z0-9+/=_-]{12,}", text):
        for candidate in (run, run[::-1]):
            try:
                raw = base64.b64decode(candidate.strip("=") + "=" * (-len(candidate.strip("=")) % 4), validate=True)
            except binascii.Error:
                continue
            yield from _inflated(raw)
    for run in re.findall(r"\b(?:[0-9a-f]{2}){8,}\b", text):
        yield bytes.fromhex(run)
    for run in re.findall(r"(?:\d{1,3},\s*){8,}\d{1,3}", text):
        numbers = bytes(int(n) & 255 for n in run.split(","))
        yield from (bytes(b ^ key for b in numbers) for key in range(256))
    for run in re.findall(r"(?:(?:\\x|%)[0-9A-Fa-f]{2}){4,}", text):
        yield bytes.fromhex(re.sub(r"\\x|%", "", run))
    if marks := [ord(c) for c in text if 0xFE00 <= ord(c) <= 0xFE0F or 0xE0100 <= ord(c) <= 0xE01EF]:
        yield bytes(m - 0xFE00 if m < 0xFE10 else m - 0xE0100 + 16 for m in marks)
    if "rot13" in text:
        yield codecs.encode(text, "rot13").replace("ebg13", "").replace("rot13", "").encode()


def _inflated(raw: bytes) -> Iterator[bytes]:
    yield raw
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            yield zlib.decompressobj(bits).decompress(raw, 1 << 16)
        except zlib.error:
            continue


def strangers(text: str) -> set[str]:
    """Hosts and addresses in `text` which might exist."""
    named = {re.sub(r":\d*$", "", re.sub(r"^.*@|\$?\{[^}]*\}|%s", "", host)).strip(".") for host in URL.findall(text)}
    named |= set(HOST.findall(text)) - PATH_NAMES
    named |= set(IPV4.findall(text))
    return {host for host in named if not _nowhere(host)}


def _nowhere(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("", "localhost", "example", "invalid") or host.endswith((".example", ".invalid"))
    return any(address in net for net in NETWORKS)


def test_each_folder_has_a_label_and_each_label_a_folder() -> None:
    there = {f"{part}/{path.name}" for part in PARTS for path in (HERE / part).iterdir()}
    assert there == {case.path.relative_to(HERE).as_posix() for case in ALL}


@each(ALL)
def test_a_label_is_whole(case: Case) -> None:
    assert case.label in LABELS
    assert (case.label == "benign") == (case.path.parent.name == "benign")
    assert case.ecosystem in ECOSYSTEMS
    assert case.name.startswith(case.ecosystem + "-")
    assert (case.technique is None) == (case.label == "benign")
    assert case.technique is None or re.fullmatch(r"T\d{4}(\.\d{3})?", case.technique)
    assert 20 <= len(case.note) <= 120
    assert len(files(case)) >= 2


@pytest.mark.parametrize(("part", "least"), [("seen", 45), ("unseen", 45), ("benign", 25), ("practice", 80)])
def test_a_part_is_large_enough_and_mixed(part: str, least: int) -> None:
    found = cases(part)
    by = Counter(case.ecosystem for case in found)
    assert len(found) >= least
    assert 0.5 <= by["pypi"] / (by["pypi"] + by["npm"]) <= 0.7
    assert set(by) >= FIRST


def test_unseen_holds_no_case_of_seen_with_other_names() -> None:
    text = {case: "\n".join(p.read_text("utf-8") for p in files(case) if p.suffix in SCRIPTS) for case in ALL}
    pairs = itertools.product(cases("seen"), cases("unseen"))
    near = [(a.name, b.name) for a, b in pairs if len(text[a]) > 300 and fuzz.ratio(text[a], text[b]) > 70]
    assert near == []


def test_names_and_contents_are_not_used_twice() -> None:
    assert max(Counter(case.name for case in ALL).values()) == 1
    bodies = Counter(path.read_bytes() for case in ALL for path in files(case) if path.stat().st_size > 60)
    assert [body for body, count in bodies.items() if count > 1] == []


@each(ALL)
def test_every_layer_names_only_places_that_do_not_exist(case: Case) -> None:
    for path in files(case):
        data = path.read_bytes()
        if path.suffix == ".wav":
            data = b"".join(bytes(b ^ key for b in data) + b"\n" for key in range(256))
        found = {host for text in layers(data) for host in strangers(text)}
        assert found == set(), path


@each([case for case in ALL if case.label != "benign"])
def test_what_plants_itself_aims_at_nothing(case: Case) -> None:
    text = "\n".join(path.read_text("utf-8", "replace") for path in files(case))
    assert not PLANTS.search(text) or re.search(r"no-such|/nonexistent", text)
    assert not DESTROYS.search(text)


@each(ALL)
def test_a_case_is_data_only(case: Case) -> None:
    assert not case.name.isidentifier()  # no import statement can name it
    for path in case.path.rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or not path.stat().st_mode & 0o111, path
        assert path.is_dir() or path.stat().st_size < 32_768, path
        assert not BUILT.fullmatch(path.name), path


def test_nothing_lies_where_it_is_imported_or_collected(request: pytest.FixtureRequest) -> None:
    assert not any((HERE / part / "__init__.py").exists() for part in PARTS)
    inside = {HERE / part for part in PARTS}
    assert not [item for item in request.session.items if inside & set(item.path.parents)]


def test_checkers_pass_the_packages_by() -> None:
    tools = tomllib.loads((HERE.parent.parent / "pyproject.toml").read_text("utf-8"))["tool"]
    assert {f"tests/lookalikes/{part}" for part in PARTS} <= set(tools["ruff"]["extend-exclude"])
    assert tools["ruff"]["force-exclude"] is True
    assert all(re.search(tools["mypy"]["exclude"][0], f"tests/lookalikes/{part}/x.py") for part in PARTS)


@pytest.mark.parametrize(
    "text",
    [
        "get('https://evil.example.com/x')",
        "exec(b64decode('aHR0cDovL2V2aWwudGVzdC9h'))",
        "connect(('203.0.113.5', 1))",
        "hostname: 'collect.attacker.ru'",
        "68747470733a2f2f6576696c2e746573742f61",
    ],
)
def test_the_scan_finds_a_stranger(text: str) -> None:
    assert any(strangers(layer) for layer in layers(text.encode()))


@pytest.mark.parametrize(
    ("file", "hidden"),
    [
        ("seen/pypi-asyncbridge/setup.py", "http://198.51.100.23:8080"),  # base64
        ("seen/pypi-fastlogger/fastlogger/__init__.py", 'print("log ready")'),  # reversed base64 and zlib, twice
        ("seen/npm-glassvars/index.js", "invisible part"),  # variation selectors
        ("seen/cargo-rustdecimals/src/bits.rs", "http://198.51.100.88"),  # XOR
        ("seen/composer-acme-mailer/src/Setup.php", 'echo "ready"'),  # raw deflate
        ("unseen/pypi-hexbuild/hexbuild.py", "198.51.100.60"),  # hex
        ("unseen/pypi-sitecustom/sitecustomize.py", "http://boot.invalid"),  # ROT13
        ("unseen/npm-symbolic-math/math.js", "math ready"),  # percent codes
    ],
)
def test_the_scan_reads_what_is_hidden(file: str, hidden: str) -> None:
    data = (HERE / file).read_bytes()
    assert hidden not in data.decode()
    assert any(hidden in layer for layer in layers(data))


def test_squats_are_enough_and_well_formed() -> None:
    rows = squats()
    assert len(rows) >= 120
    assert len({row[:2] for row in rows}) == len(rows)
    for ecosystem, name, target, kind in rows:
        assert ecosystem in ECOSYSTEMS
        assert kind in KINDS
        assert name != target
    assert {kind for *_, kind in rows} == KINDS


def test_innocent_names_are_enough_and_no_squats() -> None:
    rows = innocent()
    assert len(rows) >= 120
    assert len({row[:2] for row in rows}) == len(rows)
    assert {row[0] for row in rows} <= ECOSYSTEMS
    assert not {row[:2] for row in rows} & {row[:2] for row in squats()}
    assert not {(row[0], row[1]) for row in squats()} & {(row[0], row[2]) for row in squats()}
