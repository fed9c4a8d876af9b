"""The HTML pages: one file a noun, each with its `setup(app)`; here all of them on one application."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from pumpkin.web.pages import (
    account,
    agents,
    alerts,
    audit,
    checks,
    commands,
    discovery,
    failing,
    findings,
    histories,
    keys,
    login,
    modules,
    openid,
    overview,
    packages,
    people,
    policy,
    proofs,
    public,
    render,
    reports,
    sandbox,
    seen,
    settings,
    stamps,
    verify,
)

__all__ = ["setup"]


def setup(app: web.Application, templates: Path, static: Path) -> None:
    """Register environment, pages and static files. `app[SERVICES]` must stand, and the edge be set up."""
    render.setup(app, templates, static)
    rooms = (
        login,
        openid,
        account,
        overview,
        agents,
        commands,
        checks,
        seen,
        alerts,
        proofs,
        stamps,
        packages,
        reports,
        findings,
    )
    more = (
        failing,
        discovery,
        histories,
        sandbox,
        modules,
        settings,
        people,
        keys,
        audit,
        policy,
        public,
        verify,
    )
    for room in (*rooms, *more):
        room.setup(app)
