"""Checks posted without pause, each sent again until it is acknowledged: who sends so, loses and doubles nothing."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from scripts.faults.packages import Packages
from scripts.faults.shown import Shown

TIMEOUT_S = 8.0


@dataclass(frozen=True, slots=True)
class Told:
    """What was acknowledged of a check: its place in the log, and the SHA-256 of the payload it was sent with."""

    seq: int
    payload: bytes


class Traffic:
    """Threads that post to `hosts` in turn. `acked` are the checks acknowledged, by id, `refused` the answers that end
    one for good. `packages` hands in archives meanwhile, `shown` keeps the checkpoints that the server shows."""

    def __init__(
        self, hosts: Sequence[tuple[str, int]], key: str, *, clients: int = 3, size: int = 200,
        packages: Packages | None = None,
    ) -> None:  # fmt: skip
        self._hosts, self._key, self._size = list(hosts), key, size
        self._end = threading.Event()
        self.packages, self.shown = packages, Shown(self._hosts)
        self.acked: dict[str, Told] = {}
        self.tries: dict[int | str, int] = {}
        self.refused: list[tuple[int, bytes]] = []
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(clients)]

    def __enter__(self) -> Traffic:
        for one in (*self._threads, self.shown, *((self.packages,) if self.packages else ())):
            one.start()
        if self.packages:
            self.packages.until_one_runs()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End; what waits for its acknowledgement is given up (it may be stored or not, but not twice)."""
        self._end.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S * 2)
        self.shown.stop()
        if self.packages:
            self.packages.stop()

    def until(self, more: int, within_s: float = 60.0) -> None:
        """Until `more` further checks are acknowledged: the server takes in again."""
        aim, deadline = len(self.acked) + more, time.monotonic() + within_s
        while len(self.acked) < aim:
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing is taken in for {within_s:.0f} s; tries so far: {self.tries}")
            time.sleep(0.05)

    def _run(self, turn: int) -> None:
        connection: http.client.HTTPConnection | None = None
        pending: tuple[str, bytes, bytes] | None = None
        while not self._end.is_set():
            pending = pending or self._make()
            try:
                if connection is None:
                    host, port = self._hosts[turn % len(self._hosts)]
                    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
                headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
                connection.request("POST", "/api/v1/checks", pending[1], headers)
                answer = connection.getresponse()
                said, status = answer.read(), answer.status
            except (OSError, http.client.HTTPException) as error:
                self._count(type(error).__name__)
                if connection is not None:
                    connection.close()
                connection, turn = None, turn + 1
                time.sleep(0.1)
                continue
            self._count(status)
            if status in (200, 201):
                self.acked[pending[0]] = Told(int(json.loads(said)["data"]["seq"]), pending[2])
                pending = None
            elif status in (429, 503):
                time.sleep(0.1)
            else:
                self.refused.append((status, said[:200]))
                pending = None

    def _make(self) -> tuple[str, bytes, bytes]:
        name = str(uuid.uuid4())
        text = uuid.uuid4().hex * (self._size // 32 + 1)
        body = {"id": name, "type": "chaos", "format": "text", "payload": {"text": text}}
        return name, json.dumps(body).encode(), sha256(text.encode()).digest()

    def _count(self, what: int | str) -> None:
        self.tries[what] = self.tries.get(what, 0) + 1
