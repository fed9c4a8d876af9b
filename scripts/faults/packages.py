"""Packages handed in without pause, two at a time, and the containers in which they are run."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence

from pumpkin.adapters.engines.sandbox import LABEL
from tests.sandbox.samples import wheel

AT_ONCE = 2
ENDED = ("completed", "failed")
CODE = "NUMBER = {number}\nimport time\ntime.sleep(1)\n"


def containers(node: str) -> set[str]:
    """The sandboxes that the engine has of this node, running or not."""
    words = ["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}.instance={node}"]
    return set(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split())


class Packages(threading.Thread):
    """Hands archives in to `hosts` in turn, each again until it is accepted. `accepted` are the tasks, by their uuid,
    and what was last heard of them; `ran` the containers seen of `nodes`."""

    def __init__(self, hosts: Sequence[tuple[str, int]], key: str, nodes: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._roots, self._key, self._nodes = [f"http://{host}:{port}" for host, port in hosts], key, list(nodes)
        self._end = threading.Event()
        self._turn = 0
        self.accepted: dict[str, str] = {}
        self.ran: set[str] = set()
        self.refused: list[tuple[int, bytes]] = []

    def run(self) -> None:
        number = 0
        while not self._end.wait(0.3):
            for node in self._nodes:
                self.ran |= containers(node)
            waiting = [task for task, state in self.accepted.items() if state not in ENDED]
            for task in waiting:
                self._look(task)
            if len(waiting) < AT_ONCE:
                number += self._hand_in(number)

    def until_one_runs(self, within_s: float = 60.0) -> None:
        """Until a package is run in a container: what follows meets one in the middle."""
        known, deadline = len(self.ran), time.monotonic() + within_s
        while len(self.ran) == known:
            if time.monotonic() > deadline:
                states = f"accepted: {self.accepted}, refused: {self.refused[-2:]}"
                raise AssertionError(f"no package is run within {within_s:.0f} s; {states}")
            time.sleep(0.1)

    def stop(self) -> None:
        self._end.set()
        self.join(30)

    def _hand_in(self, number: int) -> bool:
        """Whether it was accepted."""
        name, content = wheel(f"chaos{number}", CODE.format(number=number))
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        self._turn += 1
        status, said = self._ask(self._turn, "/api/v1/upload/", body, f"multipart/form-data; boundary={edge}")
        if status in (200, 202):
            self.accepted[str(json.loads(said)["data"]["uuid"])] = "accepted"
            return True
        if status not in (0, 429, 503):
            self.refused.append((status, said[:200]))
        return False

    def _look(self, task: str) -> None:
        for turn in range(len(self._roots)):
            status, said = self._ask(turn, f"/api/v1/task/{task}/")
            if status == 200:
                self.accepted[task] = str(json.loads(said)["data"]["status"])
                return

    def _ask(self, turn: int, path: str, body: bytes | None = None, media: str = "") -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._key}", **({"Content-Type": media} if media else {})}
        asked = urllib.request.Request(self._roots[turn % len(self._roots)] + path, body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=8) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
