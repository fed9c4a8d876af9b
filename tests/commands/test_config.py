"""`pumpkin config`: what is in force, from where, and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from pumpkin.__main__ import cli


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["config", *arguments], env=environment)
    return done.exit_code, done.output


def test_each_value_says_where_it_comes_from_and_secrets_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "pumpkin.toml").write_text(
        'database = "postgresql://u:s3cret@db.example/x"\n[xmpp]\npassword = "s3cret"\n'
    )
    status, text = run("show", "--data", str(tmp_path), "--json", PUMPKIN_XMPP__PORT="7000")
    shown = json.loads(text)
    assert status == 0
    assert shown["xmpp.port"] == {"value": 7000, "from": "environment"}
    assert shown["database"] == {"value": "(hidden)", "from": "file"}
    assert shown["listen"]["from"] == "default"
    assert "s3cret" not in text
    assert "s3cret" not in run("show", "--data", str(tmp_path))[1]


def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path) -> None:
    assert run("check", "--data", str(tmp_path)) == (0, "The settings hold.\n")
    for wrong, name in (("listen = '8000'", "listen"), ("[xmpp]\nport = 99999", "xmpp.port"), ("colour = 1", "colour")):
        (tmp_path / "pumpkin.toml").write_text(wrong)
        status, text = run("check", "--data", str(tmp_path))
        assert status == 1
        assert f"The setting {name} " in text
        assert len(text.splitlines()) == 1
        status, text = run("check", "--data", str(tmp_path), "--json")
        assert (status, json.loads(text)["ok"]) == (1, False)


def test_a_module_that_cannot_work_is_named_in_one_sentence_without_its_secret(tmp_path: Path) -> None:
    module = '[[modules]]\nname = "soc"\nkind = "{}"\ntarget = "{}"\n{}\n[modules.options]\nsecret = "whsec_s3cret"\n'
    for kind, target, more, words in (
        ("pigeon", "https://a.example/s3cret", "", "of the kind pigeon"),
        ("webhook", "https://a.example/s3cret", "", "option secret of the module soc"),
        ("slack", "gopher://a.example/s3cret", "", "option secret"),
        ("webhook", "https://a.example/s3cret", 'topics = ["check.burnt"]', "topic check.burnt"),
        ("webhook", "https://a.example/s3cret", 'severity = "awful"', "modules.0.severity"),
    ):
        (tmp_path / "pumpkin.toml").write_text(module.format(kind, target, more))
        status, text = run("check", "--data", str(tmp_path))
        assert (status, len(text.splitlines())) == (1, 1), text
        assert words in text
        assert "s3cret" not in text
    (tmp_path / "pumpkin.toml").write_text(module.format("pigeon", "", "") * 2)
    assert "two modules are named soc" in run("check", "--data", str(tmp_path))[1]
    assert "s3cret" not in run("show", "--data", str(tmp_path), "--json")[1]
