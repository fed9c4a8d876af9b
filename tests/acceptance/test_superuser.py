"""A superuser of the running program's own database edits, swaps, deletes and cuts off; `pumpkin audit` tells each with
its position, and the program shows it."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import asyncpg

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from tests.acceptance.product import Product


def superuser(product: Product, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(EmbeddedPostgres(product.data).running_dsn())
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def told(product: Product, *options: str) -> set[tuple[int, str]]:
    found = json.loads(product.command("audit", "--json", *options, status=1))
    assert found["ok"] is False
    return {(fault["index"], fault["kind"]) for fault in found["faults"]}


def test_what_a_superuser_does_is_told_with_its_position(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    try:
        key = product.key("checks:read", "checks:write")
        for n in range(6):
            body = {"id": str(uuid.uuid4()), "type": "http", "format": "text", "payload": {"text": f"seen {n}"}}
            product.json("/api/v1/checks", key=key, body=body)
            product.until_stamped(body["id"], key)
        assert "all fits" in product.command("audit")
        kept = tmp_path / "kept.txt"
        kept.write_bytes(product.request("/log/checkpoint")[2])

        superuser(product, "update checks set payload = 'seen otherwise' where seq = 1")
        assert (1, "payload") in told(product)
        assert "record 1: payload" in product.command("audit", status=1)
        superuser(product, "update checks set payload = 'seen 1' where seq = 1")
        assert "all fits" in product.command("audit")
        items = product.json("/api/v1/log/faults", key=key)["data"]["items"]
        assert [(one["kind"], one["position"], one["source"]) for one in items] == [("payload", 1, "audit")]

        swap = "update checks set seq = {} where seq = {}"
        superuser(product, swap.format(-1, 2), swap.format(2, 3), swap.format(3, -1))
        assert (2, "root") in told(product)
        superuser(product, swap.format(-1, 2), swap.format(2, 3), swap.format(3, -1))

        superuser(
            product,
            "delete from stamps where size > 5",
            "delete from checkpoints where size > 5",
            "delete from checks where seq >= 5",
            "update log_head set size = 5",
        )
        assert "all fits" in product.command("audit")  # everything in the database agrees
        assert told(product, "--checkpoint", str(kept)) == {(5, "truncated")}

        superuser(product, "delete from checks where seq = 3")
        assert (3, "gap") in told(product)
    finally:
        product.kill()
