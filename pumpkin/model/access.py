"""Who may do what: the scopes of keys, and roles, which are bundles of scopes."""

from __future__ import annotations

SCOPES = (
    "checks:read",
    "checks:write",
    "packages:read",
    "packages:write",
    "agents:read",
    "agents:write",
    "alerts:write",
    "modules:write",
    "metrics",
    "admin",
)
ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"checks:read", "packages:read", "agents:read"}),
    "writer": frozenset({"checks:read", "checks:write", "packages:read", "packages:write", "agents:read"}),
    "operator": frozenset(SCOPES) - {"admin"},
    "admin": frozenset(SCOPES),
}
RATE = 100
"""Requests an hour of the metered routes, where nothing else was said."""
MOST_RATE = 1_000_000
"""Most of them that may be said."""
