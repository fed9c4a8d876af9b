"""`pumpkin config`: what is in force, from where, and what is wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

from click.testing import CliRunner

from pumpkin.__main__ import cli
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.store import authorities
from pumpkin.store.authorities import Entry
from pumpkin.store.database import Database
from tests.acceptance.product import PUMPKIN


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["config", *arguments], env=environment)
    return done.exit_code, done.output


def test_each_value_says_where_it_comes_from_and_secrets_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "pumpkin.toml").write_text(
        'database = "postgresql://u:s3cret@db.example/x"\n[xmpp]\npassword = "s3cret"\n'
        '[packages]\nwebhooks = ["https://hooks.example/services/s3cret"]\n'
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
        done = CliRunner().invoke(cli, ["config", "check", "--data", str(tmp_path), "--json"])
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"The setting {name} " in json.loads(done.stderr)["error"]["message"]


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


def test_no_address_shows_what_opens_doors(tmp_path: Path) -> None:
    (tmp_path / "root.pem").touch()
    (tmp_path / "pumpkin.toml").write_text(
        f"""telemetry = "https://collector.example/v1?key=s3cret"
[registries]
pypi = "https://ada:s3cret@pypi.example/simple"
allowed = ["https://s3cret@files.example"]
[[authorities]]
name = "one"
url = "https://ada:s3cret@tsa.example/tsr?key=s3cret"
roots = ["{tmp_path}/root.pem"]
[[sandbox.engines]]
address = "ssh://ada:s3cret@h"
"""
    )
    for form in ((), ("--json",)):
        status, text = run("show", "--data", str(tmp_path), *form)
        assert (status, "s3cret" in text) == (0, False)
    text = run("show", "--data", str(tmp_path))[1]
    assert "https://(hidden)@pypi.example/simple" in text
    assert "    {name = one, url = https://(hidden)@tsa.example/tsr?(hidden), roots = [" in text


def faults(folder: Path, settings: str, **environment: str) -> list[str]:
    """What `config check` says; `doctor` says the same of the same settings."""
    (folder / "pumpkin.toml").write_text(settings)
    done = CliRunner().invoke(cli, ["config", "check", "--data", str(folder)], env=environment)
    told = json.loads(CliRunner().invoke(cli, ["doctor", "--data", str(folder), "--json"], env=environment).stdout)
    lines = done.stderr.removeprefix("Error: ").splitlines()
    assert [one["text"] for one in told if one["part"] == "settings"] == (lines or ["they hold"])
    assert done.exit_code == bool(lines)
    return lines


def test_what_the_settings_name_is_looked_at(tmp_path: Path) -> None:
    for place in ("a", "b"):
        Certificates(tmp_path / place, "localhost").ensure()
    (tmp_path / "alerts.toml").write_text("[[rule]]\nname = 3\n")
    quiet = "[sandbox]\nenabled = false\n"
    (said,) = faults(tmp_path, quiet)
    assert "alerts.toml is not right" in said
    (tmp_path / "alerts.toml").unlink()
    pair = "certificate = '{}'\ncertificate_key = '{}'\n" + quiet
    chain, key, other = (tmp_path / name for name in ("a/server.pem", "a/server.key", "b/server.key"))
    assert faults(tmp_path, pair.format(chain, key)) == []
    for wrong, words in (
        ((chain, other), "is not that of the first certificate"),
        ((key, chain), "holds no certificate in PEM, but a key"),
        ((chain, chain), "holds no private key in PEM, but a certificate"),
        ((chain, tmp_path / "none"), "No such file"),
    ):
        (said,) = faults(tmp_path, pair.format(*wrong))
        assert words in said
    authority = quiet + "[[authorities]]\nname = 'one'\nurl = 'http://tsa.example'\nroots = ['{}']\n"
    for root, words in ((tmp_path / "none", "No such file"), (key, "holds no certificate in PEM")):
        assert words in faults(tmp_path, authority.format(root))[0]
    several = "[correlation]\nrules = '/not/there'\n[packages]\ntrust_root = '/not/there'\n[upkeep]\nreserve = 2000\n"
    several += "[[log.witnesses]]\nurl = 'http://w.example'\nkey = 'k'\n"
    assert len(faults(tmp_path, quiet + several)) == 4
    (said,) = faults(tmp_path, quiet + "[openid]\nissuer = 'http://login.example'\nclient_id = 'x'\n")
    assert "openid.issuer is not an https address" in said
    assert faults(tmp_path, quiet + "[openid]\nissuer = 'http://127.0.0.1:9'\nclient_id = 'x'\n") == []
    (said,) = faults(tmp_path, quiet, PUMPKIN_LISSEN="x")
    assert "PUMPKIN_LISSEN of the environment is no setting (did you mean PUMPKIN_LISTEN?)" in said


def test_what_stops_the_start_is_said_by_it_in_the_same_words(tmp_path: Path) -> None:
    quiet = "listen = '127.0.0.1:0'\n[sandbox]\nenabled = false\n[packages]\ntrust_root = '/not/there'\n"
    (said,) = faults(tmp_path, quiet)
    done = subprocess.run([PUMPKIN, "run", "--data", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (78, f"pumpkin: {said}\n")


def test_a_certificate_that_ended_is_told(tmp_path: Path) -> None:
    class Ended(Certificates):
        def age(self) -> None:
            self._make_server(days=0)

    own = Ended(tmp_path / "tls", "localhost")
    own.ensure()
    own.age()
    text = f"certificate = '{own.chain_path}'\ncertificate_key = '{own.key_path}'\n[sandbox]\nenabled = false\n"
    (said,) = faults(tmp_path, text)
    assert "ended at 20" in said


def test_files_that_everybody_may_read_are_complained_of(tmp_path: Path) -> None:
    Certificates(tmp_path / "a", "localhost").ensure()
    key, file = tmp_path / "a" / "server.key", tmp_path / "pumpkin.toml"
    pair = f"certificate = '{tmp_path}/a/server.pem'\ncertificate_key = '{key}'\n"
    file.write_text(f"{pair}[openid]\nclient_secret = 's3cret'\n[sandbox]\nenabled = false\n")

    def complaints() -> list[str]:
        told = json.loads(CliRunner().invoke(cli, ["doctor", "--data", str(tmp_path), "--json"]).stdout)
        return [one["text"] for one in told if one["part"] == "permissions"]

    for mode in (0o640, 0o600):
        file.chmod(mode)
        key.chmod(mode)
        assert complaints() == []
    key.chmod(0o644)
    file.chmod(0o644)
    assert complaints() == [
        f"Everybody may read {file}, and it holds secrets; run: chmod o-rwx {file}",
        f"Everybody may read {key}, and it is a private key; run: chmod o-rwx {key}",
    ]
    file.chmod(0o666)
    assert complaints()[0] == f"Everybody may write {file}; run: chmod o-rwx {file}"


def test_a_quorum_that_nobody_can_make_up_is_said_and_one_that_was_added_counts(tmp_path: Path, dsn: str) -> None:
    entry = Entry("two", "https://tsa.example/", (b"a root",))

    async def change(add: bool) -> None:
        db = await Database.open(dsn)
        await (authorities.add(db, entry) if add else authorities.remove(db, "two"))
        await db.close()

    (tmp_path / "pumpkin.toml").write_text(f"quorum = 1\nlocal_authority = true\ndatabase = {json.dumps(dsn)}\n")
    assert run("check", "--data", str(tmp_path))[0] == 0
    (tmp_path / "pumpkin.toml").write_text(f"quorum = 1\nlocal_authority = false\ndatabase = {json.dumps(dsn)}\n")
    status, text = run("check", "--data", str(tmp_path))
    assert (status, "quorum is 1, and there are 0 authorities: no check counts as stamped" in text) == (1, True), text
    asyncio.run(change(add=True))
    assert run("check", "--data", str(tmp_path))[0] == 0
    done = CliRunner().invoke(cli, ["tsa", "remove", "two", "--data", str(tmp_path)])
    assert (done.exit_code, "quorum is 1, and there are 0 authorities" in done.output) == (0, True), done.output
