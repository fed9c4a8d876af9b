"""A second host, enrolled by the line the page shows: approved, given a job from the page, which changes while the host
is away; its result proven by a bundle. The host is a network namespace with nothing of this installation in it."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import secrets
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.product import PUMPKIN, Product, free_ports

PASSWORD = "a walk in the park"
NET = "10.213.77"
DOES_TWO = ["sh", "-c", "echo two; echo x >> ran"]


def run(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60, **more)


class Host:
    """A network namespace on a veth pair, and a folder of its own: what runs there sees neither our loopback nor our
    Python's packages."""

    def __init__(self, folder: Path) -> None:
        mark = secrets.token_hex(3)
        self.space, self._ours, self._theirs = f"pk{mark}", f"pka{mark}", f"pkb{mark}"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", self.space)
        run("ip", "addr", "add", f"{NET}.1/24", "dev", self._ours)
        run("ip", "link", "set", self._ours, "up")
        for words in (("addr", "add", f"{NET}.2/24", "dev", self._theirs), ("link", "set", self._theirs, "up")):
            run("ip", "-n", self.space, *words)
        run("ip", "-n", self.space, "link", "set", "lo", "up")

    def shell(self, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What a person types there."""
        known = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder)}
        python = Path(os.path.realpath(PUMPKIN.parent / "python3"))
        known["PATH"] = f"{python.parent}:{known['PATH']}"
        argv = ["ip", "netns", "exec", self.space, "sh", "-c", line]
        return subprocess.run(
            argv,
            env={**known, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def cut(self) -> None:
        run("ip", "link", "set", self._ours, "down")

    def mend(self) -> None:
        run("ip", "link", "set", self._ours, "up")

    def close(self) -> None:
        pids = run("ip", "netns", "pids", self.space).stdout.split()
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", self.space)


class Person:
    """Somebody at the pages, by their forms."""

    def __init__(self, product: Product, name: str) -> None:
        self.url, self._product = product.url, product
        context = ssl._create_unverified_context()
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, urllib.request.HTTPSHandler(context=context))
        self.post("/login", {"name": name, "password": PASSWORD}, form="/login")

    def get(self, path: str) -> str:
        try:
            with self._opener.open(self.url + path, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            said = "\n".join(self._product.lines[-40:])
            raise AssertionError(f"{path}: {error.code} {error.read()[:2_000]!r}\n{said}") from None

    def post(self, path: str, fields: dict[str, Any], *, form: str) -> tuple[str, str]:
        """Send the form of a page; the page that follows and its address."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(form))
        given = {**fields, **({"csrf": found[1]} if found else {})}
        data = urllib.parse.urlencode(given, doseq=True).encode()
        asked = urllib.request.Request(self.url + path, data, {"Origin": self.url})
        with self._opener.open(asked, timeout=30) as answer:
            return answer.read().decode(), answer.url


def until(what: Callable[[], Any], within_s: float = 40.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)
    return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "host")
    yield made
    made.close()


@pytest.fixture
def product(tmp_path: Path, host: Host) -> Iterator[Product]:
    """A Pumpkin on the address the namespace reaches."""
    listen = ("--listen", f"{NET}.1:{free_ports(1)}", "--xmpp-listen", f"{NET}.1", "--domain", "pumpkin.test")
    running = Product(tmp_path / "data", options=listen)
    running.context = ssl._create_unverified_context()
    running.start()
    yield running
    running.kill()


