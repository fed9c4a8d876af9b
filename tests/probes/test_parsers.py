"""Each parser on output of the true shape, and on output that is not."""

import json
import tempfile
from pathlib import Path

import pytest

from pumpkin.errors import StartError
from pumpkin.probes import parsers

NMAP = b"""<?xml version="1.0"?><!DOCTYPE nmaprun><?xml-stylesheet href="file:///x"?>
<nmaprun scanner="nmap" args="nmap -oX - 198.51.100.7" version="7.93">
<host><status state="up" reason="echo-reply"/><address addr="198.51.100.7" addrtype="ipv4"/>
<hostnames><hostname name="www.example" type="PTR"/></hostnames>
<ports><port protocol="tcp" portid="443"><state state="open" reason="syn-ack"/>
<service name="https" product="nginx" version="1.22"/><script id="cert" output="CN=www.example"/></port></ports></host>
<runstats><finished time="1" exit="success"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>"""

JUNIT = b"""<testsuites><testsuite name="s"><testcase classname="a" name="good" time="0.5"/>
<testcase classname="a" name="bad" time="0.25"><failure message="no">trace</failure></testcase>
<testcase name="later"><skipped/></testcase></testsuite></testsuites>"""

PROMETHEUS = b"""# HELP up Whether it is up.
# TYPE up gauge
up{job="a"} 1
up{job="b"} NaN
"""


@pytest.mark.parametrize(
    ("name", "output", "options", "data"),
    [
        ("", b"abc", {}, {"size": 3}),
        ("raw", b"\xff\x00", {}, {"size": 2}),
        ("lines", b"a\r\n\nb\n", {}, ["a", "b"]),
        ("json", b'{"a": [1, 2.5, null]}', {}, {"a": [1, 2.5, None]}),
        ("json", b"1\n2\n", {"lines": True}, [1, 2]),
        ("json", b"123456789012345678901", {}, "123456789012345678901"),
        ("json", b'"a\\u0000\\ud800"', {}, "a\ufffd?"),
        ("keyvalue", b"# c\nA=1\nB = 'x y'\nA=2\n", {}, {"A": ["1", "2"], "B": "x y"}),
        ("keyvalue", b"A: 1\n", {"separator": ":"}, {"A": "1"}),
        ("regex", b"load 0.42", {"pattern": r"load (?P<load>[\d.]+)"}, {"load": "0.42"}),
        ("regex", b"a1 a2", {"pattern": r"a(?P<n>\d)", "all": True}, [{"n": "1"}, {"n": "2"}]),
        ("csv", b'a,b\n1,"x, y"\n', {}, [{"a": "1", "b": "x, y"}]),
        ("csv", b"1;2\n", {"delimiter": ";", "header": False}, [["1", "2"]]),
    ],
)
def test_output_becomes_data(name: str, output: bytes, options: dict[str, object], data: object) -> None:
    assert parsers.normalise(name, output, options)["data"] == data


def test_nmap_becomes_hosts_and_ports() -> None:
    found = parsers.normalise("nmap", NMAP, {})
    assert (found["parser"], found["version"]) == ("nmap", 1)
    [host] = found["data"]["hosts"]
    assert host["names"] == ["www.example"]
    assert host["ports"] == [
        {
            "port": 443,
            "protocol": "tcp",
            "state": "open",
            "service": "https",
            "product": "nginx",
            "version": "1.22",
            "scripts": {"cert": "CN=www.example"},
        }
    ]


def test_junit_counts_the_cases_themselves() -> None:
    data = parsers.normalise("junit", JUNIT, {})["data"]
    assert (data["tests"], data["failures"], data["skipped"], data["time_s"]) == (3, 1, 1, 0.75)
    assert data["cases"][0] == {"suite": "s", "name": "a.bad", "outcome": "failed", "message": "no"}


