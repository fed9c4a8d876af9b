"""What a long-running command says on standard error: one line an event, and never a reason to fail."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

EXPECTED = ("aiohttp.http_exceptions", "aiohttp.web_protocol")
"""Where aiohttp defines what strangers do wrong before a request is one (a bad request line, a body cut off)."""

_HEADER = re.compile(r"([A-Za-z0-9-]{1,40})[ \t]*:")
_QUOTED = re.compile(r"""b?['"]""")


def log_to_stderr(*, as_json: bool = False) -> None:
    """One line an event on standard error; a traceback never shows the values of variables: they may be secrets.

    What belongs to a request carries its `request_id`, what belongs to a check its `id`.
    """
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            Thin(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        logger_factory=structlog.WriteLoggerFactory(_Unfailing(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    web = logging.getLogger("aiohttp.server")
    web.handlers[:] = [_OneLine()]
    web.propagate = False


STRANGERS = frozenset(
    {
        "request not taken",
        "stanza refused",
        "check refused",
        "subscription waits for approval",
        "xmpp authentication failed",
        "xmpp connection refused, too many",
        "xmpp peer cut off",
        "xmpp stream ended",
    }
)
"""What anybody who reaches a port can have written, as often as they like."""


class Thin:
    """A processor: of each event in STRANGERS at most `most` lines in `window_s`; the first after that says how many
    were left out (`left_out`). A loop of bad requests is not to fill the disk that the data lie on."""

    def __init__(self, most: int = 50, window_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._windows: dict[str, tuple[float, int]] = {}

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        name = event.get("event")
        if not isinstance(name, str) or name not in STRANGERS:
            return event
        began, count = self._windows.get(name, (0.0, 0))
        now = self._clock()
        if not count or now - began >= self._window_s:
            if count > self._most:
                event["left_out"] = count - self._most
            began, count = now, 0
        self._windows[name] = (began, count + 1)
        if count >= self._most:
            raise structlog.DropEvent
        return event


class _Unfailing:
    """A stream whose reader may be gone or whose disk may be full: then lines are lost, and nothing else. Raised inside
    an actor or its supervisor, the error would have ended what it only wanted to tell about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _OneLine(logging.Handler):
    """aiohttp's own complaints: what a client did wrong as one line, the rest with its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log = structlog.get_logger("web")
        if error is not None and (isinstance(error, ConnectionError) or type(error).__module__ in EXPECTED):
            log.info("request not taken", kind=type(error).__name__, reason=_reason(error))
        else:
            log.error(record.getMessage()[:500], exc_info=error)


def _reason(error: BaseException) -> str:
    """What aiohttp says of it without the bytes it quotes, which may be a password: of a header the name only."""
    said, *quoted = _QUOTED.split(str(getattr(error, "message", "") or error), 1)
    header = _HEADER.match(quoted[0]) if quoted else None
    words = " ".join(said.split()).rstrip(":")[:200]
    return f"{words} (header {header[1]})" if header else words
