"""What a rule file may say: rules of seven kinds, what they do when they fire, and which agents stand behind others."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pumpkin.model.rules.conditions import Condition, Operator, Scalar, ValuePath, comparable

RULES_LIMIT = 1_000
YEAR_S = 366 * 86_400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhdw])\Z", re.ASCII)
_GROUP = re.compile(r"(?:agent|type|target|site|label\.[^\x00-\x1f\s]{1,100})\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = frozenset(
    {
        *("rule", "severity", "agent", "type", "target", "site", "status", "value", "before", "expected", "limit"),
        *("count", "window", "changes", "agents", "period"),
    }
)
"""What a message may name in braces."""


def seconds(value: object) -> object:
    """A duration: a number of seconds, or text such as `90s`, `5m`, `1.5h`, `2d`, `1w`."""
    if isinstance(value, str):
        found = _DURATION.match(value.strip())
        if found is None:
            raise ValueError("is not a duration such as 90s, 5m, 1.5h or 2d")
        return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("is not a duration such as 90s, 5m, 1.5h or 2d")
    return float(value)


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _message(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS and not (name.startswith("label.") and _GROUP.match(name)):
            raise ValueError(f"names {{{name[:40]}}}; known are {', '.join(sorted(PLACEHOLDERS))} and label.NAME")
    return text


Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=YEAR_S)]
Pattern = Annotated[str, Field(min_length=1, max_length=500)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_several), Field(max_length=200)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
Recipients = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], BeforeValidator(_several)]
Severity = Literal["info", "warning", "critical"]
Status = Literal["ok", "warning", "critical", "unknown"]
Statuses = Annotated[tuple[Status, ...], BeforeValidator(_several)]


class _Part(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", strict=False)


class Select(_Part):
    """Which checks: all that is given must fit; of several patterns of one field any. `*` and `?` stand for letters."""

    type: Patterns = ()
    agent: Patterns = ()
    tag: Patterns = ()
    duty: Patterns = ()
    site: Patterns = ()
    target: Patterns = ()
    status: Statuses = ()
    label: dict[Annotated[str, Field(max_length=100)], Patterns] = Field(default_factory=dict, max_length=20)

    @property
    def empty(self) -> bool:
        return not any((self.type, self.agent, self.tag, self.duty, self.site, self.target, self.status, self.label))


class Escalation(_Part):
    """What happens when nobody has acknowledged an alert `after` it was told."""

    after: Duration
    severity: Severity | None = None
    to: Recipients = ()
    even_acknowledged: bool = False


class Act(_Part):
    """What a rule does besides telling (rulings.md 45): `run` a job of an agent now, change its `period`, `ask` k
    others that have a duty to run one, hand the alert to a `module`."""

    do: Literal["run", "period", "ask", "module"]
    on: Literal["opened", "escalated", "resolved"] = "opened"
    agent: Annotated[str, Field(max_length=500)] = "{agent}"
    job: Annotated[str, Field(max_length=200)] = ""
    duty: Annotated[str, Field(max_length=200)] = ""
    site: Annotated[str, Field(max_length=200)] = ""
    k: Annotated[int, Field(ge=1, le=50)] = 1
    period: Duration | None = None
    module: Annotated[str, Field(max_length=100)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = {"ask": "duty", "period": "period", "module": "module"}.get(self.do)
        if wanted is not None and not getattr(self, wanted):
            raise ValueError(f"do = {self.do!r} needs {wanted}")
        return self


class BaseRule(_Part):
    """What rules of every kind have."""

    name: Name
    severity: Severity = "warning"
    message: Annotated[str, Field(max_length=500), AfterValidator(_message)] = ""
    enabled: bool = True
    select: Select = Field(default_factory=Select)
    spare: Select = Field(default_factory=Select)
    where: tuple[Condition, ...] = Field((), max_length=20)
    by: tuple[str, ...] = ("agent", "type", "target")
    clock: Literal["received", "observed"] = "received"
    keep: Duration | None = None
    to: Recipients = ()
    escalate: tuple[Escalation, ...] = Field((), max_length=10)
    act: tuple[Act, ...] = Field((), max_length=10)

    @property
    def told(self) -> tuple[str, ...]:
        """The labels its message names."""
        found = (one.partition(".") for one in _PLACEHOLDER.findall(self.message))
        return tuple(dict.fromkeys(name for kind, _, name in found if kind == "label"))

    @field_validator("by")
    @classmethod
    def _groups(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _GROUP.match(one):
                raise ValueError(f"{one[:40]!r} is not agent, type, target, site or label.NAME")
        if len(set(value)) != len(value) or len(value) > 8:
            raise ValueError("names a group twice, or more than eight")
        return value

    @field_validator("escalate")
    @classmethod
    def _ascending(cls, value: tuple[Escalation, ...]) -> tuple[Escalation, ...]:
        if any(later.after <= earlier.after for earlier, later in itertools.pairwise(value)):
            raise ValueError("each step comes later than the one before")
        return value

    @property
    def digest(self) -> str:
        """What its state depends on, as 16 hex digits: a rule that only speaks otherwise keeps its state."""
        dumped = self.model_dump(mode="json", exclude={"severity", "message", "to", "escalate", "act", "enabled"})
        return hashlib.sha256(json.dumps(dumped, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def horizon_s(self) -> float:
        """How far back checks matter to it, in seconds."""
        return float(getattr(self, "window", None) or getattr(self, "within", None) or 86_400.0)


class Change(BaseRule):
    """Fires when a value is not what it was; over when it is again, or after `keep`."""

    kind: Literal["change"]
    value: ValuePath = "status"
    was: tuple[Scalar, ...] = ()
    becomes: tuple[Scalar, ...] = ()
    keep: Duration | None = 3_600.0


class Expected(BaseRule):
    """Fires when `after` checks in a row do not hold what is expected; over after `recover` that do."""

    kind: Literal["expected"]
    value: ValuePath = "status"
    op: Operator = "=="
    expect: Scalar | tuple[Scalar, ...] = "ok"
    after: Annotated[int, Field(ge=1, le=1_000)] = 1
    recover: Annotated[int, Field(ge=1, le=1_000)] = 1
    missing: Literal["breaks", "ignored"] = "breaks"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "expect" not in self.model_fields_set and self.value != "status":
            raise ValueError("needs expect: what the value should be")
        comparable(self.op, self.expect)
        return self


class Threshold(BaseRule):
    """Fires while a figure over the last `window` is beyond its limit."""

    kind: Literal["threshold"]
    window: Duration
    aggregate: Literal["count", "rate", "sum", "mean", "min", "max", "share"] = "count"
    value: ValuePath | None = None
    holds: Condition | None = None
    op: Literal["<", "<=", ">", ">=", "==", "!="] = ">="
    limit: Annotated[float, Field(allow_inf_nan=False)]
    least: Annotated[int, Field(ge=1, le=100_000)] = 1

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.aggregate in ("sum", "mean", "min", "max") and self.value is None:
            raise ValueError(f"aggregate = {self.aggregate!r} needs value")
        if self.aggregate == "share" and self.holds is None:
            raise ValueError("aggregate = 'share' needs holds: of which checks it is the share")
        return self


class Agreement(BaseRule):
    """Fires when at least k of n agents (or sites) agree that something holds of one target, or differ about it."""

    kind: Literal["agreement"]
    window: Duration
    want: Literal["agree", "differ"]
    of: Literal["agent", "site"] = "agent"
    value: ValuePath = "status"
    holds: Condition | None = None
    k: Annotated[int, Field(ge=1, le=1_000)]
    n: Annotated[int, Field(ge=1, le=1_000)]
    by: tuple[str, ...] = ("type", "target")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.k > self.n:
            raise ValueError("k is at most n")
        if self.want == "agree" and self.holds is None:
            raise ValueError("want = 'agree' needs holds: what they agree about")
        if self.of in self.by:
            raise ValueError(f"by has no {self.of!r}: they are who agree or differ")
        return self


class Silence(BaseRule):
    """Fires when no check came for `periods` periods: the one given, else what the agent reports, else its rhythm."""

    kind: Literal["silence"]
    periods: Annotated[float, Field(ge=1, le=1_000)] = 3.0
    period: Duration | None = None
    by: tuple[str, ...] = ("agent",)

    @property
    def horizon_s(self) -> float:
        return max(86_400.0, self.periods * (self.period or 0.0))


class Flapping(BaseRule):
    """Fires when a value changed `changes` times within `window`; over when it did at most `calm` times."""

    kind: Literal["flapping"]
    window: Duration
    value: ValuePath = "status"
    changes: Annotated[int, Field(ge=2, le=1_000)]
    calm: Annotated[int, Field(ge=0, le=1_000)] | None = None

    @property
    def calm_at(self) -> int:
        return self.changes // 2 if self.calm is None else self.calm

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.calm_at >= self.changes:
            raise ValueError("calm is less than changes")
        return self


class Step(_Part):
    """One step of a sequence. `absent`: it is the last, and must not come."""

    select: Select = Field(default_factory=Select)
    where: tuple[Condition, ...] = Field((), max_length=20)
    absent: bool = False


class Sequence(BaseRule):
    """Fires when checks came in this order, all `within` so long; with `absent`, when the last did not come in time."""

    kind: Literal["sequence"]
    within: Duration
    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=10)]
    by: tuple[str, ...] = ("target",)
    keep: Duration | None = 3_600.0

    @field_validator("steps")
    @classmethod
    def _last(cls, value: tuple[Step, ...]) -> tuple[Step, ...]:
        if any(step.absent for step in value[:-1]):
            raise ValueError("only the last step may be absent")
        return value


Rule = Change | Expected | Threshold | Agreement | Silence | Flapping | Sequence
KINDS = ("change", "expected", "threshold", "agreement", "silence", "flapping", "sequence")


class Children(_Part):
    """Whose alerts are mute while a parent is down."""

    agent: Patterns = ()
    tag: Patterns = ()
    duty: Patterns = ()
    site: Patterns = ()
    target: Patterns = ()
    type: Patterns = ()


class Dependency(_Part):
    """While `parent` (an agent's bare JID) is down, alerts of its children are kept but not told. It is down when it is
    not available, or when an alert about it stands (of `rule`, where that is given). Alerts of children wait so long
    before they are told, as the parent's may come a little later."""

    parent: Annotated[str, Field(min_length=3, max_length=500)]
    children: Children
    rule: Annotated[str, Field(max_length=80)] = ""
    wait: Annotated[float, BeforeValidator(seconds), Field(ge=0, le=3_600)] = 0.0

    @field_validator("children")
    @classmethod
    def _some(cls, value: Children) -> Children:
        if not value.model_fields_set:
            raise ValueError("names nobody")
        return value


class RuleFile(_Part):
    """A whole rule file."""

    version: Literal[1] = 1
    rule: Annotated[tuple[Annotated[Rule, Field(discriminator="kind")], ...], Field(max_length=RULES_LIMIT)] = ()
    dependency: Annotated[tuple[Dependency, ...], Field(max_length=1_000)] = ()

    def find(self, name: str) -> Rule | None:
        return next((one for one in self.rule if one.name == name), None)


def described(rule: BaseRule) -> dict[str, Any]:
    """A rule as JSON, without what was left at its default."""
    return rule.model_dump(mode="json", exclude_defaults=True)
