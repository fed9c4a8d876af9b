"""What operators see of the real program: its figures, its journal, its spans, and its pages of documentation."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from scripts.fuzzing.api import RAW, say
from tests.acceptance.product import PUMPKIN, ROOT, Product, free_ports

DOCS = ROOT / "docs"
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "deploy" / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


class Collector(http.server.ThreadingHTTPServer):
    """An OpenTelemetry collector that keeps the spans it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[str] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = ExportTraceServiceRequest.FromString(body)
        spans = [span.name for one in found.resource_spans for part in one.scope_spans for span in part.spans]
        self.server.spans.extend(spans)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Collector]]:
    """A Pumpkin that journals in JSON and tells a collector."""
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        more = {
            "PUMPKIN_JOURNAL": "json",
            "PUMPKIN_TELEMETRY": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        product = Product(tmp_path_factory.mktemp("watched") / "data", environment=more).start()
        yield product, collector
        product.stop()
        collector.shutdown()


def test_metrics_are_those_documented_and_the_dashboard_asks_for_no_others(watched: tuple[Product, Collector]) -> None:
    product, _ = watched
    key = product.key("metrics", "checks:write")
    product.json("/api/v1/checks", key=key, body={"type": "t", "format": "text", "payload": {"text": "x"}})
    text = product.request("/metrics", key=key)[2].decode()
    shown = {s.name for family in text_string_to_metric_families(text) for s in family.samples}
    own = {name for name in shown if name.startswith("pumpkin_")}
    documented = set(re.findall(r"`(pumpkin_[a-z_]+)`", (DOCS / "operations.md").read_text("utf-8")))
    assert own == documented
    said = dict(re.findall(r"^# HELP (pumpkin_\w+) (.*)$", text, re.M))
    assert not {name for name, words in said.items() if words.replace(" ", "_").strip(".") in (name, f"_{name}")}
    dashboard = json.loads((DOCS / "deploy" / "grafana.json").read_text("utf-8"))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:pumpkin|process)_[a-z_]+", target["expr"])
    }
    assert asked <= shown
    for rule in RULES:
        assert set(re.findall(r"\b(?:pumpkin|process)_[a-z_]+", rule["expr"] + str(rule["annotations"]))) <= shown, rule
    kinds = dict(re.findall(r"^# TYPE (pumpkin_\w+) (\w+)$", text, re.M))
    assert {name for name, kind in kinds.items() if kind == "counter"} == {n for n in kinds if n.endswith("_total")}
    values = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
    assert (values["pumpkin_info"], values["pumpkin_leader"]) == (1, 1)
    assert values["pumpkin_last_backup_timestamp_seconds"] == 0


def test_the_journal_is_json_and_a_collector_gets_a_span_a_request(watched: tuple[Product, Collector]) -> None:
    product, collector = watched
    assert product.request("/ready")[0] == 200
    deadline = time.monotonic() + 10
    while "GET /ready" not in collector.spans:
        assert time.monotonic() < deadline, collector.spans
        time.sleep(0.1)
    events = [json.loads(line) for line in product.lines if line.startswith("{")]
    assert events
    assert all({"event", "level", "timestamp"} <= one.keys() for one in events)


@pytest.mark.parametrize("request_bytes", RAW[:4], ids=range(4))
def test_what_is_no_http_is_answered_as_everything_else(
    watched: tuple[Product, Collector], request_bytes: bytes
) -> None:
    head, _, body = say(watched[0], request_bytes).partition(b"\r\n\r\n")
    assert b"aiohttp" not in head
    assert json.loads(body)["success"] is False


def run(page: str, folder: Path, environment: dict[str, str]) -> None:
    """All blocks of a page in one shell."""
    script = "\n".join(BLOCK.findall((DOCS / page).read_text("utf-8")))
    surroundings = {**os.environ, "PATH": f"{PUMPKIN.parent}:{os.environ['PATH']}", **environment}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=surroundings, capture_output=True, text=True, timeout=110, check=False, start_new_session=True,
    )  # fmt: skip
    journal = (folder / "run.log").read_text() if (folder / "run.log").exists() else ""
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{journal[-1500:]}"


