"""No secret can be read in the database or in a dump of it: each sort is set, and the whole dump is searched."""

from __future__ import annotations

import base64
import subprocess

from pumpkin.adapters.embedded import binaries
from pumpkin.model import scram
from pumpkin.model.tasks import Submission
from pumpkin.model.vault import Vault
from pumpkin.store import (
    accounts,
    authorities,
    enrolments,
    factors,
    invitations,
    keys,
    people,
    sessions,
    tasks,
    webhooks,
)
from pumpkin.store.authorities import Entry
from pumpkin.store.database import Database
from pumpkin.store.enrolments import Gift

ADDRESS = "https://hooks.example/services/T0/hook-secret-9f1c"


def dumped(dsn: str) -> str:
    """The whole database as text; what is bytes in it stands in hexadecimal."""
    _, home = binaries.choose(None)
    done = subprocess.run([home / "bin" / "pg_dump", "--data-only", dsn], capture_output=True, text=True, check=True)
    return done.stdout


def submission(**more: object) -> Submission:
    wanted = {"owner": "key:1", "limit": None, "asked": "pkg:pypi/six@1", "purl": "pkg:pypi/six@1", "ecosystem": "pypi"}
    return Submission(**{**wanted, "name": "six", "version": "1", "tools": "static", **more})  # type: ignore[arg-type]


async def test_no_secret_stands_in_a_dump(database: Database) -> None:
    database.vault = Vault(bytes(range(32)))
    await people.add(database, "alice", "people-secret-1b7e", role="viewer")
    await factors.set_totp(database, "alice", "JBSWY3DPEHPK3PXP")
    token = await sessions.open(database, "alice", seconds=60)
    _, key = await keys.create(database, name="ci", scopes=["checks:write"])
    await accounts.create_account(database, "probe", scram.verifiers("agent-secret-77aa"))
    invited = await invitations.add(database)
    enrolled = await enrolments.invite(database, Gift("", (), (), "", "", False, "alice"))
    await authorities.add(database, Entry("paid", "https://tsa.example", (), username="u", password="tsa-secret-03d2"))
    await tasks.submit(database, [submission(webhook=ADDRESS)])
    text = dumped(database.dsn)
    assert "paid" in text
    secrets = ["people-secret-1b7e", "JBSWY3DPEHPK3PXP", token, key, key.rpartition("_")[2], "agent-secret-77aa"]
    for secret in [*secrets, invited, enrolled, "tsa-secret-03d2", "hook-secret-9f1c"]:
        for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode().rstrip("=")):
            assert form not in text, secret
    assert (await authorities.entries(database))[0].password == "tsa-secret-03d2"


async def test_a_webhooks_address_is_told_once_however_often_it_is_given_and_read_again(database: Database) -> None:
    database.vault = Vault(bytes(range(32)))
    for _ in range(2):
        [decided] = await tasks.submit(database, [submission(webhook=ADDRESS)])
    async with database.writer() as connection:
        assert await connection.fetchval("select count(*) from webhooks") == 1
        await connection.execute(
            "update tasks set state = 'completed', outcome = 'clean', ended = created, started = created, node = null,"
            " lease = null, heartbeat = null where id = $1",
            decided.id,
        )
    assert [one.url for one in await webhooks.claim(database, lease_s=1, most=5)] == [ADDRESS]


async def test_what_a_command_left_open_is_closed_at_the_next_start(database: Database) -> None:
    await authorities.add(database, Entry("paid", "https://tsa.example", (), username="u", password="tsa-secret-03d2"))
    assert "tsa-secret-03d2" in dumped(database.dsn)
    database.vault = Vault(bytes(range(32)))
    await authorities.close_passwords(database)
    assert "tsa-secret-03d2" not in dumped(database.dsn)
    assert (await authorities.entries(database))[0].password == "tsa-secret-03d2"
