"""What schemathesis cannot know by itself: bodies of media types of ours, and which things there are to ask for.

Loaded by its environment variable SCHEMATHESIS_HOOKS; PUMPKIN_FUZZ_KNOWN names a JSON file of values by the word that
stands before a parameter in a path (`{"checks": ["0e8b..."]}`).
"""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies

from pumpkin.evidence import tsp
from scripts.fuzzing import mutate

KNOWN: dict[str, list[str]] = json.loads(Path(os.environ["PUMPKIN_FUZZ_KNOWN"]).read_text("utf-8"))
OFTEN = 0.6  # how often a path names something that is there
ALSO = {"diff": "reports"}
LINES = (
    b'{"type": "ping", "payload": {"text": "1.2 ms"}}\n{"type": "http", "payload": {"base64": "e30="}}\n',
    b'{"version":"1","format":"text","meta":{"ts":1700000000.25,"type":"df"},"payload":{"raw":"dXA="}}\n',
)
QUERIES = (tsp.make_query(b"\x07" * 32), tsp.make_query(b"\x09" * 32))


def _near(seeds: tuple[bytes, ...]) -> strategies.SearchStrategy[bytes]:
    mutated = strategies.integers(0, 2**32).map(lambda seed: mutate.some(random.Random(seed), seeds))
    return strategies.one_of(strategies.sampled_from(seeds), mutated, strategies.binary(max_size=300))


schemathesis.openapi.media_type("application/timestamp-query", _near(QUERIES))


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    """What was made of the schema (a text), or lines near good ones."""
    if random.random() < OFTEN:
        return mutate.some(random.Random(random.random()), LINES)
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


@schemathesis.hook
def before_call(_: Any, case: Any, **__: Any) -> None:
    """Put what is there into the path, more often than not."""
    words = case.path.strip("/").split("/")
    for before, name in itertools.pairwise(words):
        found = KNOWN.get(ALSO.get(before, before))
        if found and name.startswith("{") and name.endswith("}") and random.random() < OFTEN:
            case.path_parameters[name.strip("{}")] = random.choice(found)


@schemathesis.check
def typed(_: Any, response: Any, case: Any) -> None:
    """No fault of ours, and every refusal says its code (SCANDALE's routes: its detail); 502 and 503 are typed answers
    where a registry, an engine or an agent is away."""
    assert response.status_code not in (500, 501, 504), f"{response.status_code}"
    page = response.headers.get("content-type", [""])[0].startswith("text/html")
    if response.status_code >= 400 and case.method.upper() != "HEAD" and not page:
        said = json.loads(response.content)
        assert isinstance(said.get("code"), str) or "detail" in said, f"an untyped refusal: {response.content[:200]!r}"
