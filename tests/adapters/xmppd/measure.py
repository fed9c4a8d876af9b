"""What the embedded server costs: messages a second, processor time, and memory an idle agent.

`python -m tests.adapters.xmppd.measure [AGENTS] [MESSAGES]` prints one JSON object. The server has a process of its
own, so that its figures are not the clients'.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import resource
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import structlog

from pumpkin.adapters.xmppd import XmppServer, verifiers
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import RawClient

_FIELD = "<field var='{}' type='text-single'><value>{}</value></field>"
_METADATA = (("performative", "inform"), ("ontology", "probeAgentOntology"), ("language", "OWL-S"))
SPADE_SHAPED = (
    "<message type='chat' to='{}@localhost' id='0123456789abcdef0123456789abcdef' xml:lang='en'><body>"
    + json.dumps({"version": "1", "format": "x", "meta": {"uuid": "u", "ts": 1}, "payload": {"raw": "A" * 64}})
    .replace("{", "{{")
    .replace("}", "}}")
    + "</body><x xmlns='jabber:x:data' type='form'>"
    + "".join(_FIELD.format(*pair) for pair in _METADATA)
    + "<title>spade:x:metadata</title></x></message>"
)


async def serve(accounts: int) -> None:
    """The server's process: one line with its port and authority, then its figures at each line of input."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    store = MemoryStore()
    scram = await asyncio.to_thread(verifiers, "pw")
    for n in range(accounts):
        await store.put_account(f"u{n}", scram)
    with tempfile.TemporaryDirectory() as folder:
        server = XmppServer(store, "localhost", "127.0.0.1", 0, Path(folder))
        await server.start()
        heard = 0

        def hear(stanza: ET.Element) -> None:
            nonlocal heard
            heard += stanza.tag.endswith("}message")

        server.attach("aggregator", hear).send("<presence/>")
        print(json.dumps({"port": server.port, "tls_port": server.tls_port, "ca": str(server.ca_path)}), flush=True)
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            memory = pages * resource.getpagesize()
            figures = {"cpu": time.process_time(), "memory": memory, "open": server.connections, "heard": heard}
            print(json.dumps(figures), flush=True)
        await server.stop()


@dataclass(frozen=True)
class Address:
    """What a raw client needs to know of a server in another process."""

    port: int
    tls_port: int
    ca_path: str


async def measure(agents: int = 1_000, messages: int = 20_000) -> dict[str, float]:
    """Rates a second, processor time in microseconds a message and milliseconds a connect, kB an idle agent."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.xmppd.measure", "serve", str(agents + 2)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = json.loads(await process.stdout.readline())
    address = Address(said["port"], said["tls_port"], said["ca"])

    async def figures() -> dict[str, float]:
        process.stdin.write(b"\n")
        return json.loads(await process.stdout.readline())

    async def come(n: int) -> RawClient:
        return await RawClient.login(address, f"u{n}", "pw", "r")  # type: ignore[arg-type]

    async def send(sender: RawClient, to: str) -> None:
        batch = (SPADE_SHAPED.format(to) * 100).encode()
        for _ in range(messages // 100):
            sender.send(batch)
            await sender.writer.drain()

    found: dict[str, float] = {}
    sender, reader = await come(0), await come(1)
    reader.send("<presence/>")
    await reader.ping()

    before, began = await figures(), time.perf_counter()
    await send(sender, "aggregator")
    await sender.ping()
    found["attached_rate"] = messages / (time.perf_counter() - began)
    after = await figures()
    assert after["heard"] - before["heard"] == messages
    found["attached_cpu_us"] = (after["cpu"] - before["cpu"]) / messages * 1e6

    async def read() -> None:
        count, tail = 0, b""
        while count < messages:
            data = tail + await reader.reader.read(1 << 18)
            count += data.count(b"</message>")
            tail = data[-9:]

    before, began = after, time.perf_counter()
    reading = asyncio.create_task(read())
    await send(sender, "u1")
    await reading
    found["routed_rate"] = messages / (time.perf_counter() - began)
    after = await figures()
    found["routed_cpu_us"] = (after["cpu"] - before["cpu"]) / messages * 1e6

    before, began = after, time.perf_counter()
    clients: list[RawClient] = []
    for start in range(0, agents, 50):
        clients += await asyncio.gather(*(come(n + 2) for n in range(start, min(start + 50, agents))))
    for client in clients:
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    await asyncio.gather(*(client.ping() for client in clients))
    found["connect_s"] = time.perf_counter() - began
    after = await figures()
    found["connect_cpu_ms"] = (after["cpu"] - before["cpu"]) / agents * 1e3
    found["agent_kb"] = (after["memory"] - before["memory"]) / agents / 1e3
    for client in (sender, reader, *clients):
        client.abort()
    process.stdin.close()
    await process.wait()
    return {name: round(value, 1) for name, value in found.items()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        print(json.dumps(asyncio.run(measure(*map(int, sys.argv[1:])))))
