"""The real program, driven from outside: a process, its data folder, its HTTP port and its command line."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PUMPKIN = Path(sys.executable).parent / "pumpkin"


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row, below the range that outgoing connections take theirs from."""
    while True:
        first = random.randrange(15_000, 30_000)
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


class Product:
    """One Pumpkin on a data folder. `start` waits for the line `ready http://...`."""

    def __init__(
        self,
        data: Path,
        *,
        demo: bool = False,
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] = {},
        program: Path = PUMPKIN,
    ) -> None:
        self.data, self.program = data, program
        self.environment = {**os.environ, "NO_COLOR": "1", **environment}
        self.options = (*(() if demo else ("--no-demo",)), *options)
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self.url = ""
        self.context: ssl.SSLContext | None = None
        self._port, self._xmpp_port = str(free_ports(1)), str(free_ports(2))

    def start(self, within_s: float = 40.0) -> Product:
        self.process = subprocess.Popen(
            [
                *(str(self.program), "run", "--data", str(self.data)),
                *("--listen", f"127.0.0.1:{self._port}", "--xmpp-port", self._xmpp_port),
                *self.options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )
        ready: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        try:
            url = ready.get(timeout=within_s)
        except queue.Empty:
            self.kill()
            raise AssertionError("not ready in time:\n" + "\n".join(self.lines)) from None
        if url is None:
            raise AssertionError("ended instead of serving:\n" + "\n".join(self.lines))
        self.url = url
        return self

    def _read(self, process: subprocess.Popen[str], ready: queue.Queue[str | None]) -> None:
        with process.stdout as out:  # type: ignore[union-attr]
            for line in out:
                self.lines.append(line.rstrip())
                if line.startswith("ready "):
                    ready.put(line.split()[1].rstrip("/"))
        ready.put(None)

    @property
    def facts(self) -> dict[str, Any]:
        """What ready.json says."""
        found: dict[str, Any] = json.loads((self.data / "ready.json").read_text())
        return found

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def command(self, *arguments: str, status: int | None = 0, within_s: float = 60.0) -> str:
        """Run `pumpkin ARGUMENTS` on this data folder; its standard output."""
        done = subprocess.run(
            [str(PUMPKIN), *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if status is not None:
            assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def failing(self, *arguments: str, status: int = 1) -> str:
        """As `command`, for one that must fail: the one sentence it says."""
        done = subprocess.run(
            [str(PUMPKIN), *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr

    def key(self, *scopes: str) -> str:
        """A new API key."""
        options = [option for scope in scopes for option in ("--scope", scope)]
        made: str = json.loads(self.command("key", "add", "--name", "test", *options, "--json"))["key"]
        return made

    def request(
        self, path: str, *, key: str | None = None, body: Any = None, method: str | None = None, media: str = "json"
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one HTTP request; `body` goes as JSON (bytes as they are)."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = f"application/{media}"
        asked = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=30, context=self.context) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def json(self, path: str, **options: Any) -> Any:
        """The JSON of an answer that must be 200 to 202."""
        status, _, content = self.request(path, **options)
        assert 200 <= status < 203, f"{path}: {status} {content[:500]!r}"
        return json.loads(content)

    def until_stamped(self, check: str, key: str, within_s: float = 10.0) -> dict[str, Any]:
        """The check once it is stamped."""
        deadline = time.monotonic() + within_s
        while True:
            found: dict[str, Any] = self.json(f"/api/v1/checks/{check}", key=key)["data"]
            if found["state"] in {"stamped", "renewed"}:
                return found
            assert time.monotonic() < deadline, f"not stamped in {within_s} s: {found['state']}"
            time.sleep(0.05)
