"""The fleet as its users run it: enrolled by a token, checked before it runs, moved to HTTPS and back, removed."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.product import PUMPKIN, Product


class Gate:
    """A port before another that can be shut: what stands through it is cut, newcomers are refused."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._take, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _take(self, listener: socket.socket) -> None:
        while True:
            try:
                ours, _ = listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._pairs += [ours, theirs]
            threading.Thread(target=self._carry, args=(ours, theirs), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with one, other:
            while True:
                try:
                    ready, _, _ = select.select([one, other], [], [], 60)
                    for source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        (other if source is one else one).sendall(data)
                except OSError:
                    return


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    data = tmp_path_factory.mktemp("fleet")
    (data / "pumpkin.toml").write_text('[xmpp]\nregistration = "token"\n')
    running = Product(data).start()
    yield running
    running.kill()


def probe(product: Product, config: Path, *more: str, data: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(PUMPKIN), "probe", "-c", str(config), "--data", str(data or product.data), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def found(product: Product, key: str, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = product.json(f"/api/v1/checks?type={kind}&limit=1000", key=key)["data"]["items"]
    return items


def shown(product: Product, key: str, name: str, show: str, within_s: float = 40) -> None:
    deadline = time.monotonic() + within_s
    while product.json(f"/api/v1/agents/{name}@localhost", key=key)["data"]["presence"]["show"] != show:
        assert time.monotonic() < deadline, f"{name} is not {show}"
        time.sleep(0.1)


def until(product: Product, key: str, kind: str, count: int, within_s: float = 40) -> list[dict[str, Any]]:
    deadline = time.monotonic() + within_s
    while len(items := found(product, key, kind)) < count:
        assert time.monotonic() < deadline, f"{len(items)} of {count} checks of type {kind}"
        time.sleep(0.1)
    return items


def test_a_probe_moves_from_xmpp_to_https_and_back_and_loses_and_doubles_nothing(
    house: Product, tmp_path: Path
) -> None:
    made = json.loads(house.command("agent", "add", "mover", "--json"))
    key = house.key("checks:read", "agents:read")
    gate = Gate(house.facts["xmpp"]["port"])
    config = tmp_path / "mover.json"
    document = {
        **{"jid": made["jid"], "passwd": made["password"], "type": "mover", "period": 0.25},
        **{"server": f"127.0.0.1:{gate.port}", "ca": house.facts["xmpp"]["ca"]},
        "command": ["sh", "-c", 'n=$(cat "$0" 2>/dev/null || echo 0); echo $((n+1)) | tee "$0"', str(tmp_path / "n")],
    }
    config.write_text(json.dumps(document))
    running = probe(house, config, "--json", data=tmp_path / "far")
    try:
        until(house, key, "mover", 4)
        gate.shut()
        shown(house, key, "mover", "unavailable")
        before = len(found(house, key, "mover"))
        until(house, key, "mover", before + 8)
        gate.open()
        shown(house, key, "mover", "available")
        until(house, key, "mover", len(found(house, key, "mover")) + 4)
    finally:
        running.terminate()
        out, err = running.communicate(timeout=30)
    summary = json.loads(out.splitlines()[-1])
    assert summary["by"]["https"] >= 8, err
    assert summary["by"]["xmpp"] >= 8, err
    assert summary["waiting"] + summary["dropped"] + summary["refused"] == 0, summary
    items = found(house, key, "mover")
    counted = [int(house.json(f"/api/v1/checks/{one['id']}", key=key)["data"]["payload"]["text"]) for one in items]
    assert sorted(counted) == list(range(1, len(counted) + 1))
    assert len(items) == summary["delivered"]


def test_an_invited_probe_makes_its_account_and_waits_for_approval(house: Product, tmp_path: Path) -> None:
    key = house.key("checks:read", "agents:read")
    token = json.loads(house.command("agent", "invite", "--json"))["token"]
    config = tmp_path / "roof.toml"
    xmpp = house.facts["xmpp"]
    config.write_text(
        f'server = "localhost:{xmpp["port"]}"\nca = "{xmpp["ca"]}"\ntoken = "{token}"\njid = "roof@localhost"\n'
        'type = "roof"\ncommand = "echo up"\nperiod = 1\n'
    )
    running = probe(house, config, data=tmp_path / "far")
    try:
        deadline = time.monotonic() + 30
        while house.request("/api/v1/agents/roof@localhost", key=key)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert house.json("/api/v1/agents/roof@localhost", key=key)["data"]["state"] == "pending"
        assert found(house, key, "roof") == []
        house.command("agent", "approve", "roof")
        until(house, key, "roof", 2)
    finally:
        running.terminate()
        running.communicate(timeout=30)
    again = tmp_path / "second.toml"
    again.write_text(config.read_text().replace("roof@", "attic@"))
    checked = probe(house, again, "--check", data=tmp_path / "other")
    said, _ = checked.communicate(timeout=60)
    assert checked.returncode == 1
    assert "invitation" in said


def test_check_says_what_is_wrong_and_what_is_right(house: Product, tmp_path: Path) -> None:
    made = json.loads(house.command("agent", "add", "checked", "--json"))
    config = tmp_path / "checked.json"
    document = {"jid": made["jid"], "passwd": made["password"], "command": "echo x"}
    config.write_text(json.dumps(document))
    good = probe(house, config, "--check")
    said, _ = good.communicate(timeout=60)
    assert good.returncode == 0, said
    assert "certificate verified" in said
    assert "takes checks of checked@localhost" in said
    assert "HTTPS: http://127.0.0.1" in said
    wrongs = (
        ({"passwd": "wrong"}, "refuses this account or password"),
        ({"command": "no-such-program-here"}, "No program 'no-such-program-here'"),
        ({"server": "127.0.0.1:9"}, "XMPP:"),
        ({"result_parser": "nonsense"}, "There is no result_parser"),
        ({"up_agent": "nobody@localhost"}, "does not show itself"),
    )
    started = []
    for number, (change, text) in enumerate(wrongs):
        file = tmp_path / f"wrong{number}.json"
        file.write_text(json.dumps({**document, **change}))
        started.append((probe(house, file, "--check"), change, text))
    for wrong, change, text in started:
        said, _ = wrong.communicate(timeout=60)
        assert wrong.returncode == 1, (change, said)
        assert text in said, (change, said)
        assert "Traceback" not in said


def test_a_removed_agent_is_put_out_at_once(house: Product, tmp_path: Path) -> None:
    made = json.loads(house.command("agent", "add", "leaver", "--json"))
    key = house.key("checks:read", "agents:read")
    config = tmp_path / "leaver.json"
    config.write_text(
        json.dumps({"jid": made["jid"], "passwd": made["password"], "type": "leaver", "command": "echo x", "period": 1})
    )
    running = probe(house, config)
    try:
        until(house, key, "leaver", 1)
        shown(house, key, "leaver", "available")
        house.command("agent", "remove", "leaver")
        shown(house, key, "leaver", "unavailable")
        count = len(found(house, key, "leaver"))
        time.sleep(2)
        assert len(found(house, key, "leaver")) == count
    finally:
        running.terminate()
        _, err = running.communicate(timeout=30)
    assert "refuses this account" in err, "\n".join(house.lines[-30:])


def test_a_probe_signs_with_another_key_from_a_command_on_and_both_stay_known(house: Product, tmp_path: Path) -> None:
    made = json.loads(house.command("agent", "add", "signer", "--json"))
    key, config = house.key("checks:read"), tmp_path / "signer.json"
    document = {"jid": made["jid"], "passwd": made["password"], "type": "signer", "command": "echo x"}
    config.write_text(json.dumps(document))
    for more in ((), ("--rotate-key",)):
        _, err = probe(house, config, *more).communicate(timeout=60)
        until(house, key, "signer", 1 + bool(more))
        assert "Traceback" not in err
    deadline = time.monotonic() + 20
    while "rotated" not in (listed := house.command("agent", "key", "list", made["jid"])):
        assert time.monotonic() < deadline, listed
        time.sleep(0.2)
    assert "enrolled" in listed
    signed = [house.json(f"/api/v1/checks/{one['id']}", key=key)["data"] for one in found(house, key, "signer")]
    assert all(one["signed"] for one in signed)
    ids = {json.loads(one["record"])["source"]["key_id"] for one in signed}
    assert len(ids) == 2


def test_a_configuration_without_an_end_is_refused_at_once(house: Product) -> None:
    endless = probe(house, Path("/dev/urandom"))
    _, err = endless.communicate(timeout=30)
    assert endless.returncode == 1
    assert "is larger than" in err


def test_many_probes_live_in_one_process_and_the_unit_is_printed(house: Product, tmp_path: Path) -> None:
    key = house.key("checks:read")
    with ThreadPoolExecutor(4) as hands:
        added = list(hands.map(lambda number: house.command("agent", "add", f"many{number}", "--json"), range(5)))
    for number, text in enumerate(added):
        made = json.loads(text)
        document = {"jid": made["jid"], "passwd": made["password"], "type": "many", "command": f"echo {number}"}
        (tmp_path / f"many{number}.json").write_text(json.dumps(document))
    running = probe(house, tmp_path)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert [line for line in out.splitlines() if "1 delivered (1 by XMPP)." in line] == out.splitlines()
    assert {one["agent"] for one in until(house, key, "many", 5)} == {f"many{n}@localhost" for n in range(5)}
    unit, _ = probe(house, tmp_path, "--unit").communicate(timeout=60)
    assert f"probe -c {tmp_path}" in unit
    assert "Restart=always" in unit
