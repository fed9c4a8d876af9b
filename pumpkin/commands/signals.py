"""The signals a server or worker heeds: when it is to stop, and when there is nothing to do."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

log = structlog.get_logger("pumpkin")


def heed(asked_to_stop: asyncio.Event) -> None:
    """SIGINT and SIGTERM stop in order. So does SIGHUP where it means that the terminal is gone; else it is what tells
    daemons to look at their files again, which happens by itself here, and it is only noted. nohup's wish is kept."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    loop.add_signal_handler(signal.SIGHUP, asked_to_stop.set if _at_a_terminal() else _noted)


def _at_a_terminal() -> bool:
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def _noted() -> None:
    log.info(
        "hangup",
        said="certificates and rules are taken anew by themselves when their files change; other settings at a restart",
    )
