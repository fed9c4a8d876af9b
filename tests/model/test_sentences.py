"""What is wrong with a body is said in our own words, whatever the field and whatever was given."""

from __future__ import annotations

import importlib
import math
import pkgutil
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

import pumpkin.model
import pumpkin.web.api
from pumpkin.model import sentences

NONSENSE: tuple[Any, ...] = (
    None, True, -1, 10**30, 1.5, math.inf, math.nan, "", "x", "\x00", "x" * 70_000, [], [[]], ["x"] * 20_000, [None],
    {}, {"x": 1}, {"": None}, "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", b"\xff",
    datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=1),
)  # fmt: skip
FOREIGN = ("Input should", "Field required", "Extra inputs", "String should", "Value error", "pydantic", "List should",
           "Dictionary should", "instance of", "validation")  # fmt: skip


def models() -> list[type[BaseModel]]:
    """Every body the API and the wire read."""
    for package in (pumpkin.model, pumpkin.web.api):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    every: list[type[BaseModel]] = []
    waiting = [BaseModel]
    while waiting:
        for one in waiting.pop().__subclasses__():
            waiting.append(one)
            if one.__module__.startswith(("pumpkin.model", "pumpkin.web")) and one not in every:
                every.append(one)
    return every


def test_no_field_of_any_body_answers_with_a_librarys_sentence() -> None:
    found = models()
    assert len(found) > 30
    said = set()
    for model in found:
        for given in (*NONSENSE, *({name: wrong} for name in model.model_fields for wrong in NONSENSE)):
            with pytest.raises(ValidationError) as caught:
                model.model_validate(given)
                raise ValidationError.from_exception_data("taken", [])  # some of it does fit
            for path, sentence in sentences.faults(caught.value).items() if caught.value.error_count() else ():
                said.add(sentence)
                assert len(path) <= 201, model
                assert sentence, (model, path)
                assert not any(word in sentence for word in FOREIGN), (model, path, sentence)
    assert "does not fit" not in said, said


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=3)
    count: int = Field(1, ge=1, le=9)
    share: float = Field(0.5, gt=0, lt=1)
    kind: Literal["a", "b"] = "a"
    when: AwareDatetime | None = None
    ids: list[UUID] = Field([], max_length=2)


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({}, "name", "is missing"), ({"name": ""}, "name", "is shorter than 1 character"),
        ({"name": "long"}, "name", "is longer than 3 characters"), ({"name": 5}, "name", "is not text"),
        ({"name": "x", "count": 0}, "count", "is less than 1"),
        ({"name": "x", "count": "many"}, "count", "is not a whole number"),
        ({"name": "x", "share": 1}, "share", "is not less than 1"),
        ({"name": "x", "share": 0}, "share", "is not more than 0"),
        ({"name": "x", "kind": "c"}, "kind", "is none of a, b"),
        ({"name": "x", "more": 1}, "more", "is not known here"),
        ({"name": "x", "when": "soon"}, "when", "is not a time (RFC 3339)"),
        ({"name": "x", "when": "2026-01-01T00:00:00"}, "when", "is a time without its offset"),
        ({"name": "x", "ids": ["1"]}, "ids.0", "is not a UUID"),
        ({"name": "x", "ids": [0] * 3}, "ids", "has more than 2 members"),
        ([], "body", "is not an object"),
    ],
)  # fmt: skip
def test_a_sentence_reads_on_from_the_fields_path(given: Any, path: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(given)
    assert sentences.faults(caught.value)[path] == said
    assert sentences.faults(caught.value, "body.").get("body." + path if path != "body" else "body") == said
