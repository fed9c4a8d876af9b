"""A Pumpkin to be hurt, and the invariants that are looked for in its database, its log and its engine afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from scripts.faults.traffic import Traffic
from tests.acceptance.product import Product

READY_S = 60.0
AUDIT_S = 600.0  # large payloads of minutes are gigabytes


class Broken(AssertionError):
    """An invariant does not hold."""


class Scene:
    """One product with traffic on it. `note` keeps what a fault wants said in the summary."""

    def __init__(self, product: Product, *, dsn: str = "") -> None:
        self.product, self._dsn = product, dsn
        self.key = product.key("checks:write", "checks:read", "packages:write", "packages:read")
        self.notes: list[str] = []
        self.waits: list[float] = []

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @property
    def port(self) -> int:
        return int(self.product.url.rpartition(":")[2])

    @property
    def dsn(self) -> str:
        found = self._dsn or EmbeddedPostgres(self.product.data).running_dsn()
        if not found:
            raise Broken("the database does not run")
        return found

    @property
    def pid(self) -> int:
        assert self.product.process is not None
        return self.product.process.pid

    @property
    def postmaster(self) -> int:
        """The embedded PostgreSQL's first process."""
        return next(one.pid for one in psutil.Process(self.pid).children() if "postgres" in one.name())

    def traffic(self, **options: Any) -> Traffic:
        return Traffic(self.port, self.key, **options)

    def ready(self) -> tuple[int, dict[str, Any]]:
        """What /ready says; 0 where nobody answers."""
        try:
            status, _, content = self.product.request("/ready")
            return status, json.loads(content)
        except (OSError, ValueError):
            return 0, {}

    def until_ready(self, wanted: int = 200, within_s: float = READY_S) -> dict[str, Any]:
        """Until /ready answers `wanted`."""
        begun = time.monotonic()
        while (found := self.ready())[0] != wanted:
            if time.monotonic() - begun > within_s:
                raise Broken(f"/ready says {found} and not {wanted} for {within_s:.0f} s")
            time.sleep(0.1)
        if wanted == 200:
            self.waits.append(time.monotonic() - begun)
        return found[1]

    def judge(self, traffic: Traffic) -> None:
        """The invariants. Ends the traffic."""
        traffic.until(20)
        traffic.stop()
        self.until_ready()
        if traffic.refused:
            raise Broken(f"checks were refused for good: {traffic.refused[:3]}")
        asyncio.run(self._database(traffic.acked))
        said = json.loads(self.product.command("audit", "--json", status=None, within_s=AUDIT_S) or "{}")
        if not said.get("ok"):
            raise Broken(f"the audit says {str(said)[:400]}")

    async def _database(self, acked: list[str]) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            async with connection.transaction(isolation="repeatable_read"):  # a probe may still deliver
                stored = [str(row["id"]) for row in await connection.fetch("select id from checks")]
                size, most = await connection.fetchrow("select size, (select max(seq) + 1 from checks) from log_head")
            lost, doubled = set(acked) - set(stored), len(stored) - len(set(stored))
            if lost:
                raise Broken(f"{len(lost)} acknowledged checks are lost, for instance {next(iter(lost))}")
            if doubled or len(acked) != len(set(acked)):
                raise Broken(f"{doubled} checks are doubled")
            if not size == most == len(stored):
                raise Broken(f"the log has holes: size {size}, highest {most}, {len(stored)} rows")
            await self._stamped(connection, len(stored))
            await self._tasks(connection)
        finally:
            await connection.close()

    async def _stamped(self, connection: Any, size: int) -> None:
        deadline = time.monotonic() + 90
        while (newest := await connection.fetchval("select coalesce(max(size), 0) from stamps")) < size:
            if time.monotonic() > deadline:
                raise Broken(f"{size - newest} of {size} checks are not stamped 90 s after all is well again")
            await asyncio.sleep(0.2)

    async def _tasks(self, connection: Any) -> None:
        deadline = time.monotonic() + 240
        text = "select count(*) from tasks where state in ('pending', 'queued', 'running')"
        while left := await connection.fetchval(text):
            if time.monotonic() > deadline:
                raise Broken(f"{left} tasks are stuck")
            await asyncio.sleep(0.5)


@contextmanager
def scene(
    *, data: Path | None = None, options: tuple[str, ...] = (), environment: Mapping[str, str] = {}, dsn: str = ""
) -> Iterator[Scene]:
    """A Pumpkin of its own on a fresh folder, ended whatever happens."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-chaos-", ignore_cleanup_errors=True) as folder:
        quiet = {"PUMPKIN_SANDBOX__ENABLED": "false", "PUMPKIN_PACKAGES__ORIGINS": "false"}
        product = Product(data or Path(folder) / "data", options=options, environment={**quiet, **environment})
        try:
            product.start(60)
            yield Scene(product, dsn=dsn)
        finally:
            if product.process is not None and product.process.poll() is None:
                for one in (psutil.Process(product.process.pid), *psutil.Process(product.process.pid).children()):
                    one.send_signal(signal.SIGCONT)
                try:
                    product.stop()
                except subprocess.TimeoutExpired:
                    product.kill()


def run(*command: str, check_status: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of the system that must succeed (`check_status=False`: may fail)."""
    return subprocess.run(command, check=check_status, capture_output=True, text=True)
