"""The log as monitors read it (C2SP tiles) and its proofs in JSON."""

from __future__ import annotations

import json
from hashlib import sha256

from pumpkin.evidence import merkle, tiles
from pumpkin.evidence.checkpoint import cosigned_at, open_note
from pumpkin.evidence.witness import WitnessKey
from pumpkin.store import audit, cosignatures, faults
from tests.web.conftest import Web, item


async def filled(web: Web, count: int) -> None:
    """Store checks and wait for the checkpoint over all of them."""
    lines = "\n".join(json.dumps(item()) for _ in range(count))
    headers = {**web.writer, "Content-Type": "application/x-ndjson"}
    async with web.client.post("/api/v1/checks", data=lines.encode(), headers=headers) as answer:
        assert (await answer.json())["data"]["accepted"] == count
    await web.line.until_stamped(count)


async def get(web: Web, path: str) -> bytes:
    async with web.client.get(path) as answer:
        assert answer.status == 200, (path, await answer.text())
        return await answer.read()


async def test_a_monitor_rebuilds_the_root_from_tiles_and_records(web: Web) -> None:
    await filled(web, 600)
    head = open_note((await get(web, "/log/checkpoint")).decode(), web.line.key.verifier)
    assert head.size == 600
    paths = [tiles.tile_path(0, 0), tiles.tile_path(0, 1), tiles.tile_path(0, 2, 88)]
    leaves = [leaf for path in paths for leaf in tiles.split(await get(web, f"/log/{path}"))]
    assert merkle.root(leaves) == head.root
    above = tiles.split(await get(web, f"/log/{tiles.tile_path(1, 0, 2)}"))
    assert above == [merkle.root(leaves[:256]), merkle.root(leaves[256:512])]
    records = tiles.entries(await get(web, "/log/tile/entries/002.p/88"))
    assert [merkle.leaf_hash(record) for record in records] == leaves[512:]


async def test_tiles_beyond_the_checkpoint_or_misspelt_are_404(web: Web) -> None:
    await filled(web, 3)
    for path in ("0/000", "0/000.p/4", "0/001.p/1", "1/000.p/1", "0/0", "0/000.p/256", "9/000", "entries/000", "x/000"):
        async with web.client.get(f"/log/tile/{path}") as answer:
            assert answer.status == 404, path
    async with web.client.get("/log/tile/0/000.p/3") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    async with web.client.get("/log/checkpoints/77") as answer:
        assert answer.status == 404


async def test_inclusion_and_consistency_verify(web: Web) -> None:
    await filled(web, 300)
    body = item()
    async with web.client.post("/items/", json=body, headers=web.writer) as answer:
        assert answer.status == 200
    await web.line.until_stamped(301)
    newest = open_note((await get(web, "/log/checkpoint")).decode(), web.line.key.verifier)
    url = f"/api/v1/log/inclusion?id={body['meta']['uuid']}"
    async with web.client.get(url, headers=web.writer) as answer:
        shown = (await answer.json())["data"]
    path = [bytes.fromhex(one) for one in shown["path"]]
    leaf = bytes.fromhex(shown["leaf_hash"])
    assert merkle.verify_inclusion(leaf, shown["index"], shown["size"], path, newest.root)
    async with web.client.get("/log/checkpoints/300") as answer:
        older = open_note(await answer.text(), web.line.key.verifier)
    async with web.client.get("/api/v1/log/consistency?from=300&to=301") as answer:
        steps = [bytes.fromhex(one) for one in (await answer.json())["data"]["path"]]
    assert merkle.verify_consistency(300, 301, older.root, newest.root, steps)
    for bad, status in (("from=302&to=301", 400), ("from=0&to=999", 404), ("from=x", 400)):
        async with web.client.get(f"/api/v1/log/consistency?{bad}") as answer:
            assert answer.status == status


async def test_an_empty_log_says_so(web: Web) -> None:
    async with web.client.get("/log/checkpoint") as answer:
        if answer.status == 200:
            head = open_note(await answer.text(), web.line.key.verifier)
            assert (head.size, head.root) == (0, sha256(b"").digest())
        else:
            assert (await answer.json())["code"] == "not_sealed"


async def test_faults_and_witnesses_are_listed_and_faults_settled(web: Web) -> None:
    await filled(web, 3)
    n = await faults.add(web.line.db, kind="leaf", position=2, source="audit")
    async with web.client.get("/api/v1/log/faults", headers=web.writer) as answer:
        (fault,) = (await answer.json())["data"]["items"]
        assert (fault["kind"], fault["position"], fault["source"]) == ("leaf", 2, "audit")
    async with web.client.post(f"/api/v1/log/faults/{n}/settle", headers=web.writer) as answer:
        assert answer.status == 403
    admin = await web.key("admin")
    for status in (200, 404):
        async with web.client.post(f"/api/v1/log/faults/{n}/settle", headers=admin) as answer:
            assert answer.status == status
    assert await faults.count(web.line.db) == 0
    (act, *_) = await audit.page(web.line.db, object=f"fault:{n}")
    assert act.act == "log.settled"


async def test_a_note_is_served_with_the_witnesses_signatures(web: Web) -> None:
    await filled(web, 3)
    note = (await get(web, "/log/checkpoint")).decode()
    async with web.client.get("/log/cosigned") as answer:
        assert answer.status == 404
    key = WitnessKey.generate("witness.example")
    line = key.cosign(note, 1_790_000_000)
    await cosignatures.add(
        web.line.db, witness="witness.example", vkey=key.verifier.text, kind="http", size=3, line=line, at=1_790_000_000
    )
    for path in ("/log/checkpoint", "/log/cosigned", "/log/checkpoints/3"):
        served = (await get(web, path)).decode()
        assert open_note(served, web.line.key.verifier).size == 3
        assert cosigned_at(served, served.splitlines()[-1], key.verifier) == 1_790_000_000
    async with web.client.get("/api/v1/log/witnesses", headers=web.writer) as answer:
        (known,) = (await answer.json())["data"]["items"]
        assert (known["witness"], known["size"]) == ("witness.example", 3)
