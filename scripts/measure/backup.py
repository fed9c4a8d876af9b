"""Measures `pumpkin backup` of a long log while checks go on coming in, and `pumpkin restore` with its audit.

usage: scripts/bench backup [CHECKS]   (a million without; it takes some 2 GB of disk for each)
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from pathlib import Path

from scripts.measure import calibrate, load, log
from tests.acceptance.product import PUMPKIN, Product

CLIENTS = 16
BEFORE_S = 8.0
TURN_S = 2.0


async def main(count: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory(prefix="pumpkin-backup-") as name:
        folder = Path(name)
        secret = folder / "passphrase"
        secret.write_text("a passphrase for a measurement\n")
        product = Product(folder / "data")
        product.start()
        product.stop()
        began = time.perf_counter()
        await log.fill(product, count)
        print(f"{count:,} checks made and sealed in {time.perf_counter() - began:.0f} s", flush=True)
        product.start()
        try:
            await _backup(product, folder / "backup", secret)
        finally:
            product.kill()
        _restore(folder, secret)


async def _backup(product: Product, file: Path, secret: Path) -> None:
    key = product.key("checks:write")
    port = int(product.url.rpartition(":")[2])
    request = load.post("/items/", calibrate.bodies(), {"Authorization": f"Bearer {key}"})

    async def posted(seconds: float) -> load.Load:
        return await load.run("127.0.0.1", port, request, clients=CLIENTS, seconds=seconds)

    before = await posted(BEFORE_S)
    began = time.perf_counter()
    command = [
        str(PUMPKIN),
        "backup",
        str(file),
        "--data",
        str(product.data),
        "--passphrase-file",
        str(secret),
        "--json",
    ]
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    ended = asyncio.ensure_future(running.communicate())
    turns = []
    while not ended.done():
        turns.append(await posted(TURN_S))
    said, _ = await ended
    took = time.perf_counter() - began
    if running.returncode:
        raise SystemExit(f"the backup ended with {running.returncode}")
    times = sorted(one for turn in turns for one in turn.times)
    refused = sum(count for turn in turns for status, count in turn.statuses.items() if status >= 300)
    rate = (len(times) - refused) / sum(turn.seconds for turn in turns)
    told = json.loads(said)
    print(
        f"pumpkin backup    {told['checks']:,} checks, {told['bytes'] / 1e6:,.0f} MB in {told['seconds']} s"
        f" ({took:.1f} s with its own start)   at most 120 s\n"
        f"checks taken in   {before.rate:,.0f} a second before, {rate:,.0f} during ({rate / before.rate:.2f});"
        f" p50 {times[len(times) // 2] * 1e3:.1f} ms, longest {times[-1] * 1e3:.0f} ms; {refused} refused",
        flush=True,
    )


def _restore(folder: Path, secret: Path) -> None:
    began = time.perf_counter()
    command = [str(PUMPKIN), "restore", str(folder / "backup"), "--data", str(folder / "again")]
    done = subprocess.run(
        [*command, "--passphrase-file", str(secret), "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    took = time.perf_counter() - began
    print(f"pumpkin restore   {json.loads(done.stdout)['checks']:,} checks restored and audited in {took:.1f} s")
