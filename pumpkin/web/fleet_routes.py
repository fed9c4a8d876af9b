"""The fleet's part of the table of all paths, each with method, path, handler, need and tag."""

from __future__ import annotations

from pumpkin.web import enrolling
from pumpkin.web.api import agents, jobs, pools, updates

ROUTES = (
    ("GET", "/enroll/{token}", enrolling.script, "", "fleet"),
    ("GET", "/enroll/{token}/kit/{name}", enrolling.kit, "", "fleet"),
    ("POST", "/enroll/{token}", enrolling.create, "", "fleet"),
    ("DELETE", "/api/v1/agents/{jid}", agents.remove, "agents:write", "agents"),
    ("GET", "/api/v1/agents/{jid}/jobs", jobs.of_agent, "agents:read", "fleet"),
    ("PUT", "/api/v1/agents/{jid}/jobs", jobs.put_agent, "agents:write", "fleet"),
    ("POST", "/api/v1/agents/ask", jobs.ask, "checks:write", "fleet"),
    ("POST", "/api/v1/agents/update", updates.create, "agents:write", "fleet"),
    ("GET", "/api/v1/kits/{sha256}", updates.kit, "checks:write", "fleet"),
    ("POST", "/api/v1/jobs", jobs.create, "agents:write", "fleet"),
    ("GET", "/api/v1/jobs", jobs.index, "agents:read", "fleet"),
    ("GET", "/api/v1/jobs/{id}", jobs.show, "agents:read", "fleet"),
    ("PUT", "/api/v1/jobs/{id}", jobs.change, "agents:write", "fleet"),
    ("DELETE", "/api/v1/jobs/{id}", jobs.end, "agents:write", "fleet"),
    ("GET", "/api/v1/pools", pools.index, "agents:read", "fleet"),
    ("GET", "/api/v1/pools/{name}", pools.show, "agents:read", "fleet"),
    ("POST", "/api/v1/pools/{name}", pools.add, "agents:write", "fleet"),
    ("DELETE", "/api/v1/pools/{name}", pools.drop, "agents:write", "fleet"),
    ("GET", "/api/v1/invitations", pools.invitation_list, "agents:read", "fleet"),
    ("POST", "/api/v1/invitations", pools.invite, "agents:write", "fleet"),
    ("DELETE", "/api/v1/invitations/{id}", pools.uninvite, "agents:write", "fleet"),
    ("GET", "/api/v1/parsers", jobs.parser_list, "agents:read", "fleet"),
)