def test_the_tutorial_leads_to_a_proof(tmp_path: Path) -> None:
    run("tutorial.md", tmp_path, {"PORT": str(free_ports(1)), "XMPP_PORT": str(free_ports(2))})


def test_the_runbooks_commands_work(watched: tuple[Product, Collector], tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("some words\n")
    run("runbook.md", tmp_path, {"PUMPKIN_DATA": str(watched[0].data), "NEW_DATA": str(tmp_path / "new")})


def test_the_guides_examples_work(watched: tuple[Product, Collector], tmp_path: Path) -> None:
    product, _ = watched
    scopes = ("checks:write", "checks:read", "packages:write", "packages:read", "agents:read", "metrics")
    run("guide.md", tmp_path, {"URL": product.url, "KEY": product.key(*scopes)})


def certificate(folder: Path, *names: str) -> None:
    """`own.pem` and `own.key` in `folder`, made by openssl and put there one after the other."""
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={names[0]}"]
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "new.key", "-out", "new.pem"]
    subprocess.run(["openssl", "req", "-x509", *made, *more], cwd=folder, check=True, capture_output=True)
    for name in ("key", "pem"):
        (folder / f"new.{name}").replace(folder / f"own.{name}")


def shown(product: Product, context: ssl.SSLContext) -> dict[str, Any]:
    """The certificate a new connection is shown."""
    host, _, port = product.url.rpartition("/")[2].partition(":")
    plain = socket.create_connection((host, int(port)), 10)
    with context.wrap_socket(plain, server_hostname=host) as secure:
        return secure.getpeercert() or {}


def test_https_holds_browsers_to_it_and_takes_a_renewed_certificate_without_a_restart(tmp_path: Path) -> None:
    certificate(tmp_path, "first.test")
    own = {"PUMPKIN_CERTIFICATE": str(tmp_path / "own.pem"), "PUMPKIN_CERTIFICATE_KEY": str(tmp_path / "own.key")}
    product = Product(tmp_path / "data", environment=own).start()
    try:
        assert product.url.startswith("https://")
        product.context = ssl.create_default_context(cafile=str(tmp_path / "own.pem"))
        assert_secure(product)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{product.url}/ready", context=ssl.create_default_context(), timeout=10)

        (tmp_path / "own.pem").write_text("half a certificate")
        until(lambda: any("certificate not taken" in line for line in product.lines))
        assert ("commonName", "first.test") in shown(product, product.context)["subject"][0], "the one before goes on"
        certificate(tmp_path, "second.test")
        renewed = ssl.create_default_context(cafile=str(tmp_path / "own.pem"))
        until(lambda: any("certificate renewed" in line for line in product.lines))
        assert ("commonName", "second.test") in shown(product, renewed)["subject"][0]
        product.context = renewed
        assert product.request("/ready")[0] == 200
    finally:
        product.stop()


def assert_secure(product: Product) -> None:
    """Every sort of answer over TLS holds browsers to HTTPS for a year, and frames, scripts and sniffing in check."""
    for path, status in (("/login", 200), ("/ready", 200), ("/static/style.css", 200), ("/nothing", 404),
                         ("/api/v1/checks", 401), ("/items/x", 422), ("/docs", 200)):  # fmt: skip
        answered, headers, _ = product.request(path)
        assert answered == status, path
        assert int(re.findall(r"max-age=(\d+)", headers["Strict-Transport-Security"])[0]) >= 31_536_000, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        if path == "/login":
            assert {"Secure", "HttpOnly"} <= {part.strip() for part in headers["Set-Cookie"].split(";")}


def until(seen: Callable[[], object], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)
