"""What a long-running command says on standard error, where that cannot be written or is flooded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from pumpkin.commands.journal import Thin

SAY = """
import logging, structlog
from aiohttp.http_exceptions import BadHttpMessage
from pumpkin.commands.journal import log_to_stderr
log_to_stderr()
log = structlog.get_logger("x")
for number in range({times}):
    log.warning("said", number=number, filler="x" * 200)
try:
    {trouble}
except Exception as error:
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
print("still here")
"""


def say(trouble: str, *, times: int = 1, to: str | None = None) -> subprocess.CompletedProcess[str]:
    code = SAY.format(times=times, trouble=trouble)
    with Path(to or "/dev/null").open("w") as sink:
        stderr = sink if to else subprocess.PIPE
        return subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=60, check=False
        )


def test_a_full_disk_below_the_log_loses_lines_and_nothing_else() -> None:
    done = say("1 / 0", times=500, to="/dev/full")
    assert done.stdout == "still here\n"


def test_what_a_stranger_does_wrong_is_one_line() -> None:
    done = say("raise BadHttpMessage('Invalid method\\n  b\"GARBAGE\"')")
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if "request not taken" in line and "Invalid method" in line]
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_stranger_s_words_are_not_in_it_as_they_may_be_a_password(quote: str) -> None:
    done = say(f"raise BadHttpMessage({f'Invalid header token: b{quote}Authorization : Bearer pk_secret{quote}'!r})")
    assert "Invalid header token (header Authorization)" in done.stderr
    assert "pk_secret" not in done.stderr


def test_what_strangers_do_is_summed_up_and_nothing_else_is() -> None:
    now = [0.0]
    thin = Thin(most=3, window_s=10.0, clock=lambda: now[0])

    def told(event: str) -> dict[str, object] | None:
        try:
            return dict(thin(None, "info", {"event": event}))
        except structlog.DropEvent:
            return None

    loud = "xmpp connection refused, too many"
    assert [told(loud) is not None for _ in range(5)] == [True, True, True, False, False]
    assert all(told("migration") for _ in range(100))
    assert told("request not taken") == {"event": "request not taken"}
    now[0] = 11.0
    assert told(loud) == {"event": loud, "left_out": 2}
    assert told(loud) == {"event": loud}


def test_a_flood_of_bad_requests_is_few_lines() -> None:
    trouble = "[logging.getLogger('aiohttp.server').error('', exc_info=BadHttpMessage('no')) for _ in range(1000)]"
    assert len(say(trouble).stderr.splitlines()) == 1 + 50


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    assert "ZeroDivisionError" in say("1 / 0").stderr
