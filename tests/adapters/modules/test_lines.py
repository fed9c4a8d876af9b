"""JSON lines, syslog, another PostgreSQL: each item once over kills, whatever stands in it; read back by others'
parsers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from syslog_rfc5424_parser import SyslogMessage

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.modules import Away
from pumpkin.adapters.xmppd.certificates import Certificates
from tests.adapters.modules.conftest import EVIL, Make, item


async def test_json_lines_are_whole_and_each_item_once(tmp_path: Path, module: Make) -> None:
    path = tmp_path / "sub" / "out.jsonl"
    several = [item() for _ in range(4)]
    first = await module("jsonl", str(path))
    await first.deliver(several[:2])
    with path.open("ab") as file:
        file.write(b'{"id": "torn')  # as a kill in the middle of a line leaves it
    again = await module("jsonl", str(path))
    await again.deliver(several[1:])
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(one.id) for one in several]
    assert json.loads(lines[0])["data"]["payload"]["text"] == EVIL
    assert path.stat().st_mode & 0o007 == 0


async def test_a_file_is_turned_over_by_size_and_the_oldest_goes(tmp_path: Path, module: Make) -> None:
    path = tmp_path / "out.jsonl"
    lines = await module("jsonl", str(path), max_mb=1, keep=2)
    large = {"payload": {"text": "x" * 400_000}}
    for _ in range(12):
        await lines.deliver([item(data=large)])
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == [
        "out.jsonl",
        "out.jsonl.1",
        "out.jsonl.2",
    ]
    assert all(one.stat().st_size <= 1024 * 1024 for one in tmp_path.glob("out*"))


async def test_a_file_that_cannot_be_written_is_waited_for(tmp_path: Path, module: Make) -> None:
    with pytest.raises(Away):
        await module("jsonl", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Away):
        await module("jsonl", str(tmp_path / "link"))
    with pytest.raises(Away):
        await module("jsonl", "/dev/full")


def parsed(text: bytes) -> dict[str, Any]:
    """What a third party's parser makes of a message."""
    found: dict[str, Any] = SyslogMessage.parse(text.decode().replace("\ufeff", "")).as_dict()
    return found


async def test_syslog_in_a_file_is_read_by_a_third_partys_parser(tmp_path: Path, module: Make) -> None:
    path = tmp_path / "messages"
    several = [item(target=EVIL), item(severity="ok", subject="calm", seq=None)]
    log = await module("syslog", str(path), facility="auth", hostname="collector")
    await log.deliver(several)
    log = await module("syslog", str(path), facility="auth", hostname="collector")
    await log.deliver(several)
    lines = path.read_bytes().splitlines()
    assert len(lines) == 2
    said = parsed(lines[0])
    assert (said["facility"], said["severity"], said["hostname"]) == ("auth", "crit", "collector")
    assert (said["appname"], said["msgid"]) == ("pumpkin", "check.stored")
    fields = said["sd"]["pumpkin@32473"]
    assert fields["delivery"] == str(several[0].id)
    assert r"a \"b\] \\c" in fields["target"], "escaped: the parser hands escapes on"
    assert not set("\r\n\x00\x1b\u202e") & set(lines[0].decode())
    assert parsed(lines[1])["severity"] == "info"


async def test_syslog_over_udp_is_one_datagram_a_message(module: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        log = await module("syslog", f"udp://127.0.0.1:{receiver.getsockname()[1]}")
        await log.deliver([item(subject="x" * 10_000), item(subject="second")])
        first = await asyncio.to_thread(receiver.recv, 65_536)
        second = await asyncio.to_thread(receiver.recv, 65_536)
    assert len(first) <= 2_048
    assert parsed(second)["msg"] == "second"


@pytest.mark.parametrize("secure", [False, True])
async def test_syslog_over_tcp_and_tls_counts_octets(module: Make, certificates: Certificates, secure: bool) -> None:
    got, ended = bytearray(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            got.extend(data)
            if got.count(b"second"):
                break
        ended.set()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=certificates.context() if secure else None)
    port = server.sockets[0].getsockname()[1]
    scheme, more = ("tls", {"ca": str(certificates.ca_path)}) if secure else ("tcp", {})
    log = await module("syslog", f"{scheme}://localhost:{port}", **more)
    await log.deliver([item(), item(subject="second")])
    async with asyncio.timeout(5):
        await ended.wait()
    rest, messages = bytes(got), []
    while rest:
        count, _, rest = rest.partition(b" ")
        messages.append(rest[: int(count)])
        rest = rest[int(count) :]
    assert [parsed(one)["msgid"] for one in messages] == ["check.stored"] * 2
    server.close()
    with pytest.raises(Away):
        for _ in range(50):
            await log.deliver([item()])
            await asyncio.sleep(0.01)
    with pytest.raises(Away):
        await log.open()
    if secure:
        with pytest.raises(Away):
            await module("syslog", f"tls://localhost:{port}")


async def test_another_postgresql_gets_each_item_once(postgres: EmbeddedPostgres, module: Make) -> None:
    name = f"other_{os.getpid()}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"create database {name}")
    try:
        dsn = postgres.dsn(name)
        several = [item(agent="a\x00b"), item(target="", data={"n": "\ud800"}), item(id=uuid4())]
        with pytest.raises(Away, match="42P01"):
            await (await module("postgresql", dsn, create=False)).deliver(several)
        table = await module("postgresql", dsn)
        await table.deliver(several)
        await table.deliver(several)
        other = await asyncpg.connect(dsn)
        rows = await other.fetch("select * from pumpkin_events order by time")
        await other.close()
        assert {row["id"] for row in rows} == {one.id for one in several}
        first = next(row for row in rows if row["id"] == several[0].id)
        assert (first["agent"], first["severity"]) == ("a\ufffdb", "critical")
        assert json.loads(first["document"])["data"]["payload"]["text"] == EVIL.replace("\x00", "\ufffd")
        await table.close()
        with pytest.raises(Away) as caught:
            await module("postgresql", "postgresql://me:hunter2@127.0.0.1:1/x")
        assert "hunter2" not in str(caught.value)
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
