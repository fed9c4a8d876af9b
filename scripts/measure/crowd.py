"""`scripts/bench load`: 64 clients, then 512, each posting as fast as it is answered; no fault and no starvation."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from scripts.measure import calibrate, load
from tests.acceptance.product import Product

SECONDS = 30.0
FEW, MANY = 64, 512
FINE = {200, 201, 429, 503}


async def main() -> int:
    """1 where a goal was missed."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data", environment={"PUMPKIN_SANDBOX__ENABLED": "false"})
        await asyncio.to_thread(product.start)
        try:
            key, port = product.key("checks:write"), int(product.url.rpartition(":")[2])
            request = load.post("/items/", calibrate.bodies(), {"Authorization": f"Bearer {key}"})
            await load.run("127.0.0.1", port, request, clients=FEW, seconds=2)
            few = await load.run("127.0.0.1", port, request, clients=FEW, seconds=SECONDS)
            many = await load.run("127.0.0.1", port, request, clients=MANY, seconds=SECONDS)
            memory = load.resident(int(product.facts["pid"]))
        finally:
            product.kill()
    for count, seen in ((FEW, few), (MANY, many)):
        print(
            f"{count:>4} clients, {seen.seconds:.0f} s: {seen.rate:,.0f}/s, p50 {seen.median * 1e3:.1f} ms, "
            f"p99 {seen.at(0.99) * 1e3:.1f} ms, answers {dict(sorted(seen.statuses.items()))}"
        )
    goals = {
        "no error but 429 and 503": set(many.statuses) <= FINE,
        f"p99 {many.at(0.99) / many.median:.1f} p50, at most 3": many.at(0.99) <= 3 * many.median,
        f"rate {many.rate / few.rate:.2f} of that at {FEW}, at least 0.8": many.rate >= 0.8 * few.rate,
    }
    for goal, met in goals.items():
        print(f"{'met   ' if met else 'MISSED'} {goal}")
    print(f"app memory afterwards {memory:.0f} MB")
    return 0 if all(goals.values()) else 1
