"""The fleet's rows: messages a second against Prosody's, a thousand agents, presence to a page, fan-out.

`python -m scripts.measure.fleet [AGENTS] [MESSAGES]` prints the table. Servers have processes of their own; clients are
plain bytes over TLS, so that the figures are not theirs.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import structlog
import uvloop
from aiohttp import web

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.embedded.prosody import Prosody
from pumpkin.adapters.xmppd import XmppServer, verifiers
from pumpkin.adapters.xmppd.certificates import Certificates
from pumpkin.store import accounts, agents
from pumpkin.store.database import Database
from scripts.measure import load
from tests.acceptance.product import Product
from tests.adapters.xmppd.measure import SPADE_SHAPED
from tests.adapters.xmppd.memory import MemoryStore
from tests.adapters.xmppd.raw import RawClient

Row = tuple[str, str, str, str]
PASSWORD = "pw"


@dataclass(frozen=True)
class Address:
    """What a raw client needs to know of a server in another process."""

    port: int
    tls_port: int
    ca_path: str


async def serve(count: int) -> None:
    """The embedded server's process: one line with its address, then its memory at each line of input."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    store = MemoryStore()
    scram = await asyncio.to_thread(verifiers, PASSWORD)
    for n in range(count):
        await store.put_account(f"u{n}", scram)
    with tempfile.TemporaryDirectory() as folder:
        server = XmppServer(store, "localhost", "127.0.0.1", 0, Path(folder))
        await server.start()
        print(json.dumps([server.port, server.tls_port, str(server.ca_path)]), flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            print(json.dumps([pages * resource.getpagesize(), time.process_time()]), flush=True)
        await server.stop()


class Embedded:
    """The embedded server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: Address) -> None:
        self._process, self.address = process, address

    @classmethod
    async def start(cls, count: int) -> Embedded:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scripts.measure.fleet", "serve", str(count)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        return cls(process, Address(*json.loads(await process.stdout.readline())))

    async def figures(self) -> tuple[float, float]:
        """Resident bytes, seconds of processor."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        memory, spent = json.loads(await self._process.stdout.readline())
        return memory, spent

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def come(address: Address, name: str) -> RawClient:
    return await RawClient.login(address, name, PASSWORD, "r")  # type: ignore[arg-type]


async def routed(address: Address, messages: int) -> float:
    """SPADE-shaped messages a second from one client to another, until the last has arrived."""
    sender, reader = await come(address, "u0"), await come(address, "u1")
    reader.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    await reader.ping()

    async def send() -> None:
        batch = (SPADE_SHAPED.format("u1") * 100).encode()
        for _ in range(messages // 100):
            sender.send(batch)
            await sender.writer.drain()

    async def read() -> None:
        count, tail = reader.text.count("</message>"), b""
        while count < messages:
            data = tail + await reader.reader.read(1 << 18)
            count += data.count(b"</message>")
            tail = data[-9:]

    began = time.perf_counter()
    await asyncio.gather(send(), read())
    rate = messages / (time.perf_counter() - began)
    sender.abort()
    reader.abort()
    return rate


async def messages_rows(messages: int) -> list[Row]:
    """The embedded server and Prosody, in turns, the best of two each."""
    embedded = await Embedded.start(2)
    with tempfile.TemporaryDirectory(prefix="pumpkin-bench-") as folder:
        place = Path(folder)
        place.chmod(0o711)
        prosody = Prosody(place / "p", "localhost", "127.0.0.1", 0, Certificates(place / "c", "localhost"))
        await prosody.start()
        for name in ("u0", "u1"):
            await prosody.put_password(name, PASSWORD)
        other = Address(prosody.port, prosody.tls_port, str(prosody.ca_path))
        ours = theirs = 0.0
        for _ in range(2):
            ours = max(ours, await routed(embedded.address, messages))
            theirs = max(theirs, await routed(other, messages))
        await prosody.stop()
    await embedded.stop()
    return [
        (
            "XMPP messages routed",
            f"{ours:,.0f}/s",
            f"{ours / theirs:.2f} Prosody ({theirs:,.0f}/s)",
            "at least 1 Prosody",
        )
    ]


async def crowd_rows(count: int) -> list[Row]:
    """So many agents connect by STARTTLS and PLAIN, ask for their roster and show presence."""
    server = await Embedded.start(count)
    memory, spent = await server.figures()
    began = time.perf_counter()
    clients: list[RawClient] = []
    for start in range(0, count, 50):
        names = range(start, min(start + 50, count))
        some = await asyncio.gather(*(come(server.address, f"u{n}") for n in names))
        for client in some:
            client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        await asyncio.gather(*(client.ping() for client in some))
        clients += some
    took = time.perf_counter() - began
    after, used = await server.figures()
    for client in clients:
        client.abort()
    await server.stop()
    each = (after - memory) / count / 1_000
    return [
        (f"{count:,} agents connect", f"{took:.1f} s", f"server CPU {used - spent:.1f} s", "at most 60 s (1,000)"),
        ("  memory an idle agent", f"{each:.0f} kB", "", "at most 120 kB"),
    ]


async def presence_rows(count: int, changes: int = 400) -> list[Row]:
    """The whole program: from an agent's changed presence to the event on an open socket, with a crowd connected."""
    with tempfile.TemporaryDirectory() as folder:
        product = await asyncio.to_thread(Product(Path(folder) / "data").start)
        try:
            await _enrol(Path(folder) / "data", count)
            xmpp = product.facts["xmpp"]
            address = Address(xmpp["port"], xmpp["tls_port"], xmpp["ca"])
            clients: list[RawClient] = []
            for start in range(0, count, 25):
                names = range(start, min(start + 25, count))
                clients += await asyncio.gather(*(come(address, f"u{n}") for n in names))
            hello = "<presence/><presence type='subscribe' to='aggregator@localhost'/>"
            for start in range(0, count, 50):
                for client in clients[start : start + 50]:
                    client.send(hello)
                await asyncio.gather(*(client.ping() for client in clients[start : start + 50]))
            await asyncio.sleep(2.0)  # the aggregator asks back, and sees who answers
            for start in range(0, count, 50):
                for client in clients[start : start + 50]:
                    client.send("<presence type='subscribed' to='aggregator@localhost'/>")
                await asyncio.gather(*(client.ping() for client in clients[start : start + 50]))
            key = await asyncio.to_thread(product.key, "checks:read", "agents:read")
            waits = []
            async with (
                aiohttp.ClientSession(product.url, headers={"Authorization": f"Bearer {key}"}) as session,
                session.ws_connect("/api/v1/events?topics=presence.changed") as events,
            ):
                await _quiet(events)
                for n in range(changes):
                    status, client = f"change {n}", clients[(n * 37) % count]
                    began = time.perf_counter()
                    client.send(f"<presence><show>away</show><status>{status}</status></presence>")
                    async with asyncio.timeout(30):
                        while (await events.receive_json())["data"].get("status") != status:
                            pass
                    waits.append(time.perf_counter() - began)
            for client in clients:
                client.abort()
        finally:
            await asyncio.to_thread(product.kill)
    waits.sort()
    shown = f"{waits[len(waits) // 2] * 1e3:.1f}, {waits[int(len(waits) * 0.99)] * 1e3:.1f} ms"
    return [(f"presence to a page, {count:,} agents: p50, p99", shown, "", "p99 at most 100 ms")]


async def _enrol(data: Path, count: int) -> None:
    dsn = EmbeddedPostgres(data).running_dsn()
    assert dsn is not None
    db = Database(dsn)
    scram = await asyncio.to_thread(verifiers, PASSWORD)
    for n in range(count):
        await accounts.put_account(db, f"u{n}", scram)
        await agents.approve(db, f"u{n}@localhost")
    await db.close()
    await asyncio.sleep(2.5)  # the gateway takes over approvals every two seconds


async def _quiet(events: aiohttp.ClientWebSocketResponse) -> None:
    """Read until nothing came for a second."""
    while True:
        try:
            await asyncio.wait_for(events.receive(), 1.0)
        except TimeoutError:
            return


async def bare() -> None:
    """F's process: a handler that does nothing but `send_str` to every socket, as often as one of them says."""
    sockets: list[web.WebSocketResponse] = []
    frame = json.dumps({"data": "x" * 400})

    async def take(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sockets.append(socket)
        async for message in socket:
            for _ in range(int(message.data)):
                for one in sockets:
                    await one.send_str(frame)
        return socket

    app = web.Application()
    app.router.add_get("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[union-attr]
    await asyncio.Event().wait()


async def bare_fan_out(count: int, frames: int) -> float:
    """F: deliveries a second of that process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.measure.fleet", "bare"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    async with aiohttp.ClientSession(connector=_many()) as session:
        readers = [await session.ws_connect(f"http://127.0.0.1:{port}/") for _ in range(count)]

        async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
            for _ in range(frames):
                await socket.receive()

        began = time.perf_counter()
        reading = asyncio.gather(*(read(one) for one in readers))
        await readers[0].send_str(str(frames))
        await reading
        rate = count * frames / (time.perf_counter() - began)
    process.kill()
    await process.wait()
    return rate


async def fan_out_rows(count: int = 200, frames: int = 100) -> list[Row]:
    """Through the program: one client publishes on /pubsub, two hundred hear; then once more beside one who is dead."""
    with tempfile.TemporaryDirectory() as folder:
        product = await asyncio.to_thread(Product(Path(folder) / "data").start)
        try:
            key = await asyncio.to_thread(product.key, "checks:read", "checks:write")
            headers = {"Authorization": f"Bearer {key}"}
            spent = load.cpu(int(product.facts["pid"]))
            async with aiohttp.ClientSession(product.url, headers=headers, connector=_many()) as session:
                alone = beside = 0.0
                for _ in range(3):  # in turns, the best of each: other work on the machine comes and goes
                    alone = max(alone, await _fan_out(session, count, frames))
                    dead = await session.ws_connect("/pubsub")
                    await _call(dead, "subscribe", {"topics": ["bench"]})
                    beside = max(beside, await _fan_out(session, count, frames))
                    await dead.close()
            spent = load.cpu(int(product.facts["pid"])) - spent
        finally:
            await asyncio.to_thread(product.kill)
    bare = max([await bare_fan_out(count, frames) for _ in range(3)])
    return [
        (f"fan-out to {count}", f"{alone:,.0f}/s", f"{alone / bare:.2f} F ({bare:,.0f}/s)", "at least 0.7 F"),
        ("  beside a dead subscriber", f"{beside:,.0f}/s", f"{100 * (1 - beside / alone):+.1f} %", "at most 5 % less"),
        ("  app CPU a delivery", f"{spent / (6 * count * frames) * 1e6:.1f} us", "", ""),
    ]


def _many() -> aiohttp.TCPConnector:
    """aiohttp's own limit is a hundred connections."""
    return aiohttp.TCPConnector(limit=0)


async def _fan_out(session: aiohttp.ClientSession, count: int, frames: int) -> float:
    readers = [await session.ws_connect("/pubsub") for _ in range(count)]
    for one in readers:
        await _call(one, "subscribe", {"topics": ["bench"]})
    publisher = await session.ws_connect("/pubsub")

    async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
        for _ in range(frames):
            await socket.receive()

    began = time.perf_counter()
    reading = asyncio.gather(*(read(one) for one in readers))
    request = {
        "method": "publish",
        "arguments": {"topics": ["bench"], "data": "x" * 200, "sync": False},
        "call_id": "c",
    }
    for _ in range(frames):
        await publisher.send_str(json.dumps({"request": request, "response": None}))
    await reading
    rate = count * frames / (time.perf_counter() - began)
    for one in (*readers, publisher):
        await one.close()
    return rate


async def _call(socket: aiohttp.ClientWebSocketResponse, method: str, arguments: dict[str, Any]) -> None:
    request = {"method": method, "arguments": arguments, "call_id": "c"}
    await socket.send_str(json.dumps({"request": request, "response": None}))
    answer = await socket.receive_json()
    assert answer["response"]["result"] is True, answer


def tell(row: Row) -> None:
    """One line of the table."""
    name, figure, ratio, goal = row
    print(f"{name:<48} {figure:>16}  {ratio:<34} {goal}", flush=True)


async def rows(count: int = 1_000, messages: int = 20_000, told: Callable[[Row], None] = lambda row: None) -> list[Row]:
    """All of them; `told` gets each as it comes."""
    logging.disable(logging.WARNING)
    found: list[Row] = []
    for work in (messages_rows(messages), crowd_rows(count), presence_rows(count), fan_out_rows()):
        for row in await work:
            found.append(row)
            told(row)
    return found


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(int(sys.argv[2])))
        return
    if sys.argv[1:2] == ["bare"]:
        uvloop.run(bare())
        return
    asyncio.run(rows(*map(int, sys.argv[1:]), told=tell))


if __name__ == "__main__":
    main()
