"""When a job runs next, from its behaviour; pure arithmetic on seconds of the monotonic clock (rulings.md 41)."""

from __future__ import annotations

from pumpkin.model.jobs import Job

LONGEST_BACK_OFF_S = 300.0


def first(job: Job, now: float) -> float:
    """The first run of any behaviour is at once."""
    return now


def next_run(job: Job, *, origin: float, began: float, ended: float, failures: int) -> float | None:
    """When to run again; None for a job that runs once.

    Periodic: the next point of the grid `origin + k * period` after now; what was missed is not caught up. Cyclic: when
    done, but `min_gap` after the last start at the soonest, and doubled for each failure in a row up to five minutes.
    """
    if job.behaviour == "periodic" and job.period is not None:
        return origin + job.period * ((ended - origin) // job.period + 1)
    if job.behaviour == "cyclic":
        gap = min(job.min_gap * 2.0 ** min(failures, 20), max(LONGEST_BACK_OFF_S, job.min_gap))
        return max(ended, began + gap)
    return None
