"""PID 1 of a sandbox: prepares it, says it is ready, takes one job, runs its phases, tells what happened, ends.

It also ends when its input does, when no frame arrived for 15 seconds (Pumpkin sends a beat) and at its own deadline:
whatever becomes of the server, no sandbox outlives it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pumpkin.runner import harvest, network, phases, privileges, steps, telling, trace
from pumpkin.runner.capture import Capture, Outgoing
from pumpkin.runner.decoys import Decoys
from pumpkin.runner.mirror import Mirror
from pumpkin.runner.names import TYPES, Names, question
from pumpkin.runner.names import serve as serve_names
from pumpkin.runner.sinkhole import Sinkhole
from pumpkin.runner.stream import Broken, Sink, Source

SILENCE_S = 15.0
VERSION = "/opt/runner/strace"  # what `strace -V` said when the image was made
TOTAL_S = 1800.0
SETTLE_S = 0.3  # for the last packets to be read
FILES_A_BLOB = 1_000  # so that whoever reads them can do something else between
IN = Path(privileges.WORK) / "in"
APP = Path(privileges.WORK) / "app"


def main() -> None:
    """Be init for the runner proper: reap what is orphaned, and end as it ends."""
    child = os.fork()
    if child == 0:
        sys.setswitchinterval(0.001)
        os._exit(Runner(sys.stdin.buffer, sys.stdout.fileno(), mode=(sys.argv[1:] or ["sinkhole"])[0]).run())
    os.close(0)
    os.close(1)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class Runner:
    """One sandbox's life."""

    def __init__(self, source: Any, descriptor: int, *, mode: str = "sinkhole") -> None:
        self._source, self._sink = Source(source), Sink(descriptor)
        self._phase: str | None = None
        self._stop = threading.Event()
        self._job_there = threading.Event()
        self._job: dict[str, Any] = {}
        self._files: list[tuple[str, bytes]] = []
        self._heard = time.monotonic()
        self._counted: dict[str, int] = {}
        self._cut: dict[str, int] = {}
        self._leaks: set[tuple[str, str]] = set()
        self._names = Names()
        self._decoys = Decoys(privileges.HOME)
        self._mirror = Mirror(lambda number, path: self._ask(number, path), self._tell, self._look)
        self._network = mode
        self._sinkhole: Sinkhole | None = None
        self._capture: Capture | None = None

    def run(self) -> int:
        """The exit status: 0 after a job."""
        privileges.limit()
        self._decoys.lay(privileges.UID)
        IN.mkdir()
        APP.mkdir()
        privileges.make_room((privileges.HOME, str(APP), privileges.WORK))
        self._connect()
        threading.Thread(target=self._read, daemon=True, name="reader").start()
        threading.Thread(target=self._guard, daemon=True, name="guard").start()
        self._sink.send("ready", **self._about())
        self._job_there.wait()
        try:
            self._work()
        except Exception as error:  # told, not lost: a sandbox that fails is a result
            self._sink.send("fault", error=f"{type(error).__name__}: {error}"[:500])
            return 1
        return 0

    # -- before the job

    def _connect(self) -> None:
        self._mirror.start()
        if self._network == "offline":
            return
        if self._network == "open":
            outgoing = Outgoing(self._asked_outside, self._datagram, self._segment)
            self._capture = Capture(8081, self._datagram, outgoing)
            self._capture.start()
            return
        try:
            network.prepare()
            self._capture = Capture(8081, self._datagram)
            self._capture.start()
        except (network.Unable, OSError) as error:
            self._network = f"names: {error}"
        serve_names(self._names, self._name_asked)
        self._sinkhole = Sinkhole(self._names, self._tell, self._look)
        self._sinkhole.start()

    def _about(self) -> dict[str, Any]:
        return {
            "protocol": 1,
            "network": self._network,
            "strace": harvest.read(VERSION, 100).decode("ascii", "replace").strip(),
            "python": sys.version.split()[0],
        }

    # -- frames in

    def _read(self) -> None:
        waiting = 0
        try:
            while (frame := self._source.read()) is not None:
                header, body = frame
                self._heard = time.monotonic()
                kind = header.get("type")
                if kind == "job":
                    self._job, waiting = header, int(header.get("files", 0))
                elif kind == "file":
                    self._files.append((str(header.get("name", "")), body))
                    waiting -= 1
                elif kind == "answer":
                    self._mirror.answered(header, body)
                elif kind == "end":
                    self._stop.set()
                if kind in ("job", "file") and waiting <= 0 and self._job:
                    self._job_there.set()
        except Broken:
            pass
        os._exit(3)  # the server has gone

    def _guard(self) -> None:
        begun: float | None = None
        while True:
            time.sleep(0.5)
            now = time.monotonic()
            if self._job_there.is_set() and begun is None:
                begun = now
            if now - self._heard > SILENCE_S:
                os._exit(4)
            if begun is not None and now - begun > float(self._job.get("total_s", TOTAL_S)) + 10:
                os._exit(5)

    # -- frames out

    def _ask(self, number: int, path: str) -> None:
        self._sink.send("ask", id=number, path=path)

    def _tell(self, event: dict[str, Any]) -> None:
        kind = str(event["kind"])
        told = self._counted[kind] = self._counted.get(kind, 0) + 1
        if told > telling.EVENTS_A_KIND * len(phases.PHASES):
            self._cut[kind] = self._cut.get(kind, 0) + 1
            return
        self._sink.send("event", phase=self._phase, time=round(time.time(), 6), **event)

    def _look(self, data: bytes, where: dict[str, Any]) -> bool:
        found = self._decoys.find(data)
        for secret, form in found:
            self._leaked(secret, form, where)
        return bool(found)

    def _name_asked(self, event: dict[str, Any]) -> None:
        self._tell(event)
        for secret, form in self._decoys.find_in_name(str(event["name"])):
            self._leaked(secret, form, {"name": event["name"], "protocol": "dns"})

    def _datagram(self, address: str, port: int, data: bytes) -> None:
        where = {"address": address, "port": port, "name": self._names.name(address), "protocol": "udp"}
        self._tell({"kind": "udp", **where, "size": len(data), "data": data[:256].hex()})
        self._look(data, where)

    def _segment(self, address: str, port: int, data: bytes) -> None:
        self._look(data, {"address": address, "port": port, "protocol": "tcp"})

    def _asked_outside(self, packet: bytes, server: str) -> None:
        asked = question(packet)
        if asked:
            kind = TYPES.get(asked[1], str(asked[1]))
            self._name_asked({"kind": "dns", "name": asked[0], "qtype": kind, "answer": None, "server": server})

    def _leaked(self, secret: str, form: str, where: dict[str, Any]) -> None:
        to = str(where.get("sni") or where.get("name") or where.get("address") or "")
        if (secret, to) not in self._leaks:
            self._leaks.add((secret, to))
            self._tell({"kind": "leak", "secret": secret, "form": form, **where})

    # -- the job

    def _work(self) -> None:
        job = self._job
        begun = time.monotonic()
        self._unpack()
        deadline = begun + float(job.get("total_s", TOTAL_S))
        wanted = [phase for phase in phases.PHASES if phase in job.get("phases", phases.PHASES)]
        failed = ""
        try:
            ecosystem = phases.of(job)
        except phases.NotRun as error:
            ecosystem, failed = None, str(error)
        for phase in phases.PHASES:
            if phase not in wanted:
                self._sink.send("phase", phase=phase, state="ended", status="not_run", why="not asked for")
            elif failed or ecosystem is None:
                self._sink.send("phase", phase=phase, state="ended", status="not_run", why=failed)
            else:
                status = self._run_phase(phase, ecosystem, deadline)
                if phase == "install" and status != "completed":
                    failed = f"install ended as {status}"
        self._phase = None
        self._hand_over()
        seconds = round(time.monotonic() - begun, 3)
        cut = {name: count for name, count in (self._cut | self._sink.cut).items() if count}
        used = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = round(sum(one.ru_utime + one.ru_stime for one in used), 3)
        self._sink.send("done", duration_s=seconds, cpu_s=cpu, cut=cut, counted=self._counted, sent=self._sink.sent)

    def _unpack(self) -> None:
        for name, body in self._files:
            path = IN / Path(name).name
            path.write_bytes(body)
            path.chmod(0o644)
            self._job["archive"] = str(path)
        self._files.clear()

    def _run_phase(self, phase: str, ecosystem: phases.Ecosystem, deadline: float) -> str:
        self._phase = phase
        self._sink.send("phase", phase=phase, state="started")
        limit = float(self._job.get("limits", {}).get(phase, phases.LIMITS_S[phase]))
        until = min(deadline, time.monotonic() + limit)
        begun, status, last = time.monotonic(), "completed", None
        try:
            for step in ecosystem.steps(phase):
                status, last = self._run_step(phase, ecosystem, step, until)
                if status != "completed":
                    break
        except phases.NotRun as error:
            self._sink.send("phase", phase=phase, state="ended", status="not_run", why=str(error))
            return "completed" if phase != "install" else "not_run"
        spent = round(time.monotonic() - begun, 3)
        more = {"exit_status": last.exit_status, "signal": last.signal, "left": last.left} if last else {}
        self._sink.send("phase", phase=phase, state="ended", status=status, duration_s=spent, **more)
        return status

    def _run_step(
        self, phase: str, ecosystem: phases.Ecosystem, step: phases.Step, until: float
    ) -> tuple[str, steps.Ended]:
        env = privileges.environment({**self._decoys.environment, **step.env})
        while True:
            watch = trace.Trace(
                self._tell, cwd=step.cwd, environment=env, installer=step.installer,
                own=(1, os.getpid(), os.getppid()), watched=tuple(self._decoys.files),
            )  # fmt: skip
            raw, killed = steps.Raw(), harvest.memory_kills()
            ended = steps.run(step, env, until, watch, raw, self._stop)
            if self._sinkhole:
                self._sinkhole.settle()
            elif self._capture:
                time.sleep(SETTLE_S)
            if harvest.memory_kills() > killed:
                self._tell({"kind": "limit", "what": "memory"})
            self._report(phase, watch, ended, raw)
            more = ecosystem.again(phase, ended.results) if step.results and ended.status == "failed" else None
            if more is None:
                # an exercise that the package ended early has still taken place
                status = "completed" if step.results and ended.status == "failed" and ended.results else ended.status
                return status, ended
            step = more

    def _report(self, phase: str, watch: trace.Trace, ended: steps.Ended, raw: steps.Raw) -> None:
        totals = watch.finish()
        for name, output in (("stdout", ended.stdout), ("stderr", ended.stderr)):
            if output.size:
                self._sink.send("blob", output.data(), what=name, phase=phase, whole=output.size)
        totals["results"] = [one for one in ended.results if one.get("kind") != "begin"]
        files, totals["files"] = totals["files"], []
        self._sink.send("blob", json.dumps(totals).encode(), what="totals", phase=phase)
        for start in range(0, len(files), FILES_A_BLOB):
            some = {"files": files[start : start + FILES_A_BLOB]}
            self._sink.send("blob", json.dumps(some).encode(), what="totals", phase=phase)
        self._sink.send("blob", raw.data(), what="trace", phase=phase, cut=raw.cut)
        written = [
            path for path, file in watch.files.items()
            if file.changed() and not file.installer and not path.startswith(("/proc/", "/dev/"))
        ]  # fmt: skip
        found, left = harvest.gather(written)
        self._cut["written_files"] = self._cut.get("written_files", 0) + left
        for entry, content in found:
            self._sink.send("blob", content, what="file", phase=phase, **entry)

    def _hand_over(self) -> None:
        if self._capture:
            original = self._sinkhole.original if self._sinkhole else {}
            pcap = self._capture.pcap(original, network.TCP_PORT)
            self._sink.send("blob", pcap, what="pcap", cut=self._capture.cut)


if __name__ == "__main__":
    main()
