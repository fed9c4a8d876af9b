"""The rule file in force: looked at again whenever it changed; a bad one is told and leaves the good ones standing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from pumpkin.model.rules import InvalidRules, RuleFile, read
from pumpkin.model.rules.reading import SIZE_LIMIT, Fault
from pumpkin.model.wire import rfc3339
from pumpkin.store import facts
from pumpkin.store.database import Database

GOOD = "correlation:rules"
"""Under which name the text of the last good file is remembered: after a restart it stands in for a bad one."""
log = structlog.get_logger("pumpkin.correlator")


@dataclass(frozen=True, slots=True)
class Look:
    """What of a file tells that it is another one."""

    changed: int
    size: int
    inode: int


class RuleSource:
    """`file` are the rules in force, `error` what is wrong with the newest text. Without a file there are no rules."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db, self.path = db, path
        self.file = RuleFile()
        self.error: InvalidRules | None = None
        self.loaded: int | None = None
        self._seen: Look | None = None
        self._begun = False

    async def refresh(self, *, anew: bool = False) -> bool:
        """Look at the file; whether other rules are in force now. `anew` reads it whether it changed or not."""
        look = await asyncio.to_thread(_look, self.path)
        if self._begun and look == self._seen and not anew:
            return False
        first, self._begun, self._seen = not self._begun, True, look
        if look is None:
            self.error = None
            return self._take(RuleFile())
        try:
            content = await asyncio.to_thread(_content, self.path)
            file = read(content)
        except OSError as error:
            self._wrong(InvalidRules([Fault("rules_unreadable", 0, "", "", f"cannot be read: {error.strerror}")]))
        except InvalidRules as error:
            self._wrong(error)
        else:
            self.error = None
            await facts.put(self._db, GOOD, content.decode("utf-8").replace("\x00", ""))
            log.info("rules in force", file=str(self.path), rules=len(file.rule))
            return self._take(file)
        return first and self._take(await self._last_good())

    def as_json(self) -> dict[str, Any]:
        """For pages and the API."""
        return {
            "file": str(self.path),
            "there": self._seen is not None,
            "loaded": None if self.loaded is None else rfc3339(self.loaded),
            "error": None if self.error is None else self.error.message,
            "faults": [] if self.error is None else [one.as_json() for one in self.error.faults],
        }

    def _wrong(self, error: InvalidRules) -> None:
        self.error = error
        log.error("rules not taken", file=str(self.path), reason=error.message, in_force=len(self.file.rule))

    def _take(self, file: RuleFile) -> bool:
        self.loaded = time.time_ns() // 1_000
        changed = file != self.file
        self.file = file
        return changed

    async def _last_good(self) -> RuleFile:
        text = await facts.get(self._db, GOOD)
        try:
            return read(str(text).encode()) if text else RuleFile()
        except InvalidRules:  # of another version of Pumpkin
            return RuleFile()


def _look(path: Path) -> Look | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Look(found.st_mtime_ns, found.st_size, found.st_ino)


def _content(path: Path) -> bytes:
    if not path.is_file():  # a pipe would never end
        raise OSError(0, "is not a file")
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT + 1)
