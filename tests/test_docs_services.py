"""What the documentation says of machines, services and other programs, executed: nodes, a unit, a proxy, modules."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
from click.testing import CliRunner

from pumpkin.__main__ import cli
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.model.deliveries import Item
from tests.acceptance.product import free_ports
from tests.documents import blocks, executes, in_shell, replaced

STARTED = """
pumpkin() {  # what goes on is begun beside, and waited for until it is ready
    case $1 in run | worker) ;; *) command pumpkin "$@"; return ;; esac
    log=$(mktemp -p .)
    command pumpkin "$@" > "$log" 2>&1 &
    for _ in $(seq 600); do
        if grep '^ready ' "$log"; then return; fi
        kill -0 $! || break
        sleep 0.1
    done
    cat "$log" >&2
    return 1
}
"""


@executes("docs/nodes.md", "sh")
async def test_two_servers_and_a_worker_on_one_database(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    name = f"docs_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(f"create database {name}")
    await connection.close()
    (tmp_path / "two").mkdir()
    # the other machine is another folder of this one
    names = {
        "other:/srv/": f"{tmp_path}/", "/srv/": f"{tmp_path}/", "scp -r ": "cp -r ",
        "postgresql://pumpkin@db.example/pumpkin": shlex.quote(postgres.dsn(name)),
    }  # fmt: skip
    surroundings = {
        "PUMPKIN_LISTEN": "127.0.0.1:0", "PUMPKIN_XMPP__PORT": "0", "PUMPKIN_SANDBOX__ENABLED": "false",
        "PUMPKIN_DEMO": "false",
    }  # fmt: skip
    asked = "\n".join(block.text for block in blocks("docs/nodes.md", "sh"))
    asked += '\nfor url in $(sed -n "s/^ready \\(http.*\\)/\\1/p" tmp.*); do curl -sf "$url/ready"; done'
    told = in_shell(replaced(asked, names), tmp_path, surroundings, before=STARTED)
    assert told.count('{"status": "ready"}') == 2
    for same in ("log-key.pem", "xmpp/ca.pem"):
        assert (tmp_path / "one" / same).read_text() == (tmp_path / "two" / same).read_text()


@executes("docs/operations.md", "caddyfile")
def test_caddy_takes_the_example_and_hands_requests_on(tmp_path: Path) -> None:
    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(dict(self.headers)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    behind = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    (block,) = blocks("docs/operations.md", "caddyfile")
    port = free_ports(1)
    file = tmp_path / "Caddyfile"
    here = {"pumpkin.example.org": f"http://127.0.0.1:{port}", "127.0.0.1:8000": f"127.0.0.1:{behind.server_port}"}
    file.write_text("{\n\tadmin off\n}\n" + replaced(block.text, here))
    surroundings = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    (tmp_path / "given").write_text(block.text)
    taken = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(tmp_path / "given")]
    subprocess.run(taken, check=True, capture_output=True, env=surroundings)
    started = ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True, env=surroundings) as caddy:
        try:
            assert caddy.stderr is not None
            for line in caddy.stderr:
                if "serving initial configuration" in line:
                    break
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                seen = {name.casefold(): value for name, value in json.load(answer).items()}
        finally:
            caddy.terminate()
    behind.shutdown()
    behind.server_close()
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")


@executes("docs/settings.md", "toml")
def test_the_example_of_the_settings_is_in_force_as_it_stands(tmp_path: Path) -> None:
    (example,) = blocks("docs/settings.md", "toml")
    (tmp_path / "pumpkin.toml").write_text(example.text)
    shown = CliRunner().invoke(cli, ["config", "show", "--json", "--data", str(tmp_path)]).stdout
    found = {name: one["value"] for name, one in json.loads(shown).items() if one["from"] == "file"}
    assert found == {"listen": "0.0.0.0:8443", "xmpp.domain": "example.org", "xmpp.approve": ["*@example.org"]}


@executes("docs/modules.md", "toml", "json", "python")
def test_each_example_of_a_module_is_taken(tmp_path: Path) -> None:
    secrets = tmp_path / "etc"
    secrets.mkdir()
    certificate = importlib.metadata.files("certifi")
    assert certificate is not None
    authority = next(file.locate() for file in certificate if file.name == "cacert.pem")
    examples = 0
    for block in blocks("docs/modules.md", "toml"):
        read = tomllib.loads(block.text)
        if "modules" not in read:
            assert list(read["project"]["entry-points"]) == ["pumpkin.modules"]
            continue
        for secret in re.findall(r"file:/etc/pumpkin/([\w.-]+)", block.text):
            (secrets / secret).write_text("whsec_" + "MDEy" * 8 if secret == "soc.secret" else "s3cret")
        text = block.text.replace("/etc/pumpkin/siem-ca.pem", str(authority)).replace("/etc/pumpkin", str(secrets))
        data = tmp_path / str(examples)
        data.mkdir()
        (data / "pumpkin.toml").write_text(text.replace("/var/log/pumpkin", str(data)).replace("…", "x"))
        asked = ["config", "check", "--data", str(data)]
        done = CliRunner(env={"MATRIX_TOKEN": "t"}).invoke(cli, asked)
        assert (done.exit_code, done.output) == (0, "The settings hold.\n"), (block.line, done.output)
        examples += 1
    assert examples >= 10
    (shown,) = blocks("docs/modules.md", "json")
    fields = set(Item.__dataclass_fields__)
    assert set(json.loads(shown.text)) <= fields | {"url"}


def test_a_module_of_ones_own_as_the_page_writes_it_is_found(tmp_path: Path) -> None:
    (code,) = blocks("docs/modules.md", "python")
    entry = next(block for block in blocks("docs/modules.md", "toml") if "entry-points" in block.text)
    named = tomllib.loads(entry.text)["project"]["entry-points"]["pumpkin.modules"]
    (tmp_path / "my_package.py").write_text(code.text)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {place}" for name, place in named.items())
    (info / "entry_points.txt").write_text(f"[pumpkin.modules]\n{lines}\n")
    script = (
        "from pumpkin.adapters import modules\nkind = modules.kinds()['pager'].load()\n"
        "print(kind.__name__, kind.batch, sorted(kind.Options.model_fields))"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=surroundings, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Pager 10 "), done.stderr
    assert "'key'" in done.stdout


@executes("README.md", "mermaid")
def test_the_readmes_drawing_is_one() -> None:
    drawn("README.md")


@executes("docs/threat-model.md", "mermaid")
def test_the_threat_models_drawing_is_one() -> None:
    drawn("docs/threat-model.md")


def drawn(page: str) -> None:
    """A flowchart whose every line joins nodes, each of them given a text somewhere."""
    for block in blocks(page, "mermaid"):
        first, *lines = block.text.strip().splitlines()
        assert re.fullmatch(r"flowchart (LR|TB|TD)", first)
        node = r"(\w+)(?:\[\(.+?\)\]|\[.+?\]|\(.+?\))?"
        arrow = r"(?:<?-->)(?:\|[^|]+\|)?"
        texts, used = set(), set()
        for line in lines:
            assert re.fullmatch(rf"{node}(?: {arrow} {node})+", line), line
            texts |= set(re.findall(r"(\w+)[\[(]", re.sub(r"\|[^|]*\|", "", line)))
            used |= set(re.findall(r"(?:^|> |\| )(\w+)", line))
        assert used <= texts, used - texts
