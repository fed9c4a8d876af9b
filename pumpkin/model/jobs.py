"""What a probe is to do: SCANDALE's configuration file unchanged, and what we add (contracts/agents.md section 3).

Empty strings are absent (rulings.md 42). A job is one measurement with its behaviour; a configuration without `jobs`
is one job.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from pumpkin.errors import StartError
from pumpkin.model import sentences
from pumpkin.model.ready import expanded
from pumpkin.model.shapes import Labels, LabelValue, Name

BehaviourKind = Literal["one-shot", "periodic", "cyclic", "schedule", "fsm"]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _words(value: object) -> object:
    """A command or its arguments: a string is split by shell rules, never given to a shell."""
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from None
    return value


Words = Annotated[list[Annotated[str, Field(max_length=4_096)]], BeforeValidator(_words), Field(max_length=1_000)]


class _Part(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Threshold(_Part):
    """A number in the parsed result and where it becomes a warning or critical; `field` like `data.0.used`."""

    field: str = Field(max_length=200)
    warning: float | None = None
    critical: float | None = None
    direction: Literal["above", "below"] = "above"


class Confirm(_Part):
    """Whom to ask for a second look when a check takes one of the statuses `on`: `agents` others of a duty, best at
    another site (`elsewhere`). Asked again only after the status was another one in between."""

    duty: Name
    agents: int = Field(1, ge=1, le=10)
    on: list[Literal["warning", "critical", "unknown"]] = ["critical"]
    elsewhere: bool = False


class Job(_Part):
    """One measurement: what to run, how to read its output, when to run it again. Durations in seconds."""

    name: str = Field("", max_length=100)
    type: Name = "probe"
    format: Name = "raw"
    target: str | None = Field(None, max_length=2_000)
    command: Words = Field(min_length=1)
    args: Words = []
    result_parser: str = Field("raw", max_length=100)
    parser_options: dict[str, Any] = {}
    expected_value: Any = None
    thresholds: list[Threshold] = []
    labels: Labels = {}
    proof: Literal["batch", "direct"] = "batch"
    behaviour: BehaviourKind = "one-shot"
    period: float | None = Field(None, gt=0, le=366 * 86_400)
    min_gap: float = Field(1.0, ge=1.0)
    cron: str | None = Field(None, max_length=200, description="minute hour day month weekday, for a schedule")
    zone: str = Field("UTC", max_length=64, description="the time zone cron is meant in")
    timeout: float = Field(60.0, gt=0, le=86_400)
    output_limit: int = Field(4 * 1024 * 1024, ge=1_024, le=7 * 1024 * 1024)
    sooner: dict[Literal["warning", "critical", "unknown"], Annotated[float, Field(ge=0.1, le=366 * 86_400)]] = Field(
        {}, description="seconds to the next run after a check of that status, where that is sooner"
    )
    confirm: Confirm | None = None

    @model_validator(mode="after")
    def _timed(self) -> Job:
        if self.behaviour == "periodic" and self.period is None:
            raise ValueError("a periodic job needs a period")
        if self.behaviour == "schedule":
            if self.cron is None:
                raise ValueError("a schedule needs cron")
            try:
                first = next(CronSim(self.cron, datetime(2026, 1, 1, tzinfo=self.timezone)), None)
            except CronSimError as error:
                raise ValueError(f"cron cannot be read: {error}") from None
            if first is None:
                raise ValueError("cron names a time that never comes")
        return self

    @property
    def timezone(self) -> tzinfo:
        """The zone `cron` is meant in; ValueError for one there is not."""
        try:
            return UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {self.zone[:60]!r} here") from None

    @property
    def argv(self) -> list[str]:
        """The argument vector, `{target}` filled in; a target with spaces stays one argument."""
        return [word.replace("{target}", self.target or "") for word in (*self.command, *self.args)]


class State(_Part):
    """A state of a machine: the job it runs, and by the check's status (or `*`) the state that follows, after `pause`
    seconds. A status that is not named ends the machine's round: it begins anew after the machine's `pause`."""

    job: str = Field(max_length=100)
    on: dict[Literal["ok", "warning", "critical", "unknown", "*"], str] = {}
    pause: float = Field(0.0, ge=0, le=86_400)


class Machine(_Part):
    """Named jobs as states, transitions by what they find (behaviour `fsm`)."""

    name: str = Field("fsm", max_length=100)
    start: str = Field(max_length=100)
    states: dict[str, State] = Field(min_length=1, max_length=200)
    pause: float = Field(60.0, ge=1.0, le=366 * 86_400, description="seconds from the end of a round to the next")

    @model_validator(mode="after")
    def _closed(self) -> Machine:
        named = {self.start, *(to for state in self.states.values() for to in state.on.values())}
        if missing := sorted(named - self.states.keys()):
            raise ValueError(f"there is no state {missing[0][:60]!r}")
        return self


class ProbeConfig(_Part):
    """A whole probe: who it is, where it delivers, and its jobs. `ca` and `key` are paths."""

    uuid: UUID | None = None
    version: str = Field("1", max_length=200)
    jid: str | None = Field(None, max_length=1_000)
    passwd: SecretStr | None = None
    up_agent: str | None = Field(None, max_length=1_000)
    server: str | None = Field(None, max_length=300, description="HOST or HOST:PORT; the JID's domain when absent")
    direct_tls: bool = False
    ca: str | None = None
    https: str | None = Field(None, max_length=1_000, description="https://HOST:PORT to deliver to without XMPP")
    https_ca: str | None = None
    omemo: bool = False
    token: SecretStr | None = None
    key: str | None = None
    fleet_key: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="whose signed orders it obeys")
    may_run: list[str] = Field([], max_length=1_000, description="the only programs an order may run; all when empty")
    site: LabelValue = ""
    duties: list[Name] = ["probe"]
    tags: list[Name] = []
    parallel: int = Field(4, ge=1, le=256)
    spool_limit: int = Field(256 * 1024 * 1024, ge=65_536, description="bytes of undelivered checks kept on disk")
    jobs: list[Job] = Field(max_length=100_000)
    fsm: list[Machine] = Field([], max_length=100)

    @model_validator(mode="after")
    def _known(self) -> ProbeConfig:
        if not self.jobs and self.fleet_key is None:
            raise ValueError("there is no job, and no fleet_key whose orders would bring some")
        names = {job.name for job in self.jobs}
        for machine in self.fsm:
            for state in machine.states.values():
                if state.job not in names:
                    raise ValueError(f"fsm {machine.name}: there is no job {state.job[:60]!r}")
        return self


_JOB_KEYS = frozenset({*Job.model_fields, "use"})


def parse(document: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> ProbeConfig:
    """The configuration in `document`; `${VAR}` in any text is taken from `environment`.

    StartError with one sentence for what does not fit; it never shows a value.
    """
    plain = _present(_filled(dict(document), environment or {}))
    listed = plain.pop("jobs", None)
    shared = {key: plain.pop(key) for key in tuple(plain) if key in _JOB_KEYS}
    if listed is not None and not isinstance(listed, list):
        raise StartError("The probe's configuration: jobs must be a list.")
    jobs = [{**shared, **one} if isinstance(one, dict) else one for one in listed] if listed else [shared]
    if not listed and plain.get("fleet_key") and not {"command", "use"} & shared.keys():
        jobs = []
    try:
        jobs = [expanded(one) if isinstance(one, dict) else one for one in jobs]
    except (ValueError, TypeError) as error:
        raise StartError(f"The probe's configuration: use: {error}.") from None
    if isinstance(plain.get("fsm"), dict):
        plain["fsm"] = [plain["fsm"]]
    driven = _driven(plain.get("fsm"))
    try:
        return ProbeConfig.model_validate({**plain, "jobs": [_named(one, at, driven) for at, one in enumerate(jobs)]})
    except ValidationError as error:
        where, wrong = sentences.first(error)
        where = where if listed else where.removeprefix("jobs.")
        raise StartError(f"The probe's configuration: {where or 'it'}: {wrong}.") from None


def loads(text: str, environment: Mapping[str, str] | None = None, *, toml: bool = False) -> ProbeConfig:
    """The configuration in a file's text, JSON or TOML."""
    try:
        document = tomllib.loads(text) if toml else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StartError(f"The probe's configuration is not valid {'TOML' if toml else 'JSON'}: {error}.") from None
    if not isinstance(document, dict):
        raise StartError("The probe's configuration must be one object.")
    return parse(document, environment)