def test_a_second_host_is_enrolled_by_the_line_of_the_page(product: Product, host: Host, tmp_path: Path) -> None:
    product.command("user", "add", "ada", "--role", "admin", "--password", PASSWORD)
    ada = Person(product, "ada")
    page, _ = ada.post("/agents/enroll", {"tags": "roof", "site": "attic", "name": "roof-1"}, form="/agents/enroll")
    line = unescape(re.search(r'<pre id="line"[^>]*>(.*?)</pre>', page, re.S)[1])  # type: ignore[index]
    assert line.startswith("curl -fsSk --pinnedpubkey sha256//"), line

    # A server that is not the one of the line gets nothing, and nothing of it runs.
    forged = re.sub(r"sha256//\S+", "sha256//" + "A" * 43 + "=", line)
    refused = host.shell(forged)
    assert "90" in refused.stderr or "pinned" in refused.stderr, refused.stderr
    assert not list(host.folder.iterdir())

    home = host.folder / "probe"
    done = host.shell(line, PUMPKIN_PROBE_HOME=str(home), PUMPKIN_PROBE_USER="root")
    assert done.returncode == 0, done.stderr + done.stdout
    fingerprint = re.search(r"signs with the key ([0-9a-f]{64})", done.stdout)[1]  # type: ignore[index]
    assert "Enrolled as roof-1@pumpkin.test" in done.stdout

    # It appears for approval with the fingerprint its host printed; the line is used up.
    agents = ada.get("/agents")
    assert "roof-1@pumpkin.test" in agents
    assert " ".join(fingerprint[at : at + 8] for at in range(0, 64, 8)) in agents
    again = host.shell(line, PUMPKIN_PROBE_HOME=str(host.folder / "other"))
    assert "404" in again.stderr
    key = product.key("checks:read", "agents:read")

    # A job for whoever bears the tag, from the page, before it is approved: nothing of it is done until then.
    job = {"kind": "tags", "tags": "roof", "type": "greeting", "command": "echo one", "period": "0.5"}
    _, address = ada.post("/jobs", job, form="/jobs")
    number = address.rpartition("/")[2]
    path = "/agents/roof-1%40pumpkin.test"
    ada.post(f"{path}/approve", {}, form="/agents")

    def seen(text: str) -> list[dict[str, Any]]:
        items = product.json(f"/api/v1/checks?type=greeting&label.job=greeting%23{number}&limit=200", key=key)["data"]
        wanted = [product.json(f"/api/v1/checks/{one['id']}", key=key)["data"] for one in items["items"][:3]]
        return [one for one in wanted if one["payload"]["text"] == text]

    first = until(lambda: seen("one\n"))[0]
    assert first["agent"] == "roof-1@pumpkin.test"
    assert first["signed"], first
    shown = until(lambda: "runs order 1" in ada.get(f"/jobs/{number}") and ada.get(f"/jobs/{number}"))
    assert "1 of 1 answered" in shown

    # Proven: the bundle stands against the roots, by the program on the second host's side of nothing of the server.
    product.until_stamped(first["id"], key)
    _, _, content = product.request(f"/api/v1/checks/{first['id']}/bundle", key=key)
    (tmp_path / "bundle.zip").write_bytes(content)
    roots = ["--root", str(product.data / "tsa-root.pem"), "--log-key", str(product.data / "log-key.pem")]
    said = run(str(PUMPKIN), "verify", str(tmp_path / "bundle.zip"), *roots, "--json").stdout
    assert json.loads(said)["ok"]
    assert zipfile.is_zipfile(tmp_path / "bundle.zip")

    # Changed while the host is off the network: it goes on as ordered, and does the new thing when it is back.
    host.cut()
    changed = {**json.loads(product.command("job", "list", "--json"))["jobs"][0]["job"], "command": DOES_TWO}
    ada.post(f"/jobs/{number}/change", {"job": json.dumps(changed)}, form=f"/jobs/{number}")
    until(lambda: "it runs 1, not 2" in ada.get(f"/jobs/{number}"), 20)
    host.mend()
    until(lambda: seen("two\n"), 60)
    until(lambda: "runs order 2" in ada.get(f"/jobs/{number}"))

    # And obeyed from its own disk, started again with no server in reach.
    host.cut()
    pid = int((home / "probe.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    begin = f"{home}/pumpkin probe -c {home}/probe.toml --data {home}/data >>{home}/probe.log 2>&1 </dev/null"
    host.shell(f"{begin} & echo $! >{home}/probe.pid")

    def stored() -> int:
        return len(product.json("/api/v1/checks?type=greeting&limit=1000", key=key)["data"]["items"])

    before, ran = stored(), len((host.folder / "ran").read_text())
    until(lambda: len((host.folder / "ran").read_text()) > ran + 6)
    host.mend()
    until(lambda: stored() > before + 3, 60)

    # Removed: session, account and key end; what it delivered stays proven.
    ada.post(f"{path}/remove", {}, form=path)
    until(
        lambda: product.json("/api/v1/agents/roof-1@pumpkin.test", key=key)["data"]["presence"]["show"] == "unavailable"
    )
    keys = json.loads(product.command("agent", "key", "list", "roof-1@pumpkin.test", "--json"))
    until(lambda: "revoked" in product.command("agent", "key", "list", "roof-1@pumpkin.test"))
    assert keys
    until(lambda: "refuses this account" in (home / "probe.log").read_text(), 60)
    assert product.json(f"/api/v1/checks/{first['id']}", key=key)["data"]["state"] == "stamped"
