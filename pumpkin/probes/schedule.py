"""When a job runs next, from its behaviour; pure arithmetic on seconds of the monotonic clock (rulings.md 41)."""

from __future__ import annotations

from datetime import datetime

from cronsim import CronSim

from pumpkin.model.jobs import Job

LONGEST_BACK_OFF_S = 300.0


def first(job: Job, now: float, clock: datetime) -> float | None:
    """The first run is at once, a scheduled one at its next time. `clock` is the time of day at `now`."""
    return following(job, now, clock) if job.behaviour == "schedule" else now


def following(job: Job, now: float, clock: datetime) -> float | None:
    """When a scheduled job runs after `clock`; None when it never does again."""
    if job.cron is None:
        return None
    at = next(CronSim(job.cron, clock.astimezone(job.timezone)), None)
    return None if at is None else now + (at - clock).total_seconds()


def next_run(job: Job, *, origin: float, began: float, ended: float, failures: int, clock: datetime) -> float | None:
    """When to run again; None for a job that runs once. `clock` is the time of day at `ended`.

    Periodic: the next point of the grid `origin + k * period` after now; what was missed is not caught up. Cyclic: when
    done, but `min_gap` after the last start at the soonest, and doubled for each failure in a row up to five minutes.
    """
    if job.behaviour == "periodic" and job.period is not None:
        return origin + job.period * ((ended - origin) // job.period + 1)
    if job.behaviour == "cyclic":
        gap = min(job.min_gap * 2.0 ** min(failures, 20), max(LONGEST_BACK_OFF_S, job.min_gap))
        return max(ended, began + gap)
    return following(job, ended, clock)
