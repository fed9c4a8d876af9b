"""The figures of `GET /metrics`, in Prometheus's text form."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pumpkin.errors import Unavailable
from pumpkin.model.wire import microseconds
from pumpkin.store import checks, facts, faults, proofs, tasks
from pumpkin.web.doorstep import CROWD
from pumpkin.web.edge import COUNTS, PATIENCE_S
from pumpkin.web.latency import LATENCY
from pumpkin.web.services import SERVICES, Services

MEANINGS = {
    "pumpkin_checks_refused_total": "Checks refused since the start.",
    "pumpkin_checks_waiting": "Checks held, to be written now.",
    "pumpkin_disk_free_bytes": "Room on the data folder's disk.",
    "pumpkin_disk_writable": "Whether writing to the data folder works.",
    "pumpkin_leader": "Whether this node leads those on its database.",
    "pumpkin_parts_down": "Parts that do not run.",
    "pumpkin_parts_restarted_total": "Restarts of parts since the start.",
    "pumpkin_payloads_let_go_total": "Payloads erased by rule since the start.",
}
"""What the figures of the parts say, by name."""
Figure = tuple[str, str, Mapping[str, float]]
"""What it says, the name of its label ("" for none), and its values by label; a counter where its name ends so."""


async def exposition(app: web.Application) -> bytes:
    """All of them as they are now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(app, await _asked(app[SERVICES])))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class Figures(Collector):
    """The figures of one application at one moment."""

    def __init__(self, app: web.Application, figures: Mapping[str, Figure]) -> None:
        self._app, self._figures = app, figures

    def collect(self) -> Iterable[Metric]:
        """Answers by dialect, status and time, the door, then what is measured."""
        answers = CounterMetricFamily(
            "pumpkin_http_responses", "Answers given, by dialect and status.", labels=["dialect", "status"]
        )
        for (dialect, status), count in sorted(self._app[COUNTS].items()):
            answers.add_metric([dialect, str(status)], count)
        yield answers
        took = HistogramMetricFamily(
            "pumpkin_http_request_seconds", "What answers took to be made, by dialect.", labels=["dialect"]
        )
        for dialect, buckets, sum_s in self._app[LATENCY].rows():
            took.add_metric([dialect], buckets, sum_s)
        yield took
        crowd = self._app.get(CROWD)
        if crowd is not None:
            yield _family("pumpkin_http_connections", ("Connections that stand open.", "", {"": len(crowd)}))
            dropped = ("Connections given up or not taken, for want of places.", "", {"": crowd.dropped})
            yield _family("pumpkin_http_connections_dropped_total", dropped)
        for name, figure in self._figures.items():
            yield _family(name, figure)
        for name, amount in sorted(self._app[SERVICES].metrics().items()):
            yield _family(name, (MEANINGS.get(name, name), "", {"": amount}))


def _family(name: str, figure: Figure) -> Metric:
    text, label, values = figure
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, text, labels=[label] if label else [])
    for value, amount in values.items():
        family.add_metric([value] if label else [], amount)
    return family


async def _asked(services: Services) -> dict[str, Figure]:
    """What the store, the board and the authorities say now; figures of the store are left out while it is away."""
    shows = Counter(presence.show for presence in services.board().agents.values())
    rows = services.authorities()
    found: dict[str, Figure] = {
        "pumpkin_info": ("The version that runs.", "version", {version("pumpkin"): 1}),
        "pumpkin_agents": ("Agents by presence.", "show", shows),
        "pumpkin_authority_up": (
            "Whether an authority's last answer was good.",
            "authority",
            {row["name"]: float(row.get("last_error") is None) for row in rows if "name" in row},
        ),
        "pumpkin_last_stamp_timestamp_seconds": (
            "When an authority stamped last, by its own clock; 0 for never.",
            "authority",
            {row["name"]: _stamped_s(row) for row in rows if "name" in row},
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


def _stamped_s(row: Mapping[str, Any]) -> float:
    last = row.get("last_stamp")
    return microseconds(last["gen_time"]) / 1e6 if last else 0.0


async def _stored(services: Services) -> dict[str, Figure]:
    """The store's."""
    head = await proofs.latest_checkpoint(services.db)
    backup = await facts.get(services.db, facts.LAST_BACKUP)
    return {
        "pumpkin_checks_stored_total": ("Checks in the log.", "", {"": await checks.size(services.db)}),
        "pumpkin_checks_sealed_total": ("Checks under a checkpoint.", "", {"": head.size if head else 0}),
        "pumpkin_last_backup_timestamp_seconds": (
            "When a backup was last whole; 0 for never.",
            "",
            {"": backup["at"] / 1e6 if backup else 0.0},
        ),
        "pumpkin_tasks_waiting": ("Analyses that wait.", "", {"": await tasks.length(services.db)}),
        "pumpkin_log_faults": ("Faults of the log not settled.", "", {"": await faults.count(services.db)}),
        "pumpkin_checks_stamped_total": ("Checks under a token.", "", {"": await proofs.stamped(services.db)}),
    }