def _driven(machines: object) -> set[str]:
    """The jobs that a machine runs; what does not fit is found by the model."""
    found: set[str] = set()
    for machine in machines if isinstance(machines, list) else ():
        states = machine.get("states") if isinstance(machine, dict) else None
        for state in states.values() if isinstance(states, dict) else ():
            if isinstance(state, dict):
                found.add(str(state.get("job")))
    return found


def _named(job: object, at: int, driven: set[str]) -> object:
    """A job with its name and its behaviour said: a machine's job is its state, cron makes a schedule, a period a
    periodic one; else it runs once."""
    if not isinstance(job, dict):
        return job
    name = job.get("name") or f"{job.get('type', 'probe')}-{at + 1}"
    usual = "schedule" if job.get("cron") else "periodic" if job.get("period") else "one-shot"
    behaviour = "fsm" if name in driven else job.get("behaviour") or usual
    return {**job, "behaviour": behaviour, "name": name}


def _present(value: Any) -> Any:
    """Without what is empty text or null, at any depth; a period of 0 is absent too."""
    if isinstance(value, dict):
        kept = {key: _present(member) for key, member in value.items() if member not in ("", None)}
        if kept.get("period") == 0:
            del kept["period"]
        return kept
    if isinstance(value, list):
        return [_present(member) for member in value]
    return value


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found.group(1), environment), value)
    if isinstance(value, dict):
        return {key: _filled(member, environment) for key, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, environment) for member in value]
    return value


def _variable(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise StartError(f"The probe's configuration names the variable {name}, which is not set.")
    return environment[name]
