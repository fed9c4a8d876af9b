"""Attempts on the runner and the tracer, and on acting unseen."""

from __future__ import annotations

import re

from pumpkin.runner.lines import Call, parts, text
from pumpkin.runner.processes import Processes
from pumpkin.runner.telling import Teller

_PRIVATE = re.compile(r"/proc/(\d+)/(mem|environ|fd|maps|root|cwd|task/\d+/mem|syscall|stack)(?:/|$)")


class Tampering:
    """`own` are the processes nobody may touch."""

    def __init__(self, teller: Teller, processes: Processes, own: frozenset[int]) -> None:
        self._teller, self._processes, self._own = teller, processes, own

    def fork(self, call: Call) -> None:
        """A child made so that no tracer sees it."""
        if "CLONE_UNTRACED" in call.args:
            self._tell(call, "a child nobody may trace (CLONE_UNTRACED)")

    def open(self, call: Call) -> None:
        """The runner's memory, environment or descriptors in /proc."""
        if "/proc/" in call.args:
            private = next(filter(None, (_PRIVATE.match(text(part)) for part in parts(call.args)[:2])), None)
            if private and int(private[1]) in self._own:
                self._tell(call, f"opening {private.string[:200]}")

    def signal(self, call: Call) -> None:
        given = parts(call.args)
        target = given[0].partition("<")[0] if given else ""
        if target.lstrip("-").isdigit() and (int(target) in self._own or (target == "-1" and call.name == "kill")):
            self._tell(call, f"{call.name} at process {target}")

    def hide(self, call: Call) -> None:
        process = self._processes.known(call.pid, call.time)
        if call.name.startswith("io_uring") and process.path.rpartition("/")[2] in ("node", "npm", "npx"):
            return  # node asks for it by itself
        self._tell(call, f"{call.name}, by which calls could go unseen")

    def pry(self, call: Call) -> None:
        self._tell(call, call.name)

    def prctl(self, call: Call) -> None:
        if call.args.startswith(("PR_SET_SECCOMP", "PR_SET_PTRACER", "PR_SET_MM")):
            self._tell(call, call.args.partition(",")[0])

    def memfd(self, call: Call) -> None:
        self._teller.event("memfd", pid=call.pid, name=text(call.args), error=call.error)

    def _tell(self, call: Call, what: str) -> None:
        if self._processes.known(call.pid, call.time).boot:
            return
        self._teller.first(
            ("tamper", what), "tamper", pid=call.pid, what=what, call=call.name, args=call.args[:300], error=call.error
        )
