"""Every error that crosses a room, with its HTTP status, stable code and public text.

PumpkinError
├── InvalidRequest 400 invalid_request      ├── InvalidCheck 400 invalid_check
│                                            ├── UnknownBehaviour 400 unknown_behaviour
│                                            ├── BadSignature 400 bad_signature
│                                            ├── InvalidJson 400 invalid_json
│                                            ├── InvalidPurl 400 invalid_purl
│                                            ├── UnsupportedEcosystem 400 unsupported_ecosystem
│                                            ├── MissingPurl 400 missing_purl
│                                            ├── InvalidPriority 400 invalid_priority
│                                            ├── WebhookRefused 400 webhook_refused
│                                            └── InvalidPagination 400 invalid_pagination
├── Unauthenticated 401 api_key_required ── InvalidKey 401 invalid_api_key
├── Forbidden 403 forbidden ── UnknownAgent 403 unknown_agent
├── NotFound 404 not_found ┬── NotSealed 404 not_sealed
│                           ├── PackageNotFound 404 package_not_found
│                           ├── TaskNotFound 404 task_not_found
│                           └── ReportNotFound 404 report_not_found
├── Conflict 409 conflict ┬── CheckConflict 409 check_conflict
│                          ├── LastAdministrator 409 last_administrator
│                          └── KeyReused 409 idempotency_key_reused
├── PayloadTooLarge 413 payload_too_large
├── RateLimited 429 rate_limited
├── Backpressure 503 backpressure
├── RegistryError 502 registry_error ┬── RegistryUnavailable 502 registry_unavailable
│                                     ├── RegistryRefused 502 registry_refused
│                                     └── RegistryTooLarge 502 registry_too_large
├── Unavailable 503 unavailable ┬── TsaError 503 http ┬── TsaTimeout 503 timeout
│                               │                     └── TsaTooLarge 503 too_large
│                               └── WitnessError 503 witness
└── StartError (never on the wire: one sentence that ends the start) ── StartRefused (and would end the next one)

A class's docstring is its message, written as advice; an instance may carry a more exact one. Only these texts
reach a client: the text of any other exception stays in the log beside the request id.
"""

from __future__ import annotations

from typing import ClassVar


class PumpkinError(Exception):
    """Something went wrong here; the request id finds it in the log."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str | None = None, *, fields: dict[str, str] | None = None) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.fields = fields
        super().__init__(self.message)


class InvalidRequest(PumpkinError):
    """The request has a parameter or body that is not of the documented form."""

    status = 400
    code = "invalid_request"


class InvalidJson(InvalidRequest):
    """The body is not valid JSON."""

    code = "invalid_json"


class InvalidCheck(InvalidRequest):
    """The check is not of the documented form."""

    code = "invalid_check"


class UnknownBehaviour(InvalidRequest):
    """The agent has reported no behaviour of this name; its page and `GET /api/v1/agents/<jid>` list what it has."""

    code = "unknown_behaviour"


class BadSignature(InvalidRequest):
    """The signature does not verify with the key enrolled for this agent."""

    code = "bad_signature"


class InvalidPurl(InvalidRequest):
    """PURL must be a valid package URL starting with pkg:"""

    code = "invalid_purl"


class UnsupportedEcosystem(InvalidRequest):
    """Packages of this type cannot be asked for; known are pypi, npm, gem, maven, composer, cargo and apk (Wolfi)."""

    code = "unsupported_ecosystem"


class MissingPurl(InvalidRequest):
    """PURL parameter is required"""

    code = "missing_purl"


class InvalidPriority(InvalidRequest):
    """priority is a whole number from 0 to 9"""

    code = "invalid_priority"


class WebhookRefused(InvalidRequest):
    """webhook_url leads to no public HTTPS address, and to none that is configured"""

    code = "webhook_refused"


class InvalidPagination(InvalidRequest):
    """page is a whole number from 1, page_size one from 1 to 100"""

    code = "invalid_pagination"


class Unauthenticated(PumpkinError):
    """Please provide API key in Authorization header (Bearer <key>) or X-API-Key header"""

    status = 401
    code = "api_key_required"


class InvalidKey(Unauthenticated):
    """The provided API key is invalid or inactive"""

    code = "invalid_api_key"


class Forbidden(PumpkinError):
    """This key, account or session may not do that."""

    status = 403
    code = "forbidden"


class UnknownAgent(Forbidden):
    """This agent is not approved; approve it on the agents page or with `pumpkin agent approve`."""

    code = "unknown_agent"


class NotFound(PumpkinError):
    """There is nothing at this address."""

    status = 404
    code = "not_found"


class NotSealed(NotFound):
    """The check is stored but not yet in a checkpoint; ask again in a second."""

    code = "not_sealed"


class PackageNotFound(NotFound):
    """The registry knows no such package, or not in this version."""

    code = "package_not_found"


class TaskNotFound(NotFound):
    """Analysis task not found or access denied"""

    code = "task_not_found"


class ReportNotFound(NotFound):
    """There is no report of this package version"""

    code = "report_not_found"


class Conflict(PumpkinError):
    """The state of the thing does not allow that."""

    status = 409
    code = "conflict"


class CheckConflict(Conflict):
    """A check with this id is already stored with other content."""

    code = "check_conflict"


class LastAdministrator(Conflict):
    """Without this person nobody could administer Pumpkin any more; make somebody else an administrator first."""

    code = "last_administrator"


class KeyReused(Conflict):
    """This idempotency key was used with another request; take a new one."""

    code = "idempotency_key_reused"


class PayloadTooLarge(PumpkinError):
    """The body is larger than this server takes."""

    status = 413
    code = "payload_too_large"


class RateLimited(PumpkinError):
    """Too many requests; wait as long as Retry-After says."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Backpressure(PumpkinError):
    """The server is taking in all it can; nothing of this request was kept, send it again."""

    status = 503
    code = "backpressure"
    retry_after = 1


class Unavailable(PumpkinError):
    """A part this needs is not there at the moment (database, registry or authority); try again."""

    status = 503
    code = "unavailable"
    retry_after = 2


class TsaError(Unavailable):
    """The exchange with the time-stamping authority failed; it is asked again after a pause."""

    code = "http"

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.pause = retry_after


class WitnessError(Unavailable):
    """A witness of the log gave no signature; it is asked again with the next checkpoint."""

    code = "witness"


class TsaTimeout(TsaError):
    """The time-stamping authority gave no whole answer within the deadline."""

    code = "timeout"


class TsaTooLarge(TsaError):
    """The time-stamping authority's answer is larger than any token."""

    code = "too_large"


class RegistryError(PumpkinError):
    """The package registry's answer is not what its format says; nothing was taken from it."""

    status = 502
    code = "registry_error"


class RegistryUnavailable(RegistryError):
    """The package registry does not answer, or says it cannot at the moment; try again."""

    code = "registry_unavailable"
    retry_after = 30


class RegistryRefused(RegistryError):
    """The package registry points to an address outside the configured ones; it was not followed."""

    code = "registry_refused"


class RegistryTooLarge(RegistryError):
    """The package registry sends more than it announced, or more than this server takes."""

    code = "registry_too_large"


class StartError(PumpkinError):
    """Pumpkin cannot start; the sentence says why and what to do."""

    code = "start"


class StartRefused(StartError):
    """Pumpkin does not start on these settings, keys or data, nor would it in a minute; the sentence says why."""
