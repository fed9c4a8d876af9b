"""Pages for people without an account, where the settings open them: the status, and the proof of one check."""

from __future__ import annotations

from aiohttp import web

from pumpkin.prover import stamped_by
from pumpkin.store import proofs
from pumpkin.web.api import public
from pumpkin.web.pages import pictures
from pumpkin.web.pages.checks import evidence_of, told
from pumpkin.web.pages.render import page
from pumpkin.web.services import SERVICES


def setup(app: web.Application) -> None:
    """Register `/status` and `/proof/<id>`."""
    public.setup(app)
    app.router.add_get("/status", status)
    app.router.add_get("/proof/{id}", proof)


async def status(request: web.Request) -> web.Response:
    """How this installation is, without a name of an agent or target."""
    values = {"told": await public.told(request), "title": request.app[SERVICES].public.title}
    return page(request, "public_status.html", {**values, "twin": "/api/v1/public/status"})


async def proof(request: web.Request) -> web.Response:
    """One check's proof: the record, not what it says."""
    check = await public.found(request)
    services = request.app[SERVICES]
    stamps = list(await proofs.stamps_for(services.db, check.seq))
    checkpoint = await proofs.checkpoint_covering(services.db, check.seq)
    evidence = await evidence_of(request, check, checkpoint)
    story = await told(services.db, check, stamps, evidence, checkpoint)
    values = {
        "twin": f"/api/v1/public/proof/{check.id}",
        "check": check,
        "record": check.record.decode("utf-8", "replace"),
        "stamps": stamps,
        "not_after": stamped_by(stamps, services.stamping().get("quorum", 1)),
        "not_before": story.after,
        "self_asserted": bool(stamps) and all(stamp.self_asserted for stamp in stamps),
        "picture": pictures.proof(story),
        "path": story.path,
        "checkpoint": checkpoint,
    }
    return page(request, "public_proof.html", values)
