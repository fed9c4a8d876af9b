"""The table of all paths: the map of the web. Compatibility aliases stand here and nowhere else."""

from __future__ import annotations

import importlib
import importlib.util
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from pumpkin.web import (
    alert_routes,
    docs,
    edge,
    enrolling,
    fleet_routes,
    latency,
    pubsub,
    pulse,
    scandale,
    system,
    tokens,
)
from pumpkin.web.api import (
    administration,
    agents,
    bundle,
    checks,
    discovery,
    erasure,
    events,
    failing,
    log,
    modules,
    packages,
    public,
    sandbox,
    stamps,
)
from pumpkin.web.api.analysis import analyze, live, reports, tasks, triage, uploads
from pumpkin.web.limits import BODY_LIMIT, INFLATES
from pumpkin.web.pages import overview, twins
from pumpkin.web.services import SERVICES, Services

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address: it is served with and without the slash at its end, by one handler, without redirection.

    `needs` is a scope, "" for anyone, "reading" for rulings.md 23's compatibility reads, "topics" for any scope with
    which some topic of events may be heard.
    """

    method: str
    path: str
    handler: Handler
    needs: str = ""
    tag: str = ""


ROUTES: tuple[Route, ...] = (
    Route("POST", "/api/v1/checks", checks.create, "checks:write", "checks"),
    Route("GET", "/api/v1/checks", checks.index, "checks:read", "checks"),
    Route("GET", "/api/v1/checks/{id}", checks.show, "checks:read", "checks"),
    Route("GET", "/api/v1/checks/{id}/payload", checks.payload, "checks:read", "checks"),
    Route("GET", "/api/v1/checks/{id}/proof", checks.proof, "checks:read", "checks"),
    Route("GET", "/api/v1/checks/{id}/difference", checks.difference, "checks:read", "checks"),
    Route("GET", "/api/v1/checks/{id}/series", checks.series_of, "checks:read", "checks"),
    Route("POST", "/api/v1/checks/{id}/erase", erasure.erase, "admin", "checks"),
    Route("GET", "/api/v1/checks/{id}/bundle", bundle.of_one, "checks:read", "checks"),
    Route("GET", "/api/v1/bundle", bundle.of_many, "checks:read", "checks"),
    Route("GET", "/api/v1/failing", failing.index, "checks:read", "checks"),
    Route("POST", "/api/v1/failing/{series}/let-go", failing.let_go, "alerts:write", "checks"),
    Route("GET", "/api/v1/authorities", bundle.authorities, "checks:read", "log"),
    Route("GET", "/api/v1/log", stamps.log, "checks:read", "log"),
    Route("GET", "/api/v1/stamps/{id}", stamps.show, "checks:read", "log"),
    Route("GET", "/api/v1/stamps/{id}/{part}", stamps.part, "checks:read", "log"),
    Route("GET", "/api/v1/log/key", log.key, "", "log"),
    Route("GET", "/api/v1/log/inclusion", log.inclusion, "checks:read", "log"),
    Route("GET", "/api/v1/log/consistency", log.consistency, "", "log"),
    Route("GET", "/api/v1/log/witnesses", log.witnesses, "checks:read", "log"),
    Route("GET", "/api/v1/log/faults", log.log_faults, "checks:read", "log"),
    Route("POST", "/api/v1/log/faults/{n}/settle", log.settle, "admin", "log"),
    Route("GET", "/log/checkpoint", log.checkpoint, "", "log"),
    Route("GET", "/log/cosigned", log.cosigned, "", "log"),
    Route("GET", "/log/checkpoints/{size}", log.checkpoint_of, "", "log"),
    Route("GET", "/log/tile/{level}/{n:.+}", log.tile, "", "log"),
    Route("GET", "/api/v1/agents", agents.index, "agents:read", "agents"),
    Route("GET", "/api/v1/agents/{jid}", agents.show, "agents:read", "agents"),
    Route("GET", "/api/v1/agents/{jid}/messages", agents.talk, "agents:read", "agents"),
    Route("GET", "/api/v1/agents/{jid}/commands", agents.commands, "agents:read", "agents"),
    Route("GET", "/api/v1/agents/{jid}/view", agents.view, "agents:read", "agents"),
    Route("POST", "/api/v1/agents/{jid}/approve", agents.approve, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/revoke", agents.revoke, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/subscribe", agents.subscribe, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/unsubscribe", agents.unsubscribe, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/run", agents.run, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/message", agents.message, "agents:write", "agents"),
    Route("POST", "/api/v1/agents/{jid}/command", agents.command, "agents:write", "agents"),
    Route("GET", "/api/v1/overview", twins.overview, "checks:read", "system"),
    Route("GET", "/api/v1/analyses", twins.analyses, "packages:read", "packages"),
    Route("GET", "/api/v1/people", administration.everybody, "admin", "administration"),
    Route("GET", "/api/v1/sessions", administration.living, "checks:read", "administration"),
    Route("GET", "/api/v1/keys", administration.keys, "admin", "administration"),
    Route("GET", "/api/v1/settings", administration.settings, "admin", "administration"),
    Route("GET", "/api/v1/audit", administration.trail, "admin", "administration"),
    *(Route(*one) for one in fleet_routes.ROUTES),
    *(Route(*one) for one in alert_routes.ROUTES),
    Route("GET", "/api/v1/public/status", public.status, "", "public"),
    Route("GET", "/api/v1/public/proof/{id}", public.proof, "", "public"),
    Route("GET", "/api/v1/sandbox", sandbox.show, "checks:read", "packages"),
    Route("GET", "/api/v1/modules", modules.index, "checks:read", "modules"),
    Route("GET", "/api/v1/modules/{name}", modules.show, "checks:read", "modules"),
    Route("GET", "/api/v1/modules/{name}/dead", modules.dead, "checks:read", "modules"),
    Route("POST", "/api/v1/modules/{name}/retry", modules.retry, "modules:write", "modules"),
    Route("POST", "/api/v1/modules/{name}/pause", modules.pause, "modules:write", "modules"),
    Route("POST", "/api/v1/modules/{name}/resume", modules.resume, "modules:write", "modules"),
    Route("POST", "/api/v1/modules/{name}/test", modules.test, "modules:write", "modules"),
    Route("POST", "/api/v1/modules/{name}/dead/{id}/retry", modules.retry_one, "modules:write", "modules"),
    Route("POST", "/api/v1/modules/{name}/dead/{id}/discard", modules.discard, "modules:write", "modules"),
    Route("GET", "/api/v1/events", events.events, "topics", "events"),
    Route("POST", "/api/v1/analyze", analyze.create, "packages:write", "packages"),
    Route("POST", "/api/v1/analyze/batch", analyze.batch, "packages:write", "packages"),
    Route("GET", "/api/v1/packages/{ecosystem}", packages.index, "", "discovery"),
    Route("GET", "/api/v1/packages/{ecosystem}/{name:.+}", packages.show, "", "discovery"),
    Route("GET", "/api/v1/known-bad", packages.known_bad, "", "discovery"),
    Route("GET", "/api/v1/feeds", packages.feeds, "packages:read", "discovery"),
    Route("GET", "/api/v1/watches", packages.watch_index, "packages:read", "discovery"),
    Route("POST", "/api/v1/watches", packages.watch_add, "packages:write", "discovery"),
    Route("GET", "/api/v1/watches/{id}", packages.watch_show, "packages:read", "discovery"),
    Route("DELETE", "/api/v1/watches/{id}", packages.watch_remove, "packages:write", "discovery"),
    *(Route("GET", path, handler, "", "discovery") for path, handler in discovery.OLD),
    Route("POST", "/api/v1/upload", uploads.create, "packages:write", "packages"),
    Route("POST", "/upload_sample", uploads.create, "packages:write", "packages"),
    Route("GET", "/api/v1/task/{id}", tasks.show, "", "packages"),
    Route("DELETE", "/api/v1/task/{id}", tasks.cancel, "packages:write", "packages"),
    Route("GET", "/api/v1/task/{id}/queue", tasks.position, "packages:read", "packages"),
    Route("GET", "/api/v1/task/{id}/report", reports.of_task, "", "packages"),
    Route("GET", "/api/v1/task/{id}/events", live.events, "", "packages"),
    Route("GET", "/api/v1/queue/status", tasks.queue, "", "packages"),
    Route("GET", "/api/v1/timeout/status", tasks.timeouts, "", "packages"),
    Route("POST", "/api/v1/timeout/check", tasks.sweep, "", "packages"),
    Route("GET", "/api/v1/reports", tasks.index, "packages:read", "packages"),
    Route("GET", "/api/v1/reports/history", reports.history, "packages:read", "packages"),
    Route("GET", "/api/v1/reports/{a}/diff/{b}", reports.diff, "packages:read", "packages"),
    Route("GET", "/api/v1/reports/{id}", reports.show, "", "packages"),
    Route("GET", "/api/v1/reports/{id}/triage", triage.index, "packages:read", "packages"),
    Route("PUT", "/api/v1/reports/{id}/triage/{finding}", triage.put, "packages:write", "packages"),
    Route("DELETE", "/api/v1/reports/{id}/triage/{finding}", triage.drop, "packages:write", "packages"),
    Route("POST", "/api/v1/reports/{id}/rescore", triage.rescore, "packages:write", "packages"),
    Route("GET", "/api/v1/reports/{id}/bundle", reports.bundle, "", "packages"),
    Route("GET", "/api/v1/reports/{id}/attachments", reports.attachments, "packages:read", "packages"),
    Route("GET", "/api/v1/reports/{id}/buffers/{digest}", reports.attachment, "packages:read", "packages"),
    Route("GET", "/reports/sha256/{digest}.json", reports.by_digest, "", "packages"),
    Route("GET", "/media/reports/{ecosystem}/{path:.+}", reports.latest, "", "packages"),
    Route("GET", "/reports/{ecosystem}/{path:.+}", reports.latest, "", "packages"),
    Route("GET", "/get_report/{id}", reports.old_one, "", "packages"),
    Route("GET", "/get_all_report", reports.old_all, "", "packages"),
    Route("GET", "/pubsub", pubsub.endpoint, "reading", "events"),
    Route("POST", "/items", scandale.create_item, "checks:write", "scandale"),
    Route("GET", "/items", scandale.items, "reading", "scandale"),
    Route("GET", "/items/{id}", scandale.item, "reading", "scandale"),
    Route("POST", "/TimeStampTokens", tokens.create, "checks:write", "scandale"),
    Route("GET", "/TimeStampTokens", tokens.index, "reading", "scandale"),
    Route("GET", "/TimeStampTokens/{uuid}", tokens.show, "reading", "scandale"),
    Route("GET", "/TimeStampTokens/token/{uuid}", tokens.token, "reading", "scandale"),
    Route("GET", "/TimeStampTokens/check/{uuid}", tokens.check, "reading", "scandale"),
    Route("GET", "/TimeStampTokens/get_timestamp/{uuid}", tokens.get_timestamp, "reading", "scandale"),
    Route("GET", "/system/stats", scandale.stats, "reading", "scandale"),
    Route("GET", "/system/info", scandale.info, "reading", "scandale"),
    Route("POST", "/tsa", system.stamp, "", "system"),
    Route("GET", "/tsa/root.pem", system.root, "", "system"),
    Route("GET", "/health", system.health, "", "system"),
    Route("GET", "/ready", system.ready, "", "system"),
    Route("GET", "/metrics", system.metrics, "metrics", "system"),
    Route("GET", "/openapi.json", docs.document, "", "system"),
    Route("GET", "/api/v1/openapi.json", docs.document, "", "system"),
    Route("GET", "/docs", docs.page, "", "system"),
)


def setup(
    app: web.Application, services: Services, *, templates: Path | None = None, static: Path | None = None
) -> None:
    """Put everything on `app`: the edge, these routes, and with `templates` and `static` given the pages."""
    app[SERVICES] = services
    edge.setup(app)
    latency.setup(app)
    for path in dict.fromkeys(route.path for route in ROUTES):
        for resource in (app.router.add_resource(path), app.router.add_resource(path + "/")):
            for route in ROUTES:
                if route.path == path:
                    resource.add_route(route.method, route.handler)
                    if route.method == "GET" and route.tag != "events" and route.handler is not live.events:
                        resource.add_route("HEAD", route.handler)
    app[docs.DOCUMENT] = docs.Document(ROUTES, services.version)
    app[pubsub.HUB] = pubsub.Hub(services.bus)
    pulse.setup(app, services.bus)
    app[tasks.ENDED] = OrderedDict()
    overview.prepare(app)
    enrolling.setup(app)
    app.on_shutdown.append(_close_hub)
    if static is not None:
        app.router.add_static("/static/", static, follow_symlinks=False)
    if templates is not None and static is not None and importlib.util.find_spec("pumpkin.web.pages.render"):
        importlib.import_module("pumpkin.web.pages").setup(app, templates, static)


async def _close_hub(app: web.Application) -> None:
    await app[pubsub.HUB].close()


def application(services: Services, *, templates: Path | None = None, static: Path | None = None) -> web.Application:
    """The whole web as one application; its runner should be made with `access_log=None`."""
    app = web.Application(client_max_size=BODY_LIMIT, handler_args=INFLATES)
    setup(app, services, templates=templates, static=static)
    return app
