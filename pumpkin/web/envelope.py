"""The shapes of answers: our envelope, SCANDALE's `detail`, and the headers each kind of answer carries.

A route belongs to one dialect: "api" answers `{"success", "data", "request_id"}` (contracts/analysis-api.md section 1),
"scandale" keeps FastAPI's `{"detail"}` for its clients, "page" is HTML.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from aiohttp import web

from pumpkin.errors import InvalidRequest, PumpkinError

Dialect = Literal["api", "scandale", "page"]

REQUEST_ID = web.RequestKey("request_id", str)
MORE_HEADERS = web.RequestKey("more_headers", dict[str, str])
"""Headers that this request's answer carries whatever becomes of it: what is left of a limit."""
_GIVEN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
_OWN_ID = secrets.token_hex(6)
_count = itertools.count(1)

_SPOKEN: dict[str, Dialect] = {
    **dict.fromkeys(("items", "TimeStampTokens", "system"), "scandale"),
    **dict.fromkeys(("api", "log", "tsa", "health", "ready", "metrics", "openapi.json", "pubsub", "enroll"), "api"),
    **dict.fromkeys(("media", "reports", "get_report", "get_all_report", "upload_sample"), "api"),
    **dict.fromkeys((f"get_{name}_packages" for name in ("pypi", "npm", "packagist", "rubygems", "maven")), "api"),
    **dict.fromkeys((f"get_{name}_versions" for name in ("pypi", "npm", "packagist", "rubygems")), "api"),
    **dict.fromkeys(("get_rust_packages", "get_wolfi_packages"), "api"),
}

_COMMON = {
    "Server": "pumpkin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STRICT_TRANSPORT = "max-age=31536000"
"""RFC 6797, where HTTPS is served: a browser ignores it while it does not trust the certificate (section 8.1)."""
_STRICT = "default-src 'none'; frame-ancestors 'none'; sandbox"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "report-uri /csp-report"
)
HEADERS: dict[Dialect, dict[str, str]] = {
    "api": {**_COMMON, "Content-Security-Policy": _STRICT, "Cache-Control": "no-store"},
    "scandale": {**_COMMON, "Content-Security-Policy": _STRICT, "Cache-Control": "no-store"},
    "page": {
        **_COMMON,
        "Content-Security-Policy": _PAGE,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    },
}

_SHORT = {
    "api_key_required": "API key required",
    "invalid_api_key": "Invalid API key",
    "invalid_json": "Invalid JSON",
    "rate_limited": "Rate limit exceeded",
    "missing_purl": "Missing PURL",
    "invalid_purl": "Invalid PURL format",
}


_FASTAPI = {"api_key_required": "Not authenticated", "invalid_api_key": "Incorrect email or password"}


def dialect(path: str) -> Dialect:
    """Which dialect an address speaks, known routes and unknown ones alike."""
    return _SPOKEN.get(path[1:].partition("/")[0], "page")


def new_request_id(given: str | None) -> str:
    """The client's own id when it is plain text of at most 128 characters, else one of ours."""
    if given is not None and _GIVEN_ID.match(given):
        return given
    return f"{_OWN_ID}{next(_count):08x}"


def success(request: web.Request, data: Any, status: int = 200, **more: Any) -> web.Response:
    """`data` (JSON values) in our envelope; `more` stands beside it at the top."""
    body = {"success": True, "data": data, "request_id": request[REQUEST_ID], **more}
    return plain(body, status)


def plain(body: Any, status: int = 200) -> web.Response:
    """`body` (JSON values) as it is, in JSON."""
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")


def failure(request: web.Request, error: PumpkinError) -> web.Response:
    """The answer to an error in the dialect of the address; pages make their own."""
    request_id = request.get(REQUEST_ID, "")
    if dialect(request.path) == "scandale":
        response = plain(*_detail(error))
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Basic"
    else:
        response = plain(envelope(error, request_id), error.status)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def envelope(error: PumpkinError, request_id: str) -> dict[str, Any]:
    """The body of an error."""
    body: dict[str, Any] = {
        "success": False,
        "error": _SHORT.get(error.code, error.code.replace("_", " ").capitalize()),
        "message": error.message,
        "code": error.code,
    }
    if error.fields:
        body["fields"] = error.fields
    body["request_id"] = request_id
    return body


def _detail(error: PumpkinError) -> tuple[Mapping[str, Any], int]:
    """FastAPI's body and status; what is wrong with a request is its 422 with a list of places."""
    if not isinstance(error, InvalidRequest):
        return {"detail": _FASTAPI.get(error.code, error.message)}, error.status
    places = error.fields or {"body": error.message}
    faults = [{"type": error.code, "loc": _place(place), "msg": message} for place, message in places.items()]
    return {"detail": faults}, 422


def _place(place: str) -> list[str]:
    parts = place.split(".")
    return parts if parts[0] in ("body", "query", "path") else ["body", *parts]
