"""The running product's HTTP API, asked by its own OpenAPI document (schemathesis), and by malformed requests."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.fuzzing import known, pages
from tests.acceptance.product import Product

CHECKS = "typed,status_code_conformance,content_type_conformance,response_schema_conformance"
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


def run(seconds: float, seed: int) -> int:
    """How many faults were found. Of the time half goes to asking with every scope, a quarter without a key, a quarter
    to the pages and their forms."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-fuzz-", ignore_cleanup_errors=True) as folder:
        product = known.start(Path(folder))
        try:
            key = product.key(*known.SCOPES)
            things = Path(folder) / "known.json"
            things.write_text(json.dumps(known.fill(product, key)))
            found = raw(product)
            found += _by_description(product, seconds / 2, key, things)
            found += _by_description(product, seconds / 4, None, things)
            found += pages.run(product, seconds / 4, seed)
            return found + _after(product)
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


def _by_description(product: Product, seconds: float, key: str | None, things: Path) -> int:
    """Every operation of the document, with each body it names; what failed, or could not be asked."""
    name = "api, with a key" if key else "api, without a key"
    report = Path(tempfile.gettempdir()) / f"pumpkin-fuzz-{name.replace(', ', '-').replace(' ', '-')}.txt"
    count = sum(len(one) for one in product.json("/openapi.json")["paths"].values())
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{product.url}/openapi.json",
        *(("--header", f"Authorization: Bearer {key}") if key else ()), "--checks", CHECKS, "--continue-on-failure",
        "--exclude-path-regex", "(events|live|pubsub)$", "--request-timeout", "20", "--no-color",
        "--warnings", "off", "--phases", "examples,coverage,fuzzing", "--max-examples", "100000",
        "--max-time", str(max(1, int(seconds))),
    ]  # fmt: skip
    begun = time.monotonic()
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "scripts.fuzzing.hooks", "PUMPKIN_FUZZ_KNOWN": str(things)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with report.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=product.data.parent
        )
        try:
            process.wait(max(seconds, 10) * 1.5 + 60)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(20)
    return _told(name, report, count, time.monotonic() - begun)


def _told(name: str, report: Path, count: int, took_s: float) -> int:
    """Print what a report says; how many faults it names."""
    text = report.read_text(errors="replace")
    selected = re.search(r"Operations:\s+(\d+) selected / (\d+) total", text)
    cases = re.search(r"(\d+) generated[^\n]*", text)
    end = text.strip().splitlines()[-1].strip("= ") if text.strip() else "nothing said"
    found = sum(int(number) for number in re.findall(r"[❌🚫] [^\n:]*: (\d+)$", text, re.MULTILINE))
    if cases is None:
        found += 1
    print(f"{name:<20} {selected[1] if selected else 0} of {count} operations, {took_s:.0f} s, "
          f"{cases[0] if cases else 'no cases'}: {end}; {found} faults", flush=True)  # fmt: skip
    titles = re.findall(r"^_{3,} (.+?) _{3,}$|^- (.+)$", text, re.MULTILINE)
    for line in list(dict.fromkeys(one or f"  {other}" for one, other in titles))[:40] if found else ():
        print(f"  {line}", flush=True)
    if found:
        print(f"  report: {report}", flush=True)
    return found


def _after(product: Product) -> int:
    """Tracebacks in the journal, and whether it is still alive."""
    own = [line for line in product.lines if "Traceback" in line or "request failed" in line]
    for line in own[:10]:
        print(f"  journal: {line[:300]}", flush=True)
    status, _, content = product.request("/health")
    if status != 200 or json.loads(content) != {"status": "ok"}:
        own.append("not alive afterwards")
    print(f"{'api, afterwards':<20} /health says {content.decode()}, {len(own)} tracebacks", flush=True)
    return len(own)
