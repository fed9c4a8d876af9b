"""Imports the modules of a package, and in the execute phase calls what they offer with dummy arguments.

Runs as the package's user, in the package's process: what it writes down is the package's word, and is shown as such.
usage: python_exercise.py import|execute DESCRIPTOR MODULES(JSON)
"""

import builtins
import importlib
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO

CALL_S = 3.0
CALLS = 300
LINGER_S = 2.0
TEXT = 300


class TooLong(BaseException):
    """The call took more than its time."""


def main() -> None:
    phase, descriptor, modules = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    out = os.fdopen(descriptor, "w", buffering=1)
    os.set_inheritable(descriptor, False)
    sys.argv = [""]
    sys.stdin = io.StringIO("")
    builtins.input = lambda *_: ""
    signal.signal(signal.SIGALRM, _late)
    budget = [CALLS]
    for name in modules:
        _say(out, phase=phase, module=name, kind="begin")
        module = _attempt(out, phase, name, "", "import", partial(importlib.import_module, name), 20.0)
        if module is not None and phase == "execute":
            _call_all(out, name, module, budget)
    _linger()


def _linger() -> None:
    """Give threads that would end with this process two seconds to do what they began."""
    until = time.monotonic() + LINGER_S
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))


def _call_all(out: TextIO, name: str, module: Any, budget: list[int]) -> None:
    import inspect

    for symbol, thing in sorted(vars(module).items()):
        if symbol.startswith("_") or getattr(thing, "__module__", None) != name or budget[0] <= 0:
            continue
        if inspect.isclass(thing):
            made = _call(out, name, symbol, "class", thing, budget)
            for method, function in inspect.getmembers(type(made) if made is not None else object, inspect.isfunction):
                if made is not None and not method.startswith("_") and budget[0] > 0:
                    _call(out, name, f"{symbol}.{method}", "method", getattr(made, method, function), budget)
        elif callable(thing):
            _call(out, name, symbol, "function", thing, budget)


def _call(out: TextIO, module: str, symbol: str, kind: str, thing: Any, budget: list[int]) -> Any:
    import inspect

    budget[0] -= 1

    def work() -> Any:
        value = thing(*_arguments(thing))
        return _drive(value) if inspect.iscoroutine(value) else value

    return _attempt(out, "execute", module, symbol, kind, work, CALL_S)


def _drive(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(asyncio.wait_for(coroutine, CALL_S))


def _arguments(thing: Any) -> list[Any]:
    import inspect

    try:
        wanted = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return []
    dummies = {int: 1, str: "test", bytes: b"test", float: 1.0, bool: True, list: [], dict: {}}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [dummies.get(one.annotation, "test") for one in wanted if one.kind in kinds and one.default is one.empty]


def _attempt(
    out: TextIO, phase: str, module: str, symbol: str, kind: str, work: Callable[[], Any], limit: float
) -> Any:
    start = time.monotonic()
    value: Any = None
    error: BaseException | None = None
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        value = work()
    except BaseException as caught:  # whatever it throws, SystemExit too
        error = caught
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    text = f"{type(error).__name__}: {error}"[:TEXT] if error is not None else None
    spent = round((time.monotonic() - start) * 1000, 1)
    result = type(value).__name__ if error is None else None
    _say(out, phase=phase, module=module, symbol=symbol, kind=kind, result=result, exception=text, duration_ms=spent)
    return value


def _say(out: TextIO, **fields: Any) -> None:
    try:
        out.write(json.dumps(fields) + "\n")
    except (OSError, ValueError):
        pass


def _late(*_: object) -> None:
    raise TooLong("more than its time")


if __name__ == "__main__":
    main()
