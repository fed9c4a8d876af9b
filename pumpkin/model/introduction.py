"""What an agent reports of itself (ontology `behaviours`, rulings.md 41), read from a stranger's JSON and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pumpkin.errors import InvalidRequest
from pumpkin.model import sentences
from pumpkin.model.shapes import DETAIL_LIMIT, LabelValue, small

Short = Annotated[str, StringConstraints(max_length=100)]


class _Reported(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)

    name: Short
    kind: Short = ""
    state: Short = ""
    period_s: float | None = Field(None, ge=0, le=1e9, allow_inf_nan=False)
    next_run: int | None = Field(None, ge=0, le=2**53)
    last_run: int | None = Field(None, ge=0, le=2**53)
    last_error: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    restarts: int = Field(0, ge=0, le=2**31)
    detail: dict[str, Any] = {}


class _Introduction(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)

    duties: list[Short] = Field([], max_length=50)
    tags: list[Short] = Field([], max_length=50)
    site: LabelValue = ""
    version: Short = ""
    behaviours: list[_Reported] = Field([], max_length=200)


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """`{"duties", "tags", "site", "version", "behaviours"}`, each present; InvalidRequest for what does not fit."""
    try:
        small(DETAIL_LIMIT)(dict(document))
        said = _Introduction.model_validate(document)
    except ValidationError as error:
        where, wrong = sentences.first(error)
        raise InvalidRequest(f"The report does not fit: {where[:100]}: {wrong}.") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The report does not fit: {str(error)[:200]}.") from None
    return said.model_dump()
