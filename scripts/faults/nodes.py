"""Two servers on one PostgreSQL, the way between the one that leads and the database cut."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.faults.networks import HERE, SPACE, THERE, dropped, far, filter_by
from scripts.faults.relay import begin
from scripts.faults.scene import Broken, Scene, scene
from tests.acceptance.product import PUMPKIN, Product, free_ports
from tests.conftest import PostgresServer

FAIL_OVER_S = 10.0
CUT_S = 20.0
KEYS = ("log-", "tsa-", "fleet-")


def split(times: int) -> Scene:
    """The leading server, on a host of its own, parted from the database (by nftables) and from everybody; the other
    leads. Then it is back; before the next time the other is started anew, so that the first leads again."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-chaos-") as name, far(), _database(Path(name)) as (near, address):
        folder = Path(name)
        os.environ["PUMPKIN_DATABASE"] = near  # for the commands, too
        try:
            parted = _program(folder / "parted")
            tls = {"PUMPKIN_TLS": "off", "PUMPKIN_DATABASE": address}
            listen = ("--listen", f"{THERE}:{free_ports(1)}")
            with scene(dsn=near, program=parted, options=listen, environment=tls) as one:
                for key in (path for path in one.product.data.iterdir() if path.name.startswith(KEYS)):
                    (folder / "second").mkdir(exist_ok=True)
                    shutil.copy(key, folder / "second")
                with scene(data=folder / "second", dsn=near) as two:
                    return _parted(one, two, times)
        finally:
            os.environ.pop("PUMPKIN_DATABASE", None)


def _parted(one: Scene, two: Scene, times: int) -> Scene:
    two.key = one.key
    with one.traffic(two) as traffic:
        for _ in range(times):
            traffic.until(50)
            _until_leads(one, two)
            size, begun = _size(two), time.monotonic()
            filter_by("counter drop")
            while not _leads(two.product) or _size(two) <= size:
                if time.monotonic() - begun > FAIL_OVER_S:
                    raise Broken(f"nobody else seals within {FAIL_OVER_S:.0f} s")
                time.sleep(0.05)
            two.note(f"the other sealed {time.monotonic() - begun:.1f} s after the cut")
            traffic.until(20)
            time.sleep(max(CUT_S - (time.monotonic() - begun), 0))
            if one.ready()[0] or not dropped():
                raise Broken("the way was open")
            filter_by("")
            one.until_ready()
            two.waits += one.waits[-1:]
            traffic.until(50)
            if _leads(one.product):
                raise Broken("two servers lead")
        two.judge(traffic, nodes=[one.node])
    return two


def _until_leads(one: Scene, two: Scene) -> None:
    """Have the first lead: the other is ended and started again where it does."""
    if not _leads(one.product):
        two.product.stop()
        two.product.lines.clear()
        two.product.start(60)
        two.until_ready()
    deadline = time.monotonic() + 30
    while not _leads(one.product):
        if time.monotonic() > deadline:
            raise Broken("nobody leads")
        time.sleep(0.1)


def _leads(product: Product) -> bool:
    """Whether that server says it leads."""
    said = [line for line in product.lines if "this node" in line and "leads" in line]
    return bool(said) and "no longer" not in said[-1]


def _size(here: Scene) -> int:
    """How many records the newest checkpoint counts."""
    status, _, note = here.product.request("/log/checkpoint")
    return int(note.split(b"\n")[1]) if status == 200 else 0


def _program(file: Path) -> Path:
    """`pumpkin`, on the other host."""
    file.write_text(f'#!/bin/sh\nexec ip netns exec {SPACE} {PUMPKIN} "$@"\n')
    file.chmod(0o755)
    return file


@contextmanager
def _database(folder: Path) -> Iterator[tuple[str, str]]:
    """A PostgreSQL of somebody else's: its address by its socket, and by a port that the other host reaches."""
    server = PostgresServer(folder / "pg")
    server.start()
    port = free_ports(1)
    relay = begin(f"{HERE}:{port}", str(server.server.run / ".s.PGSQL.5432"))
    try:
        yield server.server.dsn(), f"postgresql://pumpkin@{HERE}:{port}/postgres"
    finally:
        relay.kill()
        relay.wait()
        server.stop()
