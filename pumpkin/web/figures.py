"""The figures of `GET /metrics`, in Prometheus's text form."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pumpkin.errors import Unavailable
from pumpkin.store import checks, faults, proofs, tasks
from pumpkin.web.edge import COUNTS, PATIENCE_S
from pumpkin.web.services import SERVICES, Services

MEANINGS = {
    "pumpkin_checks_refused": "Checks refused since the start.",
    "pumpkin_checks_waiting": "Checks held, to be written now.",
    "pumpkin_disk_free_bytes": "Room on the data folder's disk.",
    "pumpkin_disk_writable": "Whether writing to the data folder works.",
    "pumpkin_parts_down": "Parts that do not run.",
    "pumpkin_parts_restarted": "Restarts of parts since the start.",
    "pumpkin_payloads_let_go": "Payloads erased by rule since the start.",
}
"""What the figures of the parts say, by name."""
Gauge = tuple[str, str, Mapping[str, float]]
"""What it says, the name of its label ("" for none), and its values by label."""


async def exposition(app: web.Application) -> bytes:
    """All of them as they are now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(app, await _gauges(app[SERVICES])))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class Figures(Collector):
    """The figures of one application at one moment."""

    def __init__(self, app: web.Application, gauges: Mapping[str, Gauge]) -> None:
        self._app, self._gauges = app, gauges

    def collect(self) -> Iterable[Metric]:
        """Answers by dialect and status, then what is measured."""
        answers = CounterMetricFamily(
            "pumpkin_http_responses", "Answers given, by dialect and status.", labels=["dialect", "status"]
        )
        for (dialect, status), count in sorted(self._app[COUNTS].items()):
            answers.add_metric([dialect, str(status)], count)
        yield answers
        for name, (text, label, values) in self._gauges.items():
            gauge = GaugeMetricFamily(name, text, labels=[label] if label else [])
            for value, amount in values.items():
                gauge.add_metric([value] if label else [], amount)
            yield gauge
        for name, amount in sorted(self._app[SERVICES].metrics().items()):
            yield GaugeMetricFamily(name, MEANINGS.get(name, name), value=amount)


async def _gauges(services: Services) -> dict[str, Gauge]:
    """What the store, the board and the authorities say now; figures of the store are left out while it is away."""
    shows = Counter(presence.show for presence in services.board().agents.values())
    rows = services.authorities()
    found: dict[str, Gauge] = {
        "pumpkin_agents": ("Agents by presence.", "show", shows),
        "pumpkin_authority_up": (
            "Whether an authority's last answer was good.",
            "authority",
            {row["name"]: float(row.get("last_error") is None) for row in rows if "name" in row},
        ),
    }
    try:
        async with asyncio.timeout(PATIENCE_S):  # of one that hangs, the scrape is to say so before it is given up
            found |= await _stored(services)
    except (Unavailable, TimeoutError):
        found["pumpkin_database_up"] = ("Whether PostgreSQL answers.", "", {"": 0})
    else:
        found["pumpkin_database_up"] = ("Whether PostgreSQL answers.", "", {"": 1})
    return found


async def _stored(services: Services) -> dict[str, Gauge]:
    """The store's."""
    head = await proofs.latest_checkpoint(services.db)
    return {
        "pumpkin_checks_stored": ("Checks in the log.", "", {"": await checks.size(services.db)}),
        "pumpkin_checks_sealed": ("Checks under a checkpoint.", "", {"": head.size if head else 0}),
        "pumpkin_tasks_waiting": ("Analyses that wait.", "", {"": await tasks.length(services.db)}),
        "pumpkin_log_faults": ("Faults of the log not settled.", "", {"": await faults.count(services.db)}),
        "pumpkin_checks_stamped": ("Checks under a token.", "", {"": await proofs.stamped(services.db)}),
    }
