"""One check's page: its numbers over time, both bounds of its time, its stamps taken apart, and what strangers see."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pumpkin.model.checks import Check
from pumpkin.store import checks, keys
from pumpkin.store.database import Database
from pumpkin.web.services import Public
from tests.web.pages.site import Site, observation

Client = TestClient[Any, Any]


async def text(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path, allow_redirects=False) as answer:
        assert answer.status == status, path
        return await answer.text()


async def data(client: Client, path: str) -> Any:
    async with client.get(path) as answer:
        assert answer.status == 200, path
        return (await answer.json())["data"]


def said(html: str) -> list[str]:
    return re.findall(r'<svg class="plot trend"[^>]*aria-label="([^"]+)"', html)


async def series(site: Site, payloads: list[Any], **more: Any) -> str:
    """A check with these results before it."""
    check = ""
    for n, payload in enumerate(payloads):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        one = observation(
            payload=body, detail={"target": "web"}, observed=1_795_000_000_000_000 + n * 60_000_000, **more
        )
        await site.receive(one)
        check = str(one.id)
    return check


async def test_numbers_within_a_json_payload_are_plotted(site: Site, viewer: Client) -> None:
    check = await series(site, [{"latency_ms": n, "disk": {"free": 3 * n}, "up": True, "name": "x"} for n in (12, 14)])
    told = said(await text(viewer, f"/checks/{check}"))
    assert [one.partition(",")[0] for one in told] == ["latency_ms: 2 results", "disk.free: 2 results"]
    assert "now 42, from 36 to 42" in told[1]
    (one,) = said(await text(viewer, f"/checks/{check}?trend=disk.free"))
    assert one.startswith("disk.free")
    points = await data(viewer, f"/api/v1/checks/{check}/series?field=disk.free")
    assert points["fields"] == ["latency_ms", "disk.free"]
    assert [one["numbers"] for one in points["points"]] == [{"disk.free": 42.0}, {"disk.free": 36.0}]


async def test_more_numbers_than_fit_are_chosen_from(site: Site, viewer: Client) -> None:
    check = await series(site, [{f"n{n:02}": n + turn for n in range(150)} for turn in (1, 2)])
    html = await text(viewer, f"/checks/{check}")
    assert len(said(html)) == 6
    assert html.count('<option value="n') == 100
    assert said(await text(viewer, f"/checks/{check}?trend=n77"))[0].startswith("n77: 2 results, now 79")
    assert len(said(await text(viewer, f"/checks/{check}?trend=nonsense"))) == 6


@pytest.mark.parametrize(
    "odd",
    [b"{", b"[" * 5_000, b'{"a": 1e999}', b'{"a": NaN}', b"\xff\xfe", b'{"a": ' + b"9" * 400 + b"}", b'["x"]', b"7"],
)
async def test_what_holds_no_numbers_has_no_plot_and_no_fault(site: Site, viewer: Client, odd: bytes) -> None:
    check = await series(site, [odd, odd])
    assert said(await text(viewer, f"/checks/{check}")) == []


async def test_a_payload_of_the_old_shape_is_read_through_its_base64(site: Site, viewer: Client) -> None:
    wire = {"version": "1", "format": "raw", "meta": {}}
    check = await series(site, [base64.b64encode(b'{"rtt": %d}' % n) for n in (3, 4)], wire=wire)
    assert said(await text(viewer, f"/checks/{check}"))[0].startswith("rtt: 2 results, now 4")


async def _bounded(site: Site) -> Check:
    """A check that names a checkpoint which names a token."""
    await site.receive(observation())
    await site.stamp(await site.seal())
    await site.receive(observation())
    head = await site.seal()
    named = sha256(head.note.partition("\n\n")[0].encode() + b"\n").hexdigest()
    one = observation(after=named)
    await site.receive(one)
    await site.stamp(await site.seal())
    found = await checks.get(site.db, one.id)
    assert found is not None
    return found


async def test_a_check_is_bounded_from_both_sides_on_page_picture_and_proof(database: Database) -> None:
    site = Site(database, public=Public(proofs=True))
    await site.people()
    check = await _bounded(site)
    async with TestClient(TestServer(site.app)) as stranger:
        html = await text(stranger, f"/proof/{check.id}")
        proof = await data(stranger, f"/api/v1/public/proof/{check.id}")
    assert "It was made after" in html
    assert "Token of the checkpoint it names" in html
    assert proof["not_before"] is not None
    assert proof["not_before"][:19].replace("T", " ") in html
    assert proof["record"] == check.record.decode()


async def test_a_page_for_strangers_shows_the_records_salt_and_never_the_payloads(database: Database) -> None:
    """The record's own salt is part of what the leaf hash is over; the payload's would let one guess the payload."""
    site = Site(database, public=Public(proofs=True))
    await site.people()
    check = await _bounded(site)
    assert check.payload_salt is not None
    async with TestClient(TestServer(site.app)) as stranger:
        for path in (f"/proof/{check.id}", f"/api/v1/public/proof/{check.id}"):
            html = await text(stranger, path)
            assert json.loads(check.record)["salt"] in html
            assert check.payload_salt.hex() not in html
            assert base64.b64encode(check.payload_salt).decode() not in html
        for path in (f"/api/v1/checks/{check.id}/bundle", f"/api/v1/checks/{check.id}/payload"):
            await text(stranger, path, 401)


async def test_a_stamp_is_taken_apart_and_its_files_are_what_openssl_reads(
    site: Site, viewer: Client, tmp_path: Path
) -> None:
    await site.receive(observation())
    await site.stamp(await site.seal())
    assert "/proofs/stamps/1" in await text(viewer, "/proofs")
    html = await text(viewer, "/proofs/stamps/1")
    assert "its token verifies" in html
    told = await data(viewer, "/api/v1/stamps/1")
    assert told["verdict"]["ok"]
    assert told["serial"] in html
    for part in ("response", "query", "chain", "token"):
        async with viewer.get(f"/api/v1/stamps/1/{part}") as answer:
            assert answer.status == 200
            (tmp_path / part).write_bytes(await answer.read())
    (tmp_path / "root").write_bytes(site.authority.root_pem)
    command = ["openssl", "ts", "-verify", "-in", "response", "-queryfile", "query", "-CAfile", "root"]
    done = subprocess.run([*command, "-untrusted", "chain"], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert "Verification: OK" in done.stdout + done.stderr
    for path in ("/proofs/stamps/9", "/proofs/stamps/x", "/api/v1/stamps/9", "/api/v1/stamps/1/key"):
        await text(viewer, path, 404)


async def test_the_logs_twin_says_what_its_page_shows(site: Site, viewer: Client) -> None:
    for _ in range(27):
        await site.receive(observation())
        await site.stamp(await site.seal())
    first = await data(viewer, "/api/v1/log")
    assert (first["stored"], first["sealed"], len(first["checkpoints"]), len(first["stamps"])) == (27, 27, 25, 25)
    rest = await data(viewer, f"/api/v1/log?checkpoints_before={first['older_checkpoints']}&stamps_before=3")
    assert [one["size"] for one in rest["checkpoints"]] == [2, 1]
    assert [one["id"] for one in rest["stamps"]] == [2, 1]
    assert f"/checks/{uuid4()}" not in str(first)


async def test_a_check_of_a_key_bears_the_keys_name(site: Site, viewer: Client) -> None:
    key, _ = await keys.create(site.db, name="nightly <b>", scopes=("checks:write",))
    one = observation(agent=f"key:{key.prefix}")
    await site.receive(one)
    for path in ("/", "/checks", f"/checks/{one.id}"):
        html = await text(viewer, path)
        assert "nightly &lt;b&gt;" in html, path
        assert f'title="key:{key.prefix}"' in html, path
