"""Correlation's part of the table of all paths, each with method, path, handler, need and tag."""

from __future__ import annotations

from pumpkin.web.api import alerts

ROUTES = (
    ("GET", "/api/v1/alerts", alerts.index, "checks:read", "alerts"),
    ("GET", "/api/v1/alerts/{id}", alerts.show, "checks:read", "alerts"),
    ("POST", "/api/v1/alerts/{id}/acknowledge", alerts.acknowledge, "alerts:write", "alerts"),
    ("POST", "/api/v1/alerts/{id}/resolve", alerts.resolve, "alerts:write", "alerts"),
    ("POST", "/api/v1/alerts/{id}/comment", alerts.comment, "alerts:write", "alerts"),
    ("POST", "/api/v1/alerts/{id}/silence", alerts.silence, "alerts:write", "alerts"),
    ("GET", "/api/v1/rules", alerts.rules, "checks:read", "alerts"),
    ("POST", "/api/v1/rules/reload", alerts.reload, "alerts:write", "alerts"),
    ("GET", "/api/v1/silences", alerts.silence_index, "checks:read", "alerts"),
    ("POST", "/api/v1/silences", alerts.silence_add, "alerts:write", "alerts"),
    ("DELETE", "/api/v1/silences/{n}", alerts.mute_end, "alerts:write", "alerts"),
    ("GET", "/api/v1/maintenance", alerts.maintenance_index, "checks:read", "alerts"),
    ("POST", "/api/v1/maintenance", alerts.maintenance_add, "alerts:write", "alerts"),
    ("DELETE", "/api/v1/maintenance/{n}", alerts.mute_end, "alerts:write", "alerts"),
)
