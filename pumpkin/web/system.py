"""What operators and machines ask of a server: alive, ready, figures, and a time-stamp."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pumpkin.errors import NotFound, PumpkinError, Unavailable
from pumpkin.store import checks, faults, proofs, tasks
from pumpkin.web.edge import COUNTS
from pumpkin.web.envelope import plain
from pumpkin.web.guard import require
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.services import SERVICES, Services

READY_S = 2.0
QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
Gauge = tuple[str, str, Mapping[str, float]]
"""What it says, the name of its label ("" for none), and its values by label."""


class UnsupportedMedia(PumpkinError):
    """The body is not of a type this address takes."""

    status = 415
    code = "unsupported_media_type"


async def health(_: web.Request) -> web.Response:
    """`GET /health`: the process serves."""
    return plain({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """`GET /ready`: 200 when checks are taken in, else 503 naming the parts that are not there."""
    services = request.app[SERVICES]
    missing = list(services.ready())
    try:
        await asyncio.wait_for(checks.size(services.db), READY_S)
    except (PumpkinError, TimeoutError, OSError):
        missing.append("database")
    if missing:
        return plain({"status": "not ready", "missing": sorted(set(missing))}, 503)
    return plain({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: figures in Prometheus's text form; docs name each."""
    require(request, "metrics")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(request.app, await _gauges(request.app[SERVICES])))
    ProcessCollector(registry=registry)
    text = generate_latest(registry)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


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
            yield GaugeMetricFamily(name, f"{name.replace('_', ' ')}.", value=amount)


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
        head = await proofs.latest_checkpoint(services.db)
        found["pumpkin_checks_stored"] = ("Checks in the log.", "", {"": await checks.size(services.db)})
        found["pumpkin_checks_sealed"] = ("Checks under a checkpoint.", "", {"": head.size if head else 0})
        found["pumpkin_tasks_waiting"] = ("Analyses that wait.", "", {"": await tasks.length(services.db)})
        found["pumpkin_log_faults"] = ("Faults of the log not settled.", "", {"": await faults.count(services.db)})
        found["pumpkin_checks_stamped"] = ("Checks under a token.", "", {"": await proofs.stamped(services.db)})
    except Unavailable:
        found["pumpkin_database_up"] = ("Whether PostgreSQL answers.", "", {"": 0})
    else:
        found["pumpkin_database_up"] = ("Whether PostgreSQL answers.", "", {"": 1})
    return found


async def stamp(request: web.Request) -> web.Response:
    """`POST /tsa`: RFC 3161 over HTTP (section 3.4) by the local authority; a refusal is a 200 with its failure."""
    respond = request.app[SERVICES].tsa_respond
    if respond is None:
        raise NotFound("No authority of its own runs on this server.")
    if request.content_type != QUERY_TYPE:
        raise UnsupportedMedia(f"A time-stamp request is {QUERY_TYPE}.")
    query = await body(request, SMALL_BODY)
    return web.Response(body=respond(query), content_type=REPLY_TYPE)


async def root(request: web.Request) -> web.Response:
    """`GET /tsa/root.pem`: the local authority's root; a verifier had better get it elsewhere."""
    pem = request.app[SERVICES].tsa_root_pem
    if not pem:
        raise NotFound("No authority of its own runs on this server.")
    return web.Response(body=pem.encode(), content_type="application/x-pem-file")
