"""What the OpenAPI document says of discovery: names, versions, watch lists, and Pack-a-mal's eleven routes."""

from __future__ import annotations

from typing import Any

from pumpkin.web.operations import JSON, Detail, data, parameter

_WATCH = {
    "id": 3,
    "ecosystem": "pypi",
    "name": "django",
    "priority": 5,
    "owner": "key:1a2b3c4d",
    "created": "2026-01-31T09:00:00Z",
    "primed": True,
    "polled": "2026-01-31T09:05:00Z",
    "error": None,
}
_Q = parameter("q", "A name's beginning, or a part of it (three characters and more).", maxLength=214)
_LIMIT = parameter("limit", "At most so many.", "integer", minimum=1, maximum=1000, default=100)
_PURL = {"example": {"purl": "pkg:npm/%40babel/*", "priority": 5}}
_BODY: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["purl"],
        "properties": {
            "purl": {"type": "string", "description": "Without version; the name may end in `*`."},
            "priority": {"type": "integer", "minimum": 0, "maximum": 9, "default": 0},
        },
        "additionalProperties": False,
    },
    **_PURL,
}


def _old(example: Any, *, versions: bool = False) -> Detail:
    name = {**parameter("package_name", "The package's name."), "required": True}
    return Detail(
        query=(name, _LIMIT) if versions else (_Q, _LIMIT),
        example=example,
        refusals=("400", "404", "502") if versions else ("400",),
        note="Pack-a-mal's route, in its shape.",
        bare=versions,
    )


DETAILS: dict[str, Detail] = {
    "GET /api/v1/packages/{ecosystem}": Detail(
        query=(_Q, _LIMIT),
        example=data(
            {
                "ecosystem": "pypi",
                "q": "djang",
                "items": [{"name": "django", "latest": "5.2", "purl": "pkg:pypi/django"}],
                "suggestions": [],
            }
        ),
        refusals=("400",),
        note="Names come from what was asked for, from feeds and from imports; `suggestions` where nothing was found.",
    ),
    "GET /api/v1/packages/{ecosystem}/{name:.+}": Detail(
        query=(parameter("version", "Whose metadata; the latest one's if absent."),),
        example=data(
            {
                "purl": "pkg:pypi/six",
                "ecosystem": "pypi",
                "name": "six",
                "latest": "1.17.0",
                "stale": False,
                "versions": [
                    {"version": "1.17.0", "published": "2024-12-04T17:35:26Z", "yanked": False, "prerelease": False}
                ],
                "metadata": {"name": "six", "version": "1.17.0", "summary": "Python 2 and 3 compatibility utilities"},
                "repository": "https://forge.example/six",
            }
        ),
        refusals=("400", "404", "502"),
    ),
    "GET /api/v1/known-bad": Detail(
        query=({**parameter("purl", "The package, with its version."), "required": True},),
        example=data(
            {
                "purl": "pkg:pypi/reqests@1.0",
                "malicious": True,
                "advisories": [{"id": "MAL-2026-0001", "summary": "Malicious code in reqests", "malicious": True}],
            }
        ),
        refusals=("400", "502", "503"),
    ),
    "GET /api/v1/feeds": Detail(
        example=data(
            {
                "items": [{"ecosystem": "pypi", "polled": "2026-01-31T09:05:00Z", "found": 40, "error": None}],
                "names": {"pypi": 1204},
            }
        )
    ),
    "GET /api/v1/watches": Detail(example=data({"items": [_WATCH]})),
    "POST /api/v1/watches": Detail(
        body={JSON: _BODY},
        statuses={"201": "Watched from now on."},
        example=data(_WATCH),
        refusals=("400",),
    ),
    "GET /api/v1/watches/{id}": Detail(
        example=data(
            {
                **_WATCH,
                "history": [{"name": "django", "version": "5.2.1", "seen": "2026-02-01T08:00:00Z", "task": 812}],
            }
        ),
        refusals=("404",),
    ),
    "DELETE /api/v1/watches/{id}": Detail(example=data({"removed": 3}), refusals=("404",)),
    "GET /get_pypi_packages": _old({"packages": ["django"]}),
    "GET /get_npm_packages": _old({"packages": ["@babel/core"]}),
    "GET /get_packagist_packages": _old({"packages": ["symfony/console"]}),
    "GET /get_rubygems_packages": _old({"packages": ["rails"]}),
    "GET /get_maven_packages": _old({"org.apache.commons": {"commons-lang3": ["3.17.0"]}}),
    "GET /get_rust_packages": _old({"serde": ["1.0.219"]}),
    "GET /get_wolfi_packages": _old({"packages": {"packages": ["curl-8.14.1-r0"]}}),
    "GET /get_pypi_versions": _old({"versions": ["5.2", "5.1"]}, versions=True),
    "GET /get_npm_versions": _old({"versions": ["7.28.0"]}, versions=True),
    "GET /get_packagist_versions": _old({"versions": ["v7.3.0"]}, versions=True),
    "GET /get_rubygems_versions": _old({"versions": ["8.0.2"]}, versions=True),
}