def test_prometheus_keeps_odd_numbers_as_text() -> None:
    data = parsers.normalise("prometheus", PROMETHEUS, {})["data"]
    assert [one["value"] for one in data["up"]["samples"]] == [1.0, "nan"]


BOMB = b'<!DOCTYPE n [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><nmaprun>&b;</nmaprun>'


@pytest.mark.parametrize(
    ("name", "output", "options"),
    [
        ("lines", b"\xff", {}),
        ("json", b"{", {}),
        ("json", b"", {}),
        ("json", b"[" * 50_000, {}),
        ("json", b"[" * 30 + b"]" * 30, {}),
        ("json", json.dumps("x" * 300_000).encode(), {}),
        ("keyvalue", b"nothing here\n", {}),
        ("regex", b"a", {}),
        ("regex", b"a", {"pattern": "("}),
        ("regex", b"a", {"pattern": "b"}),
        ("csv", b"a,b\n1\n", {}),
        ("csv", b'a\n"b', {}),
        ("csv", b"", {}),
        ("nmap", b"<nmaprun/>", {}),
        ("nmap", b"<other/>", {}),
        ("nmap", NMAP[:300], {}),
        ("nmap", NMAP.replace(b'"443"', b'"x"'), {}),
        ("nmap", BOMB, {}),
        ("junit", b"<a>" * 1_000, {}),
        ("junit", b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><testsuite>&x;</testsuite>', {}),
        ("prometheus", b"up{ 1", {}),
        ("prometheus", b"\xff", {}),
    ],
)
def test_what_does_not_fit_is_said_and_never_raised(name: str, output: bytes, options: dict[str, object]) -> None:
    found = parsers.normalise(name, output, options)
    assert "data" not in found
    assert 0 < len(found["error"]) <= 500


def test_an_unknown_parser_names_those_there_are() -> None:
    with pytest.raises(StartError, match="nmap"):
        parsers.find("nope")


@pytest.mark.parametrize("name", parsers.NAMES)
def test_every_parser_has_a_version_and_a_schema(name: str) -> None:
    parser = parsers.find(name)
    assert parser.VERSION >= 1
    assert isinstance(parser.SCHEMA, dict)


def test_a_parser_that_raises_anything_makes_a_check_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser by entry point is a stranger's program: here a real one, in a distribution made for the test."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "odd_parser.py").write_text(
            "VERSION = 1\nSCHEMA = {}\ndef parse(output, options):\n    raise RuntimeError('out of ' + 'cheese')\n"
        )
        info = place / "odd_parser-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-parser\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[pumpkin.parsers]\nodd = odd_parser\n")
        monkeypatch.syspath_prepend(folder)
        parsers.others.cache_clear()  # another test may have looked before
        found = parsers.normalise("odd", b"x", {})
        assert found == {"parser": "odd", "version": 1, "error": "out of cheese"}
        parsers.find.cache_clear()
        parsers.others.cache_clear()


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "required": ["b"]}, "does not fit the schema"),
        ({"properties": {"a": {"maximum": 0}}}, "does not fit the schema"),
        ({"type": "nonsense"}, "the schema is none"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "refers to http://127.0.0.1:1"),
        ({"$ref": "file:///etc/passwd"}, "refers to file:"),
    ],
)
def test_a_jobs_own_schema_is_held_and_fetches_nothing(schema: dict[str, object], reason: str) -> None:
    found = parsers.normalise("json", b'{"a": 1}', {"schema": schema})
    assert reason in found["error"]
    assert "data" not in found


def test_what_fits_its_schema_passes_and_every_parser_is_described() -> None:
    found = parsers.normalise("json", b'{"a": 1}', {"schema": {"required": ["a"]}})
    assert found["data"] == {"a": 1}
    assert {"json", "nmap", "tls"} <= {one["name"] for one in parsers.described()}


def test_installed_packages_are_looked_through_once() -> None:
    assert parsers.others() is parsers.others()
    assert parsers.known() >= {"json", "nmap"}
