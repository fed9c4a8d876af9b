"""Reports of two real runs in the sandbox, recorded: weather-stats 1.0, which is harmless, and 1.1, which steals.

They were made by `pumpkin run` with an engine from two source distributions handed in by upload, and are whole but for
most of the paths that the installer read.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from pumpkin.model.tasks import Ending, Submission
from pumpkin.store import reports, tasks
from pumpkin.store.reports import NewReport
from tests.web.pages.site import Site

FOLDER = Path(__file__).parent / "reports"
_STRUCTURE = frozenset(
    {"status", "kind", "tool", "level", "group", "outcome", "sha256", "id", "mode", "created_at", "started_at",
     "completed_at", "phase", "op", "check", "proof_url", "traced", "ecosystem"}
)  # fmt: skip


def document(version: str) -> dict[str, Any]:
    """The document of weather-stats in this version."""
    found: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"weather-stats-{version}.json.gz").read_bytes()))
    return found


def hostile(value: Any, evil: str, key: str = "") -> Any:
    """`value` with `evil` in place of every text that a package could have had a hand in, names of headers too."""
    if isinstance(value, dict):
        return {
            name: one if name == "name" and "processes" in value else hostile(one, evil, name)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [hostile(one, evil, key) for one in value]
    return evil if isinstance(value, str) and key not in _STRUCTURE else value


async def put(site: Site, version: str, *, change: Callable[[Any], Any] | None = None) -> int:
    """Keep the recorded report, its `analysis_results` passed through `change`; its number."""
    made = document(version)
    if change is not None:
        made["analysis_results"] = change(made["analysis_results"])
    results = made["analysis_results"]
    wish = Submission(
        owner="user:ada", asked=f"pkg:pypi/weather-stats@{version}", purl=f"pkg:pypi/weather-stats@{version}",
        ecosystem="pypi", name="weather-stats", version=version, tools="dynamic,static",
    )  # fmt: skip
    await tasks.submit(site.db, [wish])
    (task,) = await tasks.claim(site.db, "n1")
    left = {one["sha256"]: one["head"].get("text", "") for one in document(version)["analysis_results"]["dropped"]}
    kept = [(one["name"], left.get(one["sha256"], one["sha256"]).encode()) for one in results["attachments"]]
    verdict, now = results["verdict"], time.time_ns() // 1_000
    report = NewReport(
        json.dumps(made).encode(), "dynamic,static,typosquatting", verdict["outcome"], verdict["score"], "r1",
        ("sha256:ab",), now, uuid4(), tuple(kept),
    )  # fmt: skip
    number = await reports.finish(site.db, task, report, Ending(verdict["outcome"], {**verdict, "check": str(uuid4())}))
    assert number
    return number
