"""Processes ended and stopped: the server, its PostgreSQL, one that is not its own."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from pathlib import Path

import psutil

from scripts.faults.scene import Broken, Scene, scene
from tests.conftest import PostgresServer


def kill(times: int) -> Scene:
    """kill -9 of the server under load, started again."""
    with scene() as here:
        with here.traffic() as traffic:
            for _ in range(times):
                traffic.until(random.randrange(20, 200))
                here.product.kill()
                here.product.start(60)
                here.until_ready()
            here.judge(traffic)
        return here


def stop(times: int) -> Scene:
    """SIGSTOP of the server, then of its PostgreSQL, for some seconds each."""
    with scene() as here:
        with here.traffic() as traffic:
            for turn in range(times):
                traffic.until(50)
                pid = here.pid if turn % 2 else here.postmaster
                group = [pid] if turn % 2 else _family(pid)
                for one in group:
                    os.kill(one, signal.SIGSTOP)
                time.sleep(1)  # what was answered before is still being read
                before = len(traffic.acked)
                time.sleep(5)
                if len(traffic.acked) != before:
                    raise Broken("checks were acknowledged by who was stopped")
                for one in group:
                    os.kill(one, signal.SIGCONT)
                here.until_ready()
            here.judge(traffic)
        here.note("nothing was acknowledged while one was stopped")
        return here


def postgres(times: int) -> Scene:
    """kill -9 of the embedded PostgreSQL, its first process or one of its backends."""
    with scene() as here:
        with here.traffic() as traffic:
            for turn in range(times):
                traffic.until(50)
                first = here.postmaster
                victim = psutil.Process(first if turn % 2 == 0 else _family(first)[-1])
                victim.kill()
                traffic.until(20)
                here.until_ready()
                if victim.is_running() or (turn % 2 == 0 and here.postmaster == first):
                    raise Broken("nobody was killed")
            here.judge(traffic)
        return here


def away(times: int) -> Scene:
    """A PostgreSQL of somebody else's, away for longer than a check waits."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-chaos-") as folder:
        server = PostgresServer(Path(folder) / "pg")
        server.start()
        try:
            dsn = server.server.dsn()
            os.environ["PUMPKIN_DATABASE"] = dsn  # for the commands, too
            with scene(dsn=dsn) as here:
                with here.traffic() as traffic:
                    for _ in range(times):
                        traffic.until(50)
                        server._runner.run(server.server.stop())
                        here.until_ready(503)
                        before = len(traffic.acked)
                        time.sleep(12)
                        if len(traffic.acked) != before:
                            raise Broken("checks were acknowledged without a database")
                        server._runner.run(server.server.start())
                        here.until_ready()
                    here.judge(traffic)
                return here
        finally:
            os.environ.pop("PUMPKIN_DATABASE", None)
            server.stop()


def _family(pid: int) -> list[int]:
    return [pid, *(one.pid for one in psutil.Process(pid).children(recursive=True))]
