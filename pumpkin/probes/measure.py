"""One measurement: run the job's tool, read its output, judge it, and say so as an observation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job, Threshold
from pumpkin.probes import parsers
from pumpkin.probes.runner import Outcome, run

_WORSE = {"ok": 0, "unknown": 1, "warning": 2, "critical": 3}
_MEDIA = {"json": "application/json", "nmap": "text/xml", "junit": "text/xml", "csv": "text/csv"}


@dataclass(frozen=True, slots=True)
class Source:
    """Whose measurement it is; `uuid` is the probe's own, `site` where it stands. `after()` gives the hash (hex) of the
    last checkpoint the probe saw, which bounds the observation's time from below; `sign` puts the probe's signature to
    an observation."""

    agent: str
    uuid: str = ""
    site: str = ""
    after: Callable[[], str | None] = lambda: None
    sign: Callable[[Observation], Observation] = lambda seen: seen


async def measure(job: Job, source: Source) -> Observation:
    """Run `job` once. A tool that fails, hangs, or writes what its parser cannot read is a result too (a check whose
    status says so); nothing of that is raised."""
    observed, after = time.time_ns() // 1_000, source.after()
    outcome = await run(job.argv, timeout_s=job.timeout, output_limit=job.output_limit)
    result = await asyncio.to_thread(parsers.normalise, job.result_parser, outcome.stdout, job.parser_options)
    detail: dict[str, Any] = {
        "source": source.uuid,
        "target": job.target,
        "site": source.site,
        "status": judge(job, outcome, result),
        "run": outcome.as_json(),
        "result": result,
        "labels": {**job.labels, "job": job.name[:100]} if job.name else dict(job.labels),
    }
    seen = Observation(
        id=uuid4(),
        type=job.type,
        format=job.format,
        agent=source.agent,
        observed=observed,
        payload=outcome.stdout,
        media=_MEDIA.get(job.result_parser) or _media(outcome.stdout),
        detail={key: value for key, value in detail.items() if value not in (None, "", {})},
        after=after,
        direct=job.proof == "direct",
    )
    return source.sign(seen)


def _media(output: bytes) -> str:
    try:
        output.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8"


def judge(job: Job, outcome: Outcome, result: Mapping[str, Any]) -> str:
    """The check's status: `unknown` when the tool could not be run to its end or its output could not be read,
    `critical` when it exited with another status than 0 or the value is not the one expected, else the worst
    threshold's."""
    if outcome.error or outcome.timed_out or outcome.signal is not None:
        return "unknown"
    if outcome.exit_status != 0:
        return "critical"
    if "error" in result or outcome.truncated:
        return "unknown"
    if job.expected_value is not None and not _as_expected(job.expected_value, outcome.stdout, result["data"]):
        return "critical"
    return max((_crossed(one, result["data"]) for one in job.thresholds), key=_WORSE.__getitem__, default="ok")


def _as_expected(expected: Any, output: bytes, data: Any) -> bool:
    if data == expected and isinstance(data, bool) == isinstance(expected, bool):
        return True
    text = expected if isinstance(expected, str) else str(expected)
    return output.decode("utf-8", "replace").strip() == text.strip() or data == [text]


def _crossed(threshold: Threshold, data: Any) -> str:
    try:
        value = float(_member(data, threshold.field))
    except (KeyError, IndexError, TypeError, ValueError):
        return "unknown"
    sign = 1 if threshold.direction == "above" else -1
    for status, limit in (("critical", threshold.critical), ("warning", threshold.warning)):
        if limit is not None and sign * value > sign * limit:
            return status
    return "ok"


def _member(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data
