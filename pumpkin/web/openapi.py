"""The OpenAPI 3.1 document, made from the table of routes, the handlers' docstrings and pydantic's schemas.

An operation's summary is its handler's docstring; its parameters, bodies and examples stand in `operations.DETAILS`.
A test holds it against the schema of OpenAPI 3.1, and every route against this document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from pydantic.json_schema import models_json_schema

from pumpkin.web import alert_operations, discovery_operations, fleet_operations, module_operations, package_operations
from pumpkin.web.api.events import SCOPES
from pumpkin.web.operations import DETAILS, MODELS, Detail

TAGS = {
    "checks": "Checks in, out again, and their proofs.",
    "log": "The append-only log: checkpoints, tiles (C2SP), inclusion and consistency.",
    "agents": "The registry of agents with presence, and what may be done with them.",
    "fleet": "Probes: how they enrol, what they are assigned, what they do together.",
    "alerts": "What rules found wrong across agents, what people do about it, and what is mute.",
    "packages": "Packages analysed: submitted, queued, reported; for clients of Pack-a-mal in both dialects.",
    "discovery": "Packages by name: search, versions, metadata, watch lists, known bad.",
    "public": "What anyone may read, where the settings open it.",
    "administration": "People, sessions, keys, settings and the audit trail.",
    "modules": "What is handed to other systems, and what they refused.",
    "events": "What happens, as it happens.",
    "scandale": "SCANDALE's addresses, kept to the letter for its clients.",
    "system": "For operators and machines.",
}
_DETAILS = {
    **DETAILS,
    **package_operations.DETAILS,
    **discovery_operations.DETAILS,
    **alert_operations.DETAILS,
    **fleet_operations.DETAILS,
    **module_operations.DETAILS,
}
_KEYED: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}, {"basic": []}, {"session": []}]
_VARIABLE = re.compile(r"\{(\w+)(?::[^}]*)?\}")


class RouteLike(Protocol):
    """What this needs of a route."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def handler(self) -> Any: ...
    @property
    def needs(self) -> str: ...
    @property
    def tag(self) -> str: ...


def build(routes: Sequence[RouteLike], version: str) -> dict[str, Any]:
    """The whole document as JSON values."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pumpkin",
            "version": version,
            "summary": "Collects what probes and package analyses observed, and proves what was checked.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _schemes(), "responses": _responses()},
    }


def _operation(route: RouteLike, path: str) -> dict[str, Any]:
    named = f"{route.method} {route.path}"
    detail = _DETAILS.get(named, Detail())
    first, _, rest = " ".join((route.handler.__doc__ or "").split()).partition(". ")
    text = re.sub(r"^`[^`]*`(?:: | \()?", "", first).rstrip(".)") or first
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', path).rstrip('_')}",
        "summary": text[:1].upper() + text[1:],
        "tags": [route.tag],
        "parameters": [_path_parameter(route, name) for name in _VARIABLE.findall(route.path)] + list(detail.query),
        "responses": {**_success(detail), **_failures(route, detail)},
    }
    if rest or detail.note:
        operation["description"] = " ".join(filter(None, (rest, detail.note)))
    if route.needs:
        operation["security"] = [*_KEYED, {}] if route.needs == "reading" else _KEYED
        if route.needs == "topics":
            operation["x-scopes"] = sorted(SCOPES)
        elif route.needs != "reading":
            operation["x-scope"] = route.needs
    if detail.body:
        operation["requestBody"] = {"required": True, "content": dict(detail.body)}
    return operation


def _path_parameter(route: RouteLike, name: str) -> dict[str, Any]:
    if route.tag == "packages":
        return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if name == "id" and (route.tag == "modules" or route.path.startswith("/api/v1/stamps/")):
        return {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
    kinds: dict[str, dict[str, Any]] = {
        "id": {"type": "string", "format": "uuid"},
        "uuid": {"type": "string", "format": "uuid"},
        "size": {"type": "integer", "minimum": 0},
        "series": {"type": "string", "format": "uuid"},
        "part": {"type": "string", "enum": ["response", "query", "token", "chain"]},
    }
    return {"name": name, "in": "path", "required": True, "schema": kinds.get(name, {"type": "string"})}


def _success(detail: Detail) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, text in detail.statuses.items():
        content: dict[str, Any] = {"schema": {}} if detail.media.endswith("json") else {"schema": {"type": "string"}}
        if detail.example is not None:
            content["example"] = detail.example
        answers[status] = {"description": text}
        if status != "101":
            answers[status]["content"] = dict.fromkeys((detail.media, *detail.other_media), content)
    return answers


def _failures(route: RouteLike, detail: Detail) -> dict[str, Any]:
    shape = "Detail" if route.tag == "scandale" else "Error"
    named = dict.fromkeys(detail.refusals)
    if route.needs:
        named.update(dict.fromkeys(("401", "403")))
    if _VARIABLE.search(route.path) or route.tag == "public":  # public pages are not there where a setting closes them
        named["404"] = None
    if detail.query:
        named["422" if shape == "Detail" else "400"] = None
    if detail.body:
        named.update(dict.fromkeys(("422" if shape == "Detail" else "400", "408", "413")))
    named.update(dict.fromkeys(("429", "503")))
    answers = {status: {"$ref": f"#/components/responses/{shape}"} for status in sorted(named)}
    return answers | ({"400": {"$ref": "#/components/responses/Bare"}} if detail.bare else {})


def _responses() -> dict[str, Any]:
    def shape(name: str, text: str) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        request_id = {"schema": {"type": "string"}, "description": "The request's id, also in the log."}
        return {"description": text, "headers": {"X-Request-ID": request_id}, "content": content}

    return {
        "Error": shape("Error", "Refused or failed; `code` is stable."),
        "Detail": shape("Detail", "Refused or failed, in FastAPI's shape."),
        "Bare": shape("Bare", "Refused; where the package's name is missing, in Pack-a-mal's own shape."),
    }


def _schemas() -> dict[str, Any]:
    _, document = models_json_schema(
        [(model, "validation") for model in (*MODELS, *alert_operations.MODELS, *fleet_operations.MODELS)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = document["$defs"]
    schemas["Error"] = {
        "type": "object",
        "required": ["success", "error", "message", "code", "request_id"],
        "properties": {
            "success": {"const": False},
            "error": {"type": "string"},
            "message": {"type": "string"},
            "code": {"type": "string", "examples": ["invalid_check"]},
            "fields": {"type": "object", "additionalProperties": {"type": "string"}},
            "request_id": {"type": "string"},
        },
    }
    bare = {"type": "object", "required": ["error", "code"], "additionalProperties": False}
    bare["properties"] = {"error": {"type": "string"}, "code": {"type": "string"}}
    schemas["Bare"] = {"oneOf": [{"$ref": "#/components/schemas/Error"}, bare]}
    fault = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "loc": {"type": "array", "items": {"type": "string"}},
            "msg": {"type": "string"},
        },
    }
    schemas["Detail"] = {
        "type": "object",
        "required": ["detail"],
        "properties": {"detail": {"oneOf": [{"type": "string"}, {"type": "array", "items": fault}]}},
    }
    return schemas


def _schemes() -> dict[str, Any]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer pk_...`."},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "basic": {"type": "http", "scheme": "basic", "description": "An account made by `pumpkin user add`."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "pumpkin_session",
            "description": "A person's session; what changes something also needs its token in X-CSRF-Token.",
        },
    }
