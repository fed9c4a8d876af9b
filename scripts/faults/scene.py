"""A Pumpkin to be hurt, with traffic on it, and what clients were told held against it afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from pumpkin.adapters.embedded.postgres import EmbeddedPostgres
from pumpkin.adapters.folder import DataFolder
from scripts.faults import invariants
from scripts.faults.invariants import Broken
from scripts.faults.packages import Packages
from scripts.faults.traffic import Traffic
from tests.acceptance.product import Product

__all__ = ["Broken", "Scene", "run", "scene"]

READY_S = 60.0
SCOPES = ("checks:write", "checks:read", "packages:write", "packages:read")
LAST_WORDS = 40
ANALYSES = "100000"  # an hour


class Scene:
    """One product with traffic on it. `note` keeps what a fault wants said in the summary, `held` what was seen of the
    invariants, `waits` how long it took to be ready again."""

    def __init__(self, product: Product, *, dsn: str = "") -> None:
        self.product, self._dsn = product, dsn
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        made = product.command("key", "add", "--name", "chaos", "--rate", ANALYSES, *scopes, "--json")
        self.key = str(json.loads(made)["key"])
        self.notes: list[str] = []
        self.held: list[str] = []
        self.waits: list[float] = []

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @property
    def host(self) -> tuple[str, int]:
        """Where it serves."""
        host, _, port = self.product.url.rpartition("//")[2].rpartition(":")
        return host, int(port)

    @property
    def node(self) -> str:
        return DataFolder(self.product.data).node

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

    def traffic(self, *others: Scene, packages: bool = True, **options: Any) -> Traffic:
        """Checks and packages to this one and, in turn, the `others`."""
        hosts = [one.host for one in (self, *others)]
        handed = Packages(hosts, self.key, [one.node for one in (self, *others)]) if packages else None
        return Traffic(hosts, self.key, packages=handed, **options)

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
            if self.product.process is not None and self.product.process.poll() is not None:
                raise Broken("the server ended: " + " / ".join(self.product.lines[-LAST_WORDS:]))
            if time.monotonic() - begun > within_s:
                raise Broken(f"/ready says {found} and not {wanted} for {within_s:.0f} s")
            time.sleep(0.1)
        if wanted == 200:
            self.waits.append(time.monotonic() - begun)
        return found[1]

    def judge(
        self, traffic: Traffic, *, nodes: Sequence[str] = (), accepted: Collection[str] = (), ran: Collection[str] = ()
    ) -> None:
        """The invariants. Checks and a package more must be taken in first; then the traffic ends. `accepted` and `ran`
        are tasks and containers besides the traffic's, `nodes` others than this one."""
        traffic.until(20)
        if traffic.packages:
            traffic.packages.until_one_runs()
        traffic.stop()
        self.until_ready()
        refused = [*traffic.refused, *(traffic.packages.refused if traffic.packages else ())]
        if refused:
            raise Broken(f"refused for good: {refused[:3]}")
        handed = traffic.packages
        tasks = {*accepted, *(handed.accepted if handed else ())}
        self.held = asyncio.run(self._stored(traffic, tasks))
        self.held.append(invariants.consistent(self.product.command, traffic.shown.notes))
        self.held.append(invariants.gone([self.node, *nodes], {*ran, *(handed.ran if handed else ())}))

    async def _stored(self, traffic: Traffic, accepted: Collection[str]) -> list[str]:
        connection = await asyncpg.connect(self.dsn)
        try:
            tasks = await invariants.ended(connection, accepted)
            async with connection.transaction(isolation="repeatable_read"):  # a probe may still deliver
                found = [await invariants.kept(connection, traffic.acked), await invariants.once(connection)]
            return [*found, tasks, await invariants.stamped(connection)]
        finally:
            await connection.close()


@contextmanager
def scene(
    *,
    data: Path | None = None,
    options: tuple[str, ...] = (),
    environment: Mapping[str, str] = {},
    dsn: str = "",
    **program: Any,
) -> Iterator[Scene]:
    """A Pumpkin of its own on a fresh folder, ended whatever happens, and no process of it left. `program` is what
    Product takes besides."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-chaos-", ignore_cleanup_errors=True) as folder:
        usual = {"PUMPKIN_SANDBOX__WARM": "0", "PUMPKIN_PACKAGES__SLOTS": "1", "PUMPKIN_PACKAGES__ORIGINS": "false"}
        quiet = {**usual, "PUMPKIN_REGISTRIES__OSV": ""}
        product = Product(
            data or Path(folder) / "data", options=options, environment={**quiet, **environment}, **program
        )
        try:
            product.start(60)
            here = Scene(product, dsn=dsn)
            yield here
        finally:
            end(product)
        here.held.append(invariants.ended_with(product.data))


def end(product: Product) -> None:
    """Stop it in order where it can be, whatever was done to it."""
    if product.process is None or product.process.poll() is not None:
        return
    for one in (psutil.Process(product.process.pid), *psutil.Process(product.process.pid).children()):
        one.send_signal(signal.SIGCONT)
    try:
        product.stop()
    except subprocess.TimeoutExpired:
        product.kill()


def run(*command: str, check_status: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of the system that must succeed (`check_status=False`: may fail)."""
    return subprocess.run(command, check=check_status, capture_output=True, text=True)
