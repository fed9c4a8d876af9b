"""Probes older and newer than the server, by XMPP and by HTTPS, as their bytes come over the wire; and HTTPS itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import tostring

import pytest

from tests.acceptance.product import ROOT, Product
from tests.acceptance.test_operations import assert_secure
from tests.adapters.xmppd.raw import RawClient

NAME, PASSWORD, TO = "other", "a password of some length", "to='aggregator@localhost'"
CHECK = "urn:pumpkin:check:0"
OPEN_PLACES = {"result": {"parser": "regex", "version": 9, "data": {"later": {"a": [1]}}}, "labels": {"later": "1"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A Pumpkin that speaks HTTPS by its own authority, with one probe's account."""
    running = Product(tmp_path_factory.mktemp("versions") / "data", environment={"PUMPKIN_TLS": "on"}).start()
    running.context = ssl.create_default_context(cafile=str(running.data / "tls" / "ca.pem"))
    running.command("agent", "add", NAME, "--password", PASSWORD)
    yield running
    running.kill()


def native(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "type": "df", "format": "text", "payload": {"text": "up"}, **more}


def scandale(**more: Any) -> dict[str, Any]:
    meta = {"uuid": str(uuid4()), "ts": 1_700_000_000, "type": "df", **more}
    return {"version": "1", "format": "text", "meta": meta, "payload": {"raw": base64.b64encode(b"up").decode()}}


def agent_of(server: Product, key: str, ident: str) -> str:
    """Whose check it is; it must be there."""
    return str(server.json(f"/api/v1/checks/{ident}", key=key)["data"]["agent"])


async def answered(client: RawClient, ident: str) -> str:
    """The stanza that answers the one of that id, as text."""
    while (stanza := await client.stanza()).get("id") != ident:
        pass
    return tostring(stanza, encoding="unicode")


