"""The checkpoints that a server shows to anyone, kept by somebody else: what a log that was taken back contradicts."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Sequence

EVERY_S = 0.25


class Shown(threading.Thread):
    """Reads /log/checkpoint of all servers again and again. `notes` are the different ones it saw, the oldest first."""

    def __init__(self, hosts: Sequence[tuple[str, int]]) -> None:
        super().__init__(daemon=True)
        self._urls = [f"http://{host}:{port}/log/checkpoint" for host, port in hosts]
        self._end = threading.Event()
        self.notes: list[str] = []

    def run(self) -> None:
        seen = set()
        while not self._end.wait(EVERY_S):
            for url in self._urls:
                try:
                    with urllib.request.urlopen(url, timeout=2) as answer:
                        note = answer.read().decode()
                except OSError:
                    continue
                if note not in seen:
                    seen.add(note)
                    self.notes.append(note)

    def stop(self) -> None:
        self._end.set()
        self.join(10)
