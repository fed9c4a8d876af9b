"""A probe that updates itself when its order says so: once for each telling, and back to work when it cannot.

The order is signed by the fleet's key and names the kits by their digests, so it is not HTTPS alone that is trusted.
What was tried is kept on disk before it is started: a telling that is not newer than that is passed over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import structlog

from pumpkin.adapters.https import HttpsWay
from pumpkin.adapters.orders import Memory
from pumpkin.adapters.releases import Releases, tag
from pumpkin.errors import PumpkinError, Unavailable
from pumpkin.model.updates import Said, Update

log = structlog.get_logger("pumpkin.probe")

AGAIN_S = 30.0
ELSEWHERE = "This probe was installed by other means than the enrolment line; update it there."


class Updater:
    """`load` before the session, `ready` when it stands, `consider` with each order's update; `changed` is called when
    there is something to report, `restart` when the process is to end and begin anew."""

    def __init__(
        self,
        memory: Memory,
        way: HttpsWay,
        releases: Releases | None,
        *,
        changed: Callable[[], None],
        restart: Callable[[], None],
    ) -> None:
        self._memory, self._way, self._releases = memory, way, releases
        self._changed, self._restart = changed, restart
        self._said: Said | None = None
        self._digest = ""

    def state(self) -> dict[str, object] | None:
        """What the probe's report says of the last update it was told; None when it never was."""
        return self._said.as_json() if self._said else None

    @property
    def trouble(self) -> str:
        """Why the last update failed; "" when it did not."""
        return f"not updated: {self._said.text}" if self._said and self._said.state == "failed" else ""

    async def load(self) -> None:
        """What was tried before this process began; one that was under way and is not what runs now has failed."""
        kept = json.loads(await self._memory.recall("update") or "{}")
        if not kept:
            return
        self._said, self._digest = Said(kept["id"], kept["state"], kept["said"]), kept["sha256"]
        if self._said.state == "trying" and not (self._releases and self._releases.runs(self._digest)):
            await self._say(self._said.id, "failed", "The new version did not come up; the one before goes on.")

    async def ready(self) -> None:
        """The server let this process in: what runs has proven itself."""
        if self._releases is None:
            return
        try:
            await asyncio.to_thread(self._releases.stands)
        except OSError as error:  # it is tried no second time: the version before is started next
            log.error("update not kept", reason=str(error))
            return
        if self._said is not None and self._said.state == "trying":
            await self._say(self._said.id, "done", "")

    async def consider(self, update: Update | None) -> None:
        """Do what a verified order says, unless this telling, or a later one, was tried before."""
        if update is None or (self._said is not None and update.id <= self._said.id and self._said.state != "waiting"):
            return
        digest = update.kits.get(tag())
        try:
            if self._releases is None:
                await self._say(update.id, "failed", ELSEWHERE)
            elif digest is None:
                await self._say(update.id, "failed", f"The server has no kit of {update.version} for {tag()}.")
            elif self._releases.runs(digest):
                await self._say(update.id, "done", "")
            else:
                await self._install(self._releases, update, digest)
        except Unavailable:
            raise
        except PumpkinError as error:
            await self._say(update.id, "failed", error.message)

    async def _install(self, releases: Releases, update: Update, digest: str) -> None:
        try:
            await releases.install(self._way, digest)
        except Unavailable as error:  # of the way there: it is asked again
            if self._said is None or self._said.state != "waiting" or self._said.id != update.id:
                await self._say(update.id, "waiting", error.message)
            raise
        self._digest = digest
        await self._say(update.id, "trying", "")
        log.info("updating", version=update.version, sha256=digest)
        self._restart()

    async def follow(self, taken: asyncio.Event, newest: Callable[[], Update | None]) -> None:
        """`consider` what each order says, until cancelled; again after a while when the server is away."""
        while True:
            await taken.wait()
            taken.clear()
            while True:
                try:
                    await self.consider(newest())
                    break
                except Unavailable as error:
                    log.info("update waits", reason=error.message)
                try:
                    async with asyncio.timeout(AGAIN_S):
                        await taken.wait()
                except TimeoutError:
                    pass

    async def _say(self, ident: int, state: str, text: str) -> None:
        self._said = Said(ident, state, text[:500])
        kept = {"id": ident, "state": state, "said": self._said.text, "sha256": self._digest}
        await self._memory.remember("update", json.dumps(kept))
        if state in ("failed", "waiting"):
            log.warning("not updated", state=state, reason=text)
        self._changed()