async def test_older_and_newer_probes_deliver_by_xmpp_and_the_session_stands(server: Product) -> None:
    key, xmpp = server.key("checks:read", "agents:read"), server.facts["xmpp"]
    place: Any = SimpleNamespace(port=xmpp["port"], tls_port=xmpp["tls_port"], ca_path=xmpp["ca"])
    client = await RawClient.login(place, NAME, PASSWORD, "probe")
    client.send(
        "<presence><c xmlns='urn:later:caps'/><priority>1</priority><later xmlns='urn:later' a='1'/></presence>"
    )
    bodies = [
        ("", {"type": "df", "payload": {"text": "up"}}),  # the first form there was: no id, no format, no time
        ("", native()),
        ("", native(**OPEN_PLACES)),
        ("", scandale(later=True)),
        (" later='1'", native()),
    ]
    for number, (more, body) in enumerate(bodies):
        text = f"<check xmlns='{CHECK}'{more}>{json.dumps(body)}</check>"
        client.send(f"<iq type='set' id='c{number}' {TO} later='1'>{text}</iq>")
        said = await answered(client, f"c{number}")
        assert "stored" in said, (body, said)
        if name := body.get("id") or body.get("meta", {}).get("uuid"):
            assert agent_of(server, key, name) == f"{NAME}@localhost"

    # What it cannot know it refuses in words: a later form, a word it has not where it knows the key.
    closed = json.dumps(native(status="green"))
    client.send(f"<iq type='set' id='n1' {TO}><check xmlns='urn:pumpkin:check:9'>{{}}</check></iq>")
    assert "service-unavailable" in await answered(client, "n1")
    client.send(f"<iq type='set' id='n2' {TO}><check xmlns='{CHECK}'>{closed}</check></iq>")
    refused = await answered(client, "n2")
    assert "bad-request" in refused
    assert "status" in refused
    client.send(f"<iq type='get' id='n3' {TO}><query xmlns='urn:later'/></iq>")
    assert "error" in await answered(client, "n3")

    # SCANDALE's message without any metadata, and a newer probe's report of itself.
    old = scandale()
    report = {"version": "9.0.0", "protocol": 7, "behaviours": [{"name": "df", "kind": "periodic", "later": 1}]}
    fields = {"performative": "inform", "ontology": "behaviours", "later": "1"}.items()
    form = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in fields)
    client.send(
        f"<message {TO} id='m1'><body>{json.dumps(old)}</body><later xmlns='urn:later'/></message>"
        f"<message {TO} id='m2'><body>{json.dumps(report)}</body>"
        f"<x xmlns='jabber:x:data' type='form'><title>spade:x:metadata</title>{form}</x></message>"
        f"<iq type='set' id='last' {TO}><check xmlns='{CHECK}'>{json.dumps(native())}</check></iq>"
    )
    assert "stored" in await answered(client, "last")
    assert agent_of(server, key, old["meta"]["uuid"]) == f"{NAME}@localhost"
    assert server.json(f"/api/v1/agents/{NAME}@localhost", key=key)["data"]["version"] == "9.0.0"
    client.abort()


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a later version, as far as a probe needs it: its checks and its report have a key more."""
    folder = tmp_path_factory.mktemp("later")
    for package in ("pumpkin", "actors"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, was, becomes in (
        ("pumpkin/model/wire.py", '"id": str(check.id),\n', '"id": str(check.id), "later": {"a": 1},\n'),
        ("actors/probe.py", '"version": VERSION,', '"version": "9.0.0", "later": [1],'),
    ):  # fmt: skip
        text = (folder / name).read_text()
        assert text.count(was) == 1, name
        (folder / name).write_text(text.replace(was, becomes))
    return folder


def until(true: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_probe_of_a_later_version_delivers_and_the_operator_is_told(
    server: Product, later: Path, tmp_path: Path
) -> None:
    key = server.key("checks:read", "agents:read")
    server.command("agent", "add", "newer", "--password", PASSWORD)
    xmpp = server.facts["xmpp"]
    config = {
        "jid": "newer@localhost", "passwd": PASSWORD, "server": f"127.0.0.1:{xmpp['port']}", "ca": xmpp["ca"],
        "type": "later", "command": "echo up", "behaviour": "periodic", "period": 5, "target": "roof",
    }  # fmt: skip
    (tmp_path / "probe.json").write_text(json.dumps(config))
    argv = [sys.executable, "-m", "pumpkin", "probe", "-c", "probe.json", "--data", "data"]
    environment = {**os.environ, "PYTHONPATH": str(later)}
    running = subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    try:

        def shown() -> Any:
            return server.json("/api/v1/agents/newer@localhost", key=key)["data"]

        until(lambda: shown()["version"] == "9.0.0" and shown()["unread"])
        (check, *_) = server.json("/api/v1/checks?type=later", key=key)["data"]["items"]
        assert server.json(f"/api/v1/checks/{check['id']}", key=key)["data"]["unread"] == {"later": {"a": 1}}
        assert shown()["unread"] == ["later"]
    finally:
        running.terminate()
        said, _ = running.communicate(timeout=20)
    assert "refused" not in said, said
    told = json.loads(server.command("doctor", "--json", status=None))
    (text,) = (one["text"] for one in told if one["part"] == "agents")
    assert "keeps but does not read what they add to their checks: later (1 agent); upgrade" in text
    assert any("keys kept unread" in line and "later" in line for line in server.lines)
    server.command("audit")  # each detail against what its record commits to


def test_older_and_newer_probes_deliver_by_https(server: Product) -> None:
    key = server.key("checks:read")
    pair = base64.b64encode(f"{NAME}@localhost:{PASSWORD}".encode()).decode()

    def post(path: str, body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json", "X-Later": "1"}
        asked = urllib.request.Request(f"{server.url}{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=30, context=server.context) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    old = scandale(later=True)
    assert post("/items/", old)[0] == 200
    assert agent_of(server, key, old["meta"]["uuid"]) == f"{NAME}@localhost"
    older = {"type": "df", "payload": {"text": "up"}}
    for body in (older, native(), native(**OPEN_PLACES), scandale(), native(later=1)):
        status, said = post("/api/v1/checks", body)
        assert status == 201, said
    assert server.json(f"/api/v1/checks/{said['data']['id']}", key=key)["data"]["unread"] == {"later": 1}
    status, said = post("/api/v1/checks", native(status="green"))
    assert (status, said["code"]) == (400, "invalid_check")
    assert "status" in json.dumps(said)


def test_https_by_the_installations_own_authority_holds_browsers_to_it(server: Product) -> None:
    assert_secure(server)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{server.url}/ready", context=ssl.create_default_context(), timeout=10)
