"""Settings that do not fit end with a sentence for each: which one, what is wrong, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pumpkin import settings as configuration
from pumpkin.errors import StartError
from pumpkin.settings import Settings
from pumpkin.variables import unknown, values


def refused(folder: Path, text: str = "", **given: Any) -> list[str]:
    (folder / "pumpkin.toml").write_text(text)
    with pytest.raises(StartError) as caught:
        configuration.load(folder, **given)
    return caught.value.message.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("database = 'mysql://x'", "database is not an address of PostgreSQL"),
        ("certificate_key = 'x'", "certificate_key is given, and certificate is not"),
        ("telemetry = 'ftp://x'", "telemetry is not an address"),
        ("data = '/else'", "data is not of a file"),
        ('[log]\norigin = "a b\\n"', "log.origin is not a name"),
        (
            "database = 'postgresql://x:s3cret@h:notaport/db'",
            "database is an address of PostgreSQL with a port that is",
        ),
        ("database = 'postgresql://x:s3cret@h:99999/db'", "database is an address of PostgreSQL with a port that is"),
        ("database = 'postgresql://x:s3#cret@h/db'", "in a password is written %23"),
        (
            "database = 'postgresql://x@/db?host=/run&port=0'",
            "database is an address of PostgreSQL with a port that is",
        ),
        ("database = 'postgresql://x@h/db?sslmode=requrie'", "whose sslmode is none of disable, allow"),
        ("listen = 8000", "listen is not HOST:PORT, for instance 127.0.0.1:8000"),
        ("listen = 'a b:8000'", "listen is not HOST:PORT"),
        ("listen = '127.0.0.1:\u0665'", "listen is not HOST:PORT"),
        ("listen = '127.0.0.300:80'", "listen is not HOST:PORT"),
        ("[xmpp]\nlisten = '127.0.0.1:5222'", "xmpp.listen is neither a host name nor an IP address"),
        ("[packages]\nwaiting = 99999999999999999999", "packages.waiting is more than 1000000000"),
        ("[sandbox]\ncpus = 1e300", "sandbox.cpus is more than 1024"),
        ("[[upkeep.retention]]\ndays = 1\nstatus = 'nonesuch'", "upkeep.retention.0.status is none of ok, warning,"),
        ("[[upkeep.retention]]\ndays = 1\nagent = 'not a jid'", "upkeep.retention.0.agent is not a bare JID"),
        ("[[upkeep.retention]]\ndays = 1\nagent = 'Probe@Example'", "upkeep.retention.0.agent is not a bare JID"),
        ("[[upkeep.retention]]\ndays = 1\ntype = 'df '", "upkeep.retention.0.type is no type of a check"),
        ('[[authorities]]\nname = "a b\\n"\nurl = "http://x"\nroots = ["r"]', "name is not a name of 1 to 60 letters"),
        ('[[modules]]\nname = "A"\nkind = "file"', "modules.0.name is not a name of 1 to 60 small letters"),
        ("[[log.witnesses]]\nurl = 'x'\nkey = 'y'", "log.witnesses.0.url is not an address"),
        ("[upkeep]\nquota = inf", "upkeep.quota is not a finite number"),
        ("[upkeep]\nquota = 1e300", "upkeep.quota is more than"),
        ("[registries]\npypi = 'not a url'", "registries.pypi is not an address"),
        ("[registries]\nallowed = ['https://']", "registries.allowed is not an address"),
        ("[registries.tokens]\n'x' = 's3cret'", "registries.tokens is not an address"),
        ("[sandbox]\nengines = [{address = 'tcp://'}]", "sandbox.engines.0.address is none of unix:"),
        ("[sandbox]\nengines = [{address = 'tcp://h:2376', key = 'k'}]", "certificate and key go together"),
        ("[xmpp]\nserver = 'external'", "xmpp is not right: an external server needs jid"),
        ("[xmpp]\nserver = 'external'\njid = 'a@b'", "password is missing"),
        ("[openid]\nissuer = 'https://x'", "client_id is missing"),
        ("[[authorities]]\nname = 'a'\nurl = 'ftp://x'\nroots = ['r']", "authorities.0.url is not an address"),
        ("[[authorities]]\nname = 'a'\nurl = 'http://x'", "authorities.0.roots is empty"),
        ("[[authorities]]\nname = 'a'\nurl = 'http://x'\nroots = ['r']\n" * 2, "two authorities are named a"),
    ],
)
def test_what_could_not_work_is_refused_when_it_is_read(tmp_path: Path, text: str, said: str) -> None:
    (line,) = refused(tmp_path, text)
    assert said in line
    assert line.endswith(f"settings file: {tmp_path / 'pumpkin.toml'}.")
    assert "s3cret" not in line
    assert "s3#" not in line


def numbers(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting that is a number, with those of all parts."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        if any(kind in (int, float) for kind in kinds):
            yield f"{model.__name__}.{name}", field
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from numbers(kind)


def test_every_number_has_a_least_and_a_most() -> None:
    found = dict(numbers(Settings))
    assert {"UpkeepSettings.warn", "LogSettings.batch_age", "ModuleSettings.attempts"} < set(found)
    for name, field in found.items():
        marks = {
            mark: getattr(one, mark)
            for one in field.metadata
            for mark in ("ge", "gt", "le", "lt")
            if hasattr(one, mark)
        }
        assert marks.keys() & {"ge", "gt"}, name
        assert max(marks.get("le", 10**18), marks.get("lt", 0)) <= 10**9, name


@pytest.mark.parametrize(
    "text",
    [
        "listen = '[::1]:8000'",
        "listen = 'pumpkin.example.org:0'",
        "database = 'postgresql://a:b%23c@h1:5432,h2/db?sslmode=require'",
        "database = 'postgres://a@/db?host=%2Frun%2Fpostgresql'",
        "database = 'postgresql://a@[::1]:5432/db'",
        "[xmpp]\nlisten = '::'",
        "[[upkeep.retention]]\ndays = 1\nagent = 'key:abc'\nstatus = 'ok'",
    ],
)
def test_what_can_work_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "pumpkin.toml").write_text(text)
    configuration.load(tmp_path)


def test_every_mistake_is_said_in_our_words_with_what_was_meant(tmp_path: Path) -> None:
    lines = refused(tmp_path, "lisen = 'x'\nport = 3\nquorum = 'a'\n[xmpp]\nprot = 3\n[[authorities]]\nnam = 'a'\n")
    text = "\n".join(lines)
    for said in (
        "lisen is not known here (did you mean listen?)",
        "port is not known here (did you mean xmpp.port?)",
        "quorum is not a whole number",
        "xmpp.prot is not known here (did you mean xmpp.port?)",
        "authorities.0.nam is not known here (did you mean authorities.name?)",
        "authorities.0.url is missing",
    ):
        assert f"The setting {said}" in text
    assert len(lines) == 8
    assert "There are 5 more." in refused(tmp_path, "\n".join(f"unheard{n} = 1" for n in range(25)))


def test_each_mistake_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPKIN_XMPP__PORT", "99999")
    by_option, by_variable, by_file = refused(tmp_path, "quorum = 0", listen="8000")
    assert by_option == "The setting listen is not HOST:PORT, for instance 127.0.0.1:8000; given by option."
    assert by_variable == "The setting xmpp.port is more than 65534; from the environment: PUMPKIN_XMPP__PORT."
    assert by_file.startswith("The setting quorum is less than 1; settings file: ")


def test_lists_and_tables_in_the_environment_are_json() -> None:
    given = {
        "PUMPKIN_XMPP__APPROVE": '["a@b"]',
        "PUMPKIN_AUTHORITIES": '[{"name": "a"}]',
        "PUMPKIN_OPENID__ROLES__staff": "viewer",
        "PUMPKIN_UPKEEP": '{"warn": 5, "reserve": 7}',
        "PUMPKIN_UPKEEP__RESERVE": "8",
        "PUMPKIN_LISTEN": "",
        "PUMPKIN_DATA": "/d",
    }
    assert values(Settings, given) == {
        "xmpp": {"approve": ["a@b"]},
        "authorities": [{"name": "a"}],
        "openid": {"roles": {"staff": "viewer"}},
        "upkeep": {"warn": 5, "reserve": "8"},
    }
    for name, text in (("XMPP__APPROVE", "a@b"), ("AUTHORITIES", "[{"), ("REGISTRIES__TOKENS", "[1]")):
        with pytest.raises(StartError, match=f"PUMPKIN_{name} of the environment is not a (list|table)"):
            values(Settings, {f"PUMPKIN_{name}": text})


def test_a_variable_that_is_no_setting_is_told_and_others_are_left_alone() -> None:
    ours = {"PUMPKIN_DATA": "d", "PUMPKIN_CONFIG": "c", "PUMPKIN_PROBE_HOME": "h", "PUMPKIN_XMPP__PORT": "1"}
    engine = {"PUMPKIN_SERVICE_HOST": "10.0.0.1", "PUMPKIN_PORT": "tcp://10.0.0.1:80", "PUMPKIN_PORT_80_TCP_ADDR": "x"}
    assert unknown(Settings, {**ours, **engine, "OTHER": "x", "PUMPKIN_LISSEN": ""}) == []
    assert unknown(Settings, {"PUMPKIN_LISSEN": "x", "PUMPKIN_XMPP_PORT": "1"}) == [
        "The variable PUMPKIN_LISSEN of the environment is no setting (did you mean PUMPKIN_LISTEN?).",
        "The variable PUMPKIN_XMPP_PORT of the environment is no setting (did you mean PUMPKIN_XMPP__PORT?).",
    ]


def test_a_file_that_was_named_must_be_there_and_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUMPKIN_CONFIG", str(tmp_path / "not-there"))
    assert refused(tmp_path) == [f"There is no settings file {tmp_path / 'not-there'}."]
    monkeypatch.setenv("PUMPKIN_CONFIG", str(tmp_path))
    assert refused(tmp_path) == [f"The settings file {tmp_path} cannot be read: Is a directory."]
    (tmp_path / "latin").write_bytes(b"# \xe9")
    monkeypatch.setenv("PUMPKIN_CONFIG", str(tmp_path / "latin"))
    assert refused(tmp_path) == [f"The settings file {tmp_path / 'latin'} is not text in UTF-8."]
