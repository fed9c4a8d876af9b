"""Values of checks by their path, and conditions on them. Nothing here can take long whatever a check holds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=1_000)]
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "contains", "exists", "missing"]
TEXT_LOOKED_AT = 1_000

OWN = ("status", "type", "agent", "target", "site", "size", "payload", "skew_s")
"""Values every check has; `payload` is the hash of its bytes, `skew_s` how much later it came than it says it saw."""
_PATH = re.compile(r"(?:result|run|labels|source)(?:\.[^.\x00-\x1f]{1,100}){1,10}\Z")


def _path(text: str) -> str:
    if text not in OWN and text != "source" and not _PATH.match(text):
        raise ValueError(f"is not a value of a check: {', '.join(OWN)}, result.NAME, run.NAME, labels.NAME, source")
    return text


ValuePath = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_path)]


def number(value: Any) -> float | None:
    """A value as a number: a number, or text that is one; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str) and len(value) <= 40:
        try:
            found = float(value)
        except ValueError:
            return None
        return found if math.isfinite(found) else None
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same: 200 and 200.0 are, and 200 and "200"; true and 1 are not."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    if isinstance(a, int | float | str) and isinstance(b, int | float | str):
        left, right = number(a), number(b)
        return left is not None and left == right
    return bool(a == b)


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def judge(value: Any, than: Any) -> bool:
        left, right = number(value), number(than)
        return left is not None and right is not None and compare(left, right)

    return judge


def _like(value: Any, than: Any) -> bool:
    return isinstance(value, str) and fnmatchcase(value[:TEXT_LOOKED_AT], str(than))


def _contains(value: Any, than: Any) -> bool:
    if isinstance(value, str):
        return str(than) in value
    if isinstance(value, Mapping):
        return str(than) in value
    return isinstance(value, list) and any(same(one, than) for one in value)


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": same,
    "!=": lambda value, than: not same(value, than),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "in": lambda value, than: any(same(value, one) for one in than),
    "not in": lambda value, than: not any(same(value, one) for one in than),
    "like": _like,
    "contains": _contains,
    "exists": lambda value, than: True,
    "missing": lambda value, than: False,
}


def comparable(op: str, than: Any) -> None:
    """ValueError where an operator cannot be used with what it is compared to."""
    if op in ("in", "not in"):
        if not isinstance(than, tuple | list):
            raise ValueError(f"{op!r} needs a list")
    elif op in ("exists", "missing"):
        return
    elif isinstance(than, tuple | list):
        raise ValueError(f"{op!r} needs one value, not a list")
    elif op in ("<", "<=", ">", ">=") and number(than) is None:
        raise ValueError(f"{op!r} needs a number")
    elif op == "like" and (not isinstance(than, str) or than.count("*") > 10):
        raise ValueError("'like' needs text with at most ten *")


def holds(op: str, value: Any, than: Any) -> bool:
    """Whether `value op than`; of a value that is not there only `missing` and `!=`, `not in` hold."""
    if value is None:
        return op in ("missing", "!=", "not in")
    return OPERATORS[op](value, than)


class Condition(BaseModel):
    """`value op than`, for instance `{ value = "result.data.status", op = ">=", than = 500 }`."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    value: ValuePath
    op: Operator = "=="
    than: Scalar | tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.than is None and self.op not in ("exists", "missing"):
            raise ValueError(f"{self.op!r} needs than")
        comparable(self.op, self.than)
        return self

    def fits(self, value: Any) -> bool:
        return holds(self.op, value, self.than)
