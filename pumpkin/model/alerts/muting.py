"""What keeps an alert mute: a silence, a maintenance window, or a parent that is down. A mute alert is kept and proven
like any other; it is told when what muted it is over and it still stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pumpkin.model.alerts.alert import Alert
from pumpkin.model.rules.document import Dependency, Duration, Patterns
from pumpkin.model.rules.selection import STRANGER, Known, any_fits, fits
from pumpkin.model.wire import rfc3339

LONGEST_S = 366 * 86_400.0


class Matcher(BaseModel):
    """Which alerts: all that is given must fit. `*` and `?` stand for letters."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    rule: Patterns = ()
    severity: Patterns = ()
    agent: Patterns = ()
    type: Patterns = ()
    target: Patterns = ()
    site: Patterns = ()
    tag: Patterns = ()

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError('says nothing: it would mute every alert; say rule = "*" to mean that')
        return self

    def fits(self, alert: Alert, known: Mapping[str, Known]) -> bool:
        about = alert.subject
        return (
            fits(self.rule, alert.rule)
            and fits(self.severity, alert.severity)
            and fits(self.agent, about.agent)
            and fits(self.type, about.type)
            and fits(self.target, about.target)
            and fits(self.site, about.site)
            and any_fits(self.tag, known.get(about.agent, STRANGER).tags)
        )

    def words(self) -> str:
        """In a line: `rule=web-* site=hall-7`."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        return " ".join(f"{name}={'|'.join(patterns)}" for name, patterns in given if patterns)


class Span(BaseModel):
    """When a mute holds: from `starts` to `ends`; with `cron`, each time the clock of `zone` says so for `lasts`."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    starts: datetime
    ends: datetime
    cron: Annotated[str, Field(max_length=100)] = ""
    lasts: Duration | None = None
    zone: Annotated[str, Field(max_length=60)] = "UTC"

    @field_validator("starts", "ends")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)

    @field_validator("cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value:
            try:
                CronSim(value, datetime.now(UTC))
            except CronSimError as error:
                raise ValueError(f"is no schedule of cron: {error}") from None
        return value

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, ValueError, OSError):
            raise ValueError("is no time zone, for instance Europe/Paris") from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("ends before it starts")
        if bool(self.cron) != (self.lasts is not None):
            raise ValueError("cron and lasts belong together")
        if not self.cron and (self.ends - self.starts).total_seconds() > LONGEST_S:
            raise ValueError("is longer than a year")
        if self.lasts is not None and self.lasts > 7 * 86_400:
            raise ValueError("lasts longer than a week")
        return self

    def holds(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        if not self.starts <= now < self.ends:
            return False
        if not self.cron or self.lasts is None:
            return True
        earliest = max(self.starts, now - timedelta(seconds=self.lasts))
        begun = next(CronSim(self.cron, earliest.astimezone(ZoneInfo(self.zone)) - timedelta(seconds=1)), None)
        return begun is not None and begun <= now


@dataclass(frozen=True, slots=True)
class Mute:
    """A silence (for what is known already) or a maintenance window (for what is planned), as somebody set it."""

    id: int
    kind: Literal["silence", "maintenance"]
    matcher: Matcher
    span: Span
    reason: str
    who: str
    created: int
    ended: int | None = None
    ended_by: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.id}"

    def holds(self, now: datetime) -> bool:
        return self.ended is None and self.span.holds(now)

    def as_json(self, now: datetime) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "matcher": self.matcher.model_dump(mode="json", exclude_defaults=True),
            "starts": self.span.starts.isoformat(),
            "ends": self.span.ends.isoformat(),
            "cron": self.span.cron or None,
            "lasts_s": self.span.lasts,
            "zone": self.span.zone,
            "reason": self.reason,
            "who": self.who,
            "created": rfc3339(self.created),
            "ended": None if self.ended is None else rfc3339(self.ended),
            "ended_by": self.ended_by or None,
            "holds": self.holds(now),
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides whether alerts are mute: the mutes people set, the dependencies of the rule file, who is known, and
    `away(agent)`: whether an agent's presence says that it is not there."""

    mutes: Sequence[Mute] = ()
    dependencies: Sequence[Dependency] = ()
    known: Mapping[str, Known] = field(default_factory=dict)
    away: Callable[[str], bool] = lambda agent: False

    def muted_by(self, alert: Alert, about: Mapping[str, Collection[tuple[UUID, str]]], now: int) -> str:
        """What mutes an alert now, "" for nothing. `about` are the alerts that stand (id and rule) by the agent they
        are about, `now` is in microseconds."""
        known = self.known
        moment = datetime.fromtimestamp(now / 1e6, UTC)
        for one in self.mutes:
            if one.holds(moment) and one.matcher.fits(alert, known):
                return one.name
        for dependency in self.dependencies:
            if alert.subject.agent == dependency.parent or not _child(dependency, alert, known):
                continue
            if self._down(dependency, alert, about):
                return f"dependency:{dependency.parent}"
            if alert.announced is None and now < alert.opened + dependency.wait * 1e6:
                return f"waiting:{dependency.parent}"
        return ""

    def _down(self, dependency: Dependency, alert: Alert, about: Mapping[str, Collection[tuple[UUID, str]]]) -> bool:
        if not dependency.rule and self.away(dependency.parent):
            return True
        return any(
            number != alert.id and (not dependency.rule or rule == dependency.rule)
            for number, rule in about.get(dependency.parent, ())
        )


def _child(dependency: Dependency, alert: Alert, known: Mapping[str, Known]) -> bool:
    one, about = dependency.children, alert.subject
    agent = known.get(about.agent, STRANGER)
    return (
        fits(one.agent, about.agent)
        and fits(one.type, about.type)
        and fits(one.target, about.target)
        and fits(one.site, about.site or agent.site)
        and any_fits(one.tag, agent.tags)
        and any_fits(one.duty, agent.duties)
    )
