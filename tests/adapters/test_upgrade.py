"""A data folder made by an older PostgreSQL is moved to the newest one with every row, by programs of both."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from pumpkin.adapters.embedded import binaries, upgrade
from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.commands.upgrade import upgrade as command
from pumpkin.errors import StartError
from pumpkin.store.database import migrate

OLD, NEW = min(binaries.installations())[0], binaries.installations()[0][0]


@pytest.fixture
async def old(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A migrated data folder of the distribution's PostgreSQL, at rest."""
    data = Path(tempfile.mkdtemp(prefix="pumpkin-test-")) / "data"
    data.parent.chmod(0o755)
    server = EmbeddedPostgres(data, major=OLD)
    await migrate(await server.start())
    connection = await asyncpg.connect(server.dsn())
    await connection.execute("insert into audit (at, who, act, object, detail) values (1, 'a', 'b', 'c', '{}')")
    await connection.close()
    await server.stop()
    yield data
    shutil.rmtree(data.parent)


def test_the_command_moves_an_older_cluster_and_keeps_it_until_told(old: Path) -> None:
    assert OLD < NEW, "the distribution's postgresql is needed, older than the wheel's"
    asked = ["--data", str(old), "--json"]
    would = json.loads(CliRunner().invoke(command, [*asked, "--dry-run"]).stdout)
    assert would == {"migrations": [], "postgresql": {"from": OLD, "to": NEW}, "old": None}
    done = json.loads(CliRunner().invoke(command, asked).stdout)
    assert (old / "postgres" / "PG_VERSION").read_text().strip() == str(NEW)
    assert (Path(done["old"]) / "PG_VERSION").read_text().strip() == str(OLD)
    assert json.loads(CliRunner().invoke(command, asked).stdout)["postgresql"] is None
    assert not (old / "upgrade").exists()


async def test_what_the_old_cluster_held_is_in_the_new_one(old: Path) -> None:
    found = upgrade.majors(old)
    assert found == upgrade.Majors(OLD, NEW)
    assert found is not None
    await upgrade.upgrade(old, found)
    server = EmbeddedPostgres(old)
    connection = await asyncpg.connect(await server.start())
    assert await connection.fetchval("select who from audit") == "a"
    await connection.close()
    await server.stop()


async def test_a_running_server_is_left_alone(old: Path) -> None:
    server = EmbeddedPostgres(old)
    await server.start()
    try:
        with pytest.raises(StartError, match="already runs"):
            await upgrade.upgrade(old, upgrade.Majors(OLD, NEW))
        assert (old / "postgres" / "PG_VERSION").read_text().strip() == str(OLD)
    finally:
        await server.stop()


async def test_a_cluster_that_root_copied_starts_again(old: Path) -> None:
    if os.geteuid() != 0:
        return  # what cp -r makes belongs to who copied: nothing to hand over
    copy = old.parent / "copy"
    shutil.copytree(old, copy)
    server = EmbeddedPostgres(copy)
    await server.start()
    await server.stop()
