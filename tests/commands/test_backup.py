"""A backup of a running installation, what is refused of it, and a log that goes on from it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pumpkin.__main__ import cli
from pumpkin.evidence import record
from pumpkin.model.wire import from_native
from pumpkin.store import checks, facts, snapshots
from pumpkin.store.database import Database
from pumpkin.store.facts import LAST_BACKUP
from tests.acceptance.product import Product


def post(product: Product, key: str, text: str) -> str:
    body = {"type": "http", "format": "text", "payload": {"text": text}}
    made = product.json("/api/v1/checks", key=key, body=body)
    return str(made["data"]["id"])


async def test_a_backup_counts_what_is_in_it_also_what_is_not_sealed_yet(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    """Nothing seals here: by its newest checkpoint the log is empty."""
    now = time.time_ns() // 1_000
    seen = [from_native({"type": "t", "payload": {"text": str(n)}}, agent="key:x") for n in range(3)]
    await checks.store_batch(database, [(one, now, record.make(one, now)) for one in seen])
    (tmp_path / "passphrase").write_text("some words\n")
    (tmp_path / "data").mkdir()
    asked = ["backup", str(tmp_path / "file"), "--passphrase-file", str(tmp_path / "passphrase"), "--json"]
    done = await asyncio.to_thread(
        CliRunner(env={"PUMPKIN_DATABASE": dsn}).invoke, cli, [*asked, "--data", str(tmp_path / "data")]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["checks"] == 3
    assert (await facts.get(database, LAST_BACKUP))["checks"] == 3
    async with snapshots.shared(database) as moment:
        more = from_native({"type": "t", "payload": {"text": "later"}}, agent="key:x")
        await checks.store_batch(database, [(more, now, record.make(more, now))])
        assert (moment.checks, await checks.size(database)) == (3, 4)


@pytest.mark.timeout(180)
def test_a_restored_installation_goes_on_with_the_log(tmp_path: Path) -> None:
    words = tmp_path / "passphrase"
    words.write_text("four words that nobody guesses\n")
    opened = ("--passphrase-file", str(words))
    file = tmp_path / "pumpkin.backup"
    first = Product(tmp_path / "first", demo=False).start()
    try:
        key = first.key("checks:write", "checks:read")
        kept = post(first, key, "in the backup")
        first.until_stamped(kept, key)
        shown = json.loads(first.command("backup", str(file), *opened, "--json"))
        assert shown["checks"] == 1
        assert file.stat().st_mode & 0o777 == 0o600
        assert "is there already" in first.failing("backup", str(file), *opened)
        late = post(first, key, "after the backup")
        first.until_stamped(late, key)
        (tmp_path / "later.checkpoint").write_bytes(first.request("/log/checkpoint")[2])
    finally:
        first.kill()

    second = Product(tmp_path / "second", demo=False)
    later = ("--checkpoint", str(tmp_path / "later.checkpoint"))
    assert "refused at record" in second.failing("restore", str(file), *opened, *later)
    assert not second.data.exists()
    (tmp_path / "wrong").write_text("other words\n")
    assert "a wrong passphrase" in second.failing("restore", str(file), "--passphrase-file", str(tmp_path / "wrong"))
    content = file.read_bytes()
    rng = random.Random(7)
    for place in (
        0,
        300,
        len(content) - 700,
        len(content) - 1,
        *(rng.randrange(1_000, len(content)) for _ in range(3)),
    ):
        altered = bytearray(content)
        altered[place] ^= 1
        (tmp_path / "altered").write_bytes(altered)
        assert "cannot be opened" in second.failing("restore", str(tmp_path / "altered"), *opened)
        assert not second.data.exists()
    (tmp_path / "altered").write_bytes(content[: len(content) // 2])
    assert "cannot be opened" in second.failing("restore", str(tmp_path / "altered"), *opened)

    (tmp_path / "altered").write_bytes(content + b"more")
    assert "cannot be opened" in second.failing("restore", str(tmp_path / "altered"), *opened)

    assert json.loads(second.command("restore", str(file), *opened, "--json"))["checks"] == shown["checks"]
    assert "is not empty" in second.failing("restore", str(file), *opened)
    for name in ("log-key.secret.pem", "tsa-key.secret.pem"):
        assert (second.data / name).stat().st_mode & 0o777 == 0o600
        assert (second.data / name).read_bytes() == (first.data / name).read_bytes()
    second.start()
    try:
        assert second.until_stamped(kept, key)["payload"]["text"] == "in the backup"
        assert second.request(f"/api/v1/checks/{late}", key=key)[0] == 404
        more = post(second, key, "after the restore")
        assert second.until_stamped(more, key)["seq"] == 1
        assert "all fits" in second.command("audit")
    finally:
        second.kill()
