"""What is assigned to probes: a job, and for whom; pure rules of who gets what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pumpkin.errors import InvalidRequest
from pumpkin.model import parsing, sentences, targets
from pumpkin.model.agents import bare
from pumpkin.model.jobs import Job
from pumpkin.model.ready import expanded

KINDS = ("jids", "tags", "duty", "site", "all")
JOB_BYTES = 32_000
TARGETS_LIMIT = 1_000
ORDER_JOBS = 500


@dataclass(frozen=True, slots=True)
class Targets:
    """For whom: bare JIDs, any of some tags, a duty, a site, or every agent that takes orders."""

    kind: str
    names: tuple[str, ...] = ()

    def fit(self, jid: str, tags: Collection[str], duties: Collection[str], site: str) -> bool:
        """Whether the agent is meant."""
        if self.kind == "jids":
            return jid in self.names
        if self.kind == "tags":
            return any(tag in self.names for tag in tags)
        if self.kind == "duty":
            return self.names[0] in duties
        return self.kind == "all" or site == self.names[0]

    def as_json(self) -> dict[str, Any]:
        """As the API takes and gives it."""
        if self.kind == "all":
            return {"all": True}
        return {self.kind: self.names[0] if self.kind in ("duty", "site") else list(self.names)}

    def as_text(self) -> str:
        """For people."""
        words = {"tags": "tag ", "duty": "duty ", "site": "site "}
        return "every probe" if self.kind == "all" else words.get(self.kind, "") + ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A standing wish: `job` as it was given (a ready probe's name not expanded: that is the probe's to do), times in
    microseconds, `ended` None while it stands."""

    id: int
    job: Mapping[str, Any]
    targets: Targets
    made_by: str
    created: int
    changed: int
    ended: int | None = None

    @property
    def name(self) -> str:
        """What the probe calls it, and by which label its checks are found."""
        return name_of(self.id, self.job)


def name_of(ident: int, job: Mapping[str, Any]) -> str:
    """A job's name on every probe it is assigned to."""
    plain = str(job.get("name") or job.get("type") or job.get("use") or "job")
    return f"{plain[:80]}#{ident}"


def read_targets(given: Mapping[str, Any]) -> Targets:
    """`{"jids": [...]}`, `{"tags": [...]}`, `{"duty": ...}`, `{"site": ...}` or `{"all": true}`; InvalidRequest."""
    named = [kind for kind in KINDS if given.get(kind)]
    if len(named) != 1 or set(given) - set(KINDS):
        raise InvalidRequest("Name the targets in one way: jids, tags, duty, site or all.", fields={"targets": "one"})
    kind = named[0]
    if kind == "all":
        return Targets("all")
    value = given[kind]
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if (
        not names
        or len(names) > TARGETS_LIMIT
        or not all(isinstance(one, str) and 0 < len(one) < 1_000 for one in names)
    ):
        raise InvalidRequest(f"{kind} is empty or not a list of names.", fields={f"targets.{kind}": "wrong"})
    if kind in ("duty", "site") and len(names) != 1:
        raise InvalidRequest(f"One {kind} can be named.", fields={f"targets.{kind}": "one"})
    if kind == "jids":
        try:
            names = [bare(one) for one in names]
        except ValueError:
            raise InvalidRequest("A target is not NAME@DOMAIN.", fields={"targets.jids": "wrong"}) from None
    return Targets(kind, tuple(dict.fromkeys(names)))


def read_job(given: Mapping[str, Any]) -> Job:
    """The job in `given`, a ready probe's expanded; InvalidRequest with one sentence for what does not fit."""
    plain = {key: value for key, value in given.items() if value not in ("", None)}
    usual = "schedule" if plain.get("cron") else "periodic" if plain.get("period") else "one-shot"
    try:
        job = Job.model_validate({"behaviour": usual, **expanded(plain)})
    except ValidationError as error:
        where, reason = sentences.first(error)
        where = where[:100] or "it"
        raise InvalidRequest(f"The job: {where}: {reason}.", fields={f"job.{where}": reason}) from None
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"The job: {str(error)[:200]}.", fields={"job": str(error)[:200]}) from None
    if job.behaviour == "fsm":
        raise InvalidRequest("A machine stands in the probe's own file; assign its jobs one by one.")
    return job


def assignable(given: Mapping[str, Any]) -> Job:
    """The job in `given`, once it can work on a probe that has its tool: what page, API and command line all ask before
    they assign. InvalidRequest with one sentence for a job of unbearable size, a parser there is none of, an option or
    schema it cannot use, a target that is missing or none. Whether the tool is there only the probe knows."""
    if len(str(given)) > JOB_BYTES:
        raise InvalidRequest("The job is larger than a job may be.", fields={"job": "too large"})
    job = read_job(given)
    try:
        workable(job)
        if given.get("use") and not given.get("command") and job.target:
            targets.check(str(given["use"]), job.target)
    except ValueError as error:
        raise InvalidRequest(f"The job cannot work: {error}.", fields={"job": str(error)[:300]}) from None
    return job


def workable(job: Job) -> None:
    """ValueError, one sentence, for a job that would fail at every run, wherever it runs."""
    if not job.command[0].strip() or any("\x00" in word for word in job.argv):
        raise ValueError("its command names no program")
    if not job.target and any("{target}" in word for word in (*job.command, *job.args)):
        raise ValueError("it needs a target")
    parsing.check(job.result_parser, job.parser_options)
    for one in job.thresholds:
        if one.warning is None and one.critical is None:
            raise ValueError(f"the threshold of {one.field[:60]} names neither warning nor critical")


def shareable(given: Mapping[str, Any]) -> Job:
    """The job in `given`, once it can work and runs once, as those of a shared list do. InvalidRequest otherwise."""
    job = assignable(given)
    if job.behaviour != "one-shot":
        raise InvalidRequest("A shared list holds jobs that run once.", fields={"jobs": "behaviour"})
    return job


def order_jobs(
    standing: Iterable[Assignment], jid: str, tags: Collection[str], duties: Collection[str], site: str
) -> list[dict[str, Any]]:
    """The jobs of one agent's order, oldest first: `{"id", "job"}` each, the job under its full name."""
    mine = (one for one in standing if one.ended is None and one.targets.fit(jid, tags, duties, site))
    found = [{"id": one.id, "job": {**one.job, "name": one.name}} for one in sorted(mine, key=lambda each: each.id)]
    return found[:ORDER_JOBS]
