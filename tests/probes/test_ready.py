"""Each ready probe against a real neighbour on this machine: run as its job runs it, read by its parser, judged."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.errors import StartError
from pumpkin.model import jobs
from pumpkin.model.ready import READY
from pumpkin.probes import parsers
from pumpkin.probes.measure import Source, measure

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "ready"


async def seen(use: str, target: str, **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Status, parsed data and run of one measurement by the ready probe."""
    found = await measure(jobs.parse({"use": use, "target": target, **more}).jobs[0], Source("p@localhost"))
    result = found.detail["result"]
    return found.detail["status"], result.get("data", result), found.detail["run"]


@pytest.mark.parametrize("name", sorted(READY))
def test_every_ready_probe_has_an_example_that_is_read_and_a_parser(name: str) -> None:
    file = EXAMPLES / f"{'packages' if name == 'pip' else name}.toml"
    config = jobs.loads(file.read_text("utf-8"), toml=True)
    assert name in file.read_text("utf-8")
    for job in config.jobs:
        assert parsers.find(job.result_parser).SCHEMA is not None


def test_a_ready_probe_that_is_none_is_said_so() -> None:
    with pytest.raises(StartError, match="there is no ready probe 'nonsense'; there are nmap, tls"):
        jobs.parse({"use": "nonsense"})


@pytest.fixture
async def tls_port(tmp_path: Path) -> AsyncIterator[int]:
    certificates = Certificates(tmp_path, "localhost")
    certificates.ensure()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=certificates.context())
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_tls_tells_the_certificates_end_and_why_it_does_not_verify(tls_port: int, tmp_path: Path) -> None:
    status, data, _ = await seen("tls", f"localhost:{tls_port}")
    assert status == "ok"
    assert data["verified"] is False
    assert "certificate" in data["trouble"]
    assert 390 < data["days_left"] < 398
    assert "localhost" in data["names"]
    chain = x509.load_pem_x509_certificates((tmp_path / "server.pem").read_bytes())
    assert data["sha256"] == chain[0].fingerprint(hashes.SHA256()).hex()
    thresholds = [{"field": "days_left", "direction": "below", "warning": 500, "critical": 7}]
    assert (await seen("tls", f"localhost:{tls_port}", thresholds=thresholds))[0] == "warning"


async def test_what_cannot_be_reached_is_critical_with_the_reason() -> None:
    for use in ("tls", "http", "tcp"):
        target = "http://127.0.0.1:9/" if use == "http" else "127.0.0.1:9"
        status, data, run = await seen(use, target)
        assert status == "critical", use
        assert run["exit_status"] == 1
        assert "refused" in run["stderr"].casefold() or "connect" in run["stderr"].casefold()
        assert "error" in data


async def test_http_tells_status_time_and_content() -> None:
    async def answer(request: web.Request) -> web.Response:
        status = int(request.query.get("status", "200"))
        return web.Response(text="<title>Up &amp; well</title>", content_type="text/html", status=status)

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        status, data, _ = await seen("http", str(server.make_url("/")))
        assert (status, data["status"], data["size"], data["title"]) == ("ok", 200, 28, "Up &amp; well")
        assert 0 < data["first_byte_s"] <= data["latency_s"] < 20
        assert (await seen("http", str(server.make_url("/?status=404"))))[0] == "warning"
        assert (await seen("http", str(server.make_url("/?status=503"))))[0] == "critical"


@pytest.fixture
def name_server() -> Iterator[int]:
    """Answers A and MX of www.example, and says of any other name that there is none."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                data, sender = line.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            asked = dns.message.from_wire(data)
            answer = dns.message.make_response(asked)
            question = asked.question[0]
            kind = dns.rdatatype.to_text(question.rdtype)
            known = {"A": "198.51.100.7", "MX": "10 mail.example."}
            if str(question.name) != "www.example.":
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif kind in known:
                answer.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, known[kind]))
            line.sendto(answer.to_wire(), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = line.getsockname()[1]
    yield port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", ("127.0.0.1", port))
    thread.join(5)
    line.close()


async def test_dns_tells_the_records_of_a_name(name_server: int) -> None:
    status, data, _ = await seen("dns", f"www.example@127.0.0.1:{name_server}")
    assert (status, data["exists"], data["ttl"]) == ("ok", True, 300)
    assert data["records"] == {"A": ["198.51.100.7"], "MX": ["10 mail.example."]}
    _, data, _ = await seen("dns", f"nothing.example/A@127.0.0.1:{name_server}")
    assert (data["exists"], data["records"]) == (False, {})


async def test_tcp_tells_the_greeting() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-test\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    status, data, _ = await seen("tcp", f"127.0.0.1:{port}")
    assert (status, data["port"], data["greeting"]) == ("ok", port, "SSH-2.0-test\r\n")
    server.close()


async def test_files_change_their_tree_with_content_mode_and_name(tmp_path: Path) -> None:
    one = tmp_path / "a"
    one.write_text("x")
    (tmp_path / "link").symlink_to("/nowhere")
    trees = []
    for change in (
        lambda: None,
        lambda: one.write_text("y"),
        lambda: one.chmod(0o600),
        lambda: one.rename(tmp_path / "b"),
    ):
        change()
        status, data, _ = await seen("files", str(tmp_path))
        assert (status, data["count"]) == ("ok", 2)
        trees.append(data["tree"])
    assert len(set(trees)) == 4
    assert (await seen("files", str(tmp_path / "missing")))[0] == "critical"


async def test_ports_shows_what_listens_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        status, data, _ = await seen("ports", "localhost")
    assert status == "ok"
    assert [one["program"][:6] for one in data["ports"] if one["port"] == port] != []


async def test_system_and_packages_look_at_this_machine() -> None:
    _, data, _ = await seen("system", "/")
    assert 0 < data["disk_percent"] < 100
    assert data["memory_total"] > 2**20
    assert shutil.which("dpkg-query")
    status, data, _ = await seen("packages", "dpkg")
    assert status == "ok"
    assert "bash" in [one["name"] for one in data["packages"]]


def test_ping_is_read_with_and_without_answers() -> None:
    said = (
        b"PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.03 ms\n\n"
        b"--- 127.0.0.1 ping statistics ---\n3 packets transmitted, 3 received, 0% packet loss, time 2040ms\n"
        b"rtt min/avg/max/mdev = 0.030/0.041/0.052/0.009 ms\n"
    )
    data = parsers.normalise("ping", said, {})["data"]
    assert (data["host"], data["loss_percent"], data["mean_ms"]) == ("127.0.0.1", 0.0, 0.041)
    lost = b"PING x (198.51.100.7) 56(84) bytes of data.\n3 packets transmitted, 0 received, 100% packet loss\n"
    assert parsers.normalise("ping", lost, {})["data"]["loss_percent"] == 100.0
    assert "error" in parsers.normalise("ping", b"ping: unknown host", {})


@pytest.mark.parametrize("name", ["tls", "http", "dns", "tcp", "files", "ports", "system", "packages"])
@pytest.mark.parametrize("output", [b"", b"[]", b"{}", b'{"host": 1}', b"\xff", b"null", b'{"count": true}'])
def test_output_of_another_shape_is_a_parse_error_not_a_crash(name: str, output: bytes) -> None:
    found = parsers.normalise(name, output, {})
    assert "error" in found or found["data"]["count"] == 0
