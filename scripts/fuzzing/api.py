"""The running product's HTTP API, asked by its own OpenAPI document (schemathesis), and by malformed requests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.product import Product

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
RAW = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
    b"POST /api/v1/checks HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /api/v1/checks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST /api/v1/checks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"BREW\x00 / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n",
)


def run(seconds: float) -> int:
    """How many faults were found."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-fuzz-", ignore_cleanup_errors=True) as folder:
        off = {"PUMPKIN_SANDBOX__ENABLED": "false", "PUMPKIN_REGISTRIES__STRICT": "true"}
        product = Product(Path(folder) / "data", environment=off).start(60)
        try:
            found = raw(product)
            return found + _by_description(product, seconds)
        finally:
            product.stop()


def raw(product: Product) -> int:
    """Requests that no HTTP parser may take: each gets an answer in our own envelope, or the connection's end."""
    found = 0
    for request in RAW:
        answer = say(product, request)
        if (
            b"Traceback" in answer
            or b" 500 " in answer[:20]
            or (answer and b"aiohttp" in answer.partition(b"\r\n\r\n")[0])
        ):
            found += 1
            print(f"  raw {request[:60]!r}: {answer[:200]!r}", flush=True)
    print(f"{'api, malformed':<20} {len(RAW):>9,} tried, {found} faults", flush=True)
    return found


def say(product: Product, request: bytes) -> bytes:
    """All the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", int(product.url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(request)
        connection.settimeout(1.5)
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except OSError:
            pass
    return answer


def _by_description(product: Product, seconds: float) -> int:
    key = product.key(
        "checks:write", "checks:read", "packages:write", "packages:read", "agents:read", "metrics", "admin"
    )
    document = product.json("/openapi.json")
    print(f"{'api':<20} {sum(len(one) for one in document['paths'].values())} operations", flush=True)
    report = Path(tempfile.gettempdir()) / "pumpkin-fuzz-api.txt"
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{product.url}/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--continue-on-failure",
        "--exclude-path-regex", "(events|live|pubsub)$", "--request-timeout", "20", "--no-color",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "100000", "--max-time", str(int(seconds)),
    ]  # fmt: skip
    begun = time.monotonic()
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": ""}
    with report.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=product.data.parent
        )
        try:
            status = process.wait(max(seconds, 10) + 30)
        except subprocess.TimeoutExpired:
            process.terminate()
            status = process.wait(20)
    text = report.read_text(errors="replace")
    errors = [line for line in text.splitlines() if line.strip().startswith("- ")]
    tally: dict[str, int] = {}
    for line in errors:
        tally[line.strip()[:80]] = tally.get(line.strip()[:80], 0) + 1
    own = [line for line in product.lines if "Traceback" in line or "request failed" in line]
    print(f"{'api':<20} {time.monotonic() - begun:.0f} s, status {status}, {len(own)} tracebacks; report: {report}")
    for line, count in sorted(tally.items(), key=lambda one: -one[1])[:20]:
        print(f"  {count} x {line}")
    status, _, content = product.request("/health")
    if status != 200 or json.loads(content) != {"status": "ok"}:
        own.append("not alive afterwards")
    # 502 and 503 are typed answers: no registry and no engine is there. 500 is a fault of ours.
    return len(own) + text.count("\n[500] ")
