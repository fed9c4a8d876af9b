"""Checks posted without pause, each sent again until it is acknowledged: who sends so, loses and doubles nothing."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid

TIMEOUT_S = 8.0


class Traffic:
    """Threads that post. `acked` are the ids acknowledged, `refused` the answers that end a check for good."""

    def __init__(self, port: int, key: str, *, clients: int = 3, size: int = 200, host: str = "127.0.0.1") -> None:
        self._host, self._port, self._key, self._size = host, port, key, size
        self._end = threading.Event()
        self.acked: list[str] = []
        self.tries: dict[int | str, int] = {}
        self.refused: list[tuple[int, bytes]] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End; what waits for its acknowledgement is given up (it may be stored or not, but not twice)."""
        self._end.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S * 2)

    def until(self, more: int, within_s: float = 60.0) -> None:
        """Until `more` further checks are acknowledged: the server takes in again."""
        aim, deadline = len(self.acked) + more, time.monotonic() + within_s
        while len(self.acked) < aim:
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing is taken in for {within_s:.0f} s; tries so far: {self.tries}")
            time.sleep(0.05)

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        pending: tuple[str, bytes] | None = None
        while not self._end.is_set():
            pending = pending or self._make()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
                headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
                connection.request("POST", "/api/v1/checks", pending[1], headers)
                answer = connection.getresponse()
                said, status = answer.read(), answer.status
            except (OSError, http.client.HTTPException) as error:
                self._count(type(error).__name__)
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.1)
                continue
            self._count(status)
            if status in (200, 201):
                self.acked.append(pending[0])
                pending = None
            elif status in (429, 503):
                time.sleep(0.1)
            else:
                self.refused.append((status, said[:200]))
                pending = None

    def _make(self) -> tuple[str, bytes]:
        name = str(uuid.uuid4())
        payload = {"text": uuid.uuid4().hex * (self._size // 32 + 1)}
        return name, json.dumps({"id": name, "type": "chaos", "format": "text", "payload": payload}).encode()

    def _count(self, what: int | str) -> None:
        self.tries[what] = self.tries.get(what, 0) + 1
