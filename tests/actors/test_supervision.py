"""The supervisor: restarts with limits, waiting messages kept, ordered shutdown under deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pykka
import pytest

from actors.base import LoopActor
from actors.supervision import Restart, System
from pumpkin.bus import Bus
from pumpkin.errors import Unavailable

QUICK = Restart(limit=3, within_s=60, backoff_s=0.001, backoff_max_s=0.002)


class Worker(LoopActor):
    """Notes what it does in a shared diary; fails when told, cannot start while `broken` holds something."""

    def __init__(self, name: str, diary: list[str], broken: list[str] | None = None) -> None:
        super().__init__()
        self.name, self.diary, self.broken = name, diary, broken or []

    async def on_start(self) -> None:
        if self.broken:
            raise OSError(self.broken.pop())
        self.diary.append(f"{self.name} started")

    async def on_stop(self) -> None:
        self.diary.append(f"{self.name} stopped")

    async def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError("as told")
        if message == "hang":
            await asyncio.Event().wait()
        self.diary.append(f"{self.name} heard {message}")
        return message


@pytest.fixture
async def bus() -> Bus:
    return Bus()


@pytest.fixture
async def system(bus: Bus) -> AsyncIterator[System]:
    made = System(bus)
    yield made
    await made.stop(0.5)


async def topic(bus: Bus, name: str) -> dict[str, Any]:
    async for event in bus.subscribe([name], since=0):
        data: dict[str, Any] = event.data
        return data
    raise AssertionError("the bus ended")


async def test_a_crashed_child_comes_back_with_the_messages_that_waited(system: System, bus: Bus) -> None:
    diary: list[str] = []
    child = await system.start("worker", lambda: Worker.start("w", diary), restart=QUICK)
    first = child.ref
    child.tell("fail")
    child.tell("kept")
    asked = asyncio.ensure_future(child.ask("answered"))
    assert await asked == "answered"
    assert diary == ["w started", "w started", "w heard kept", "w heard answered"]
    assert child.ref is not first
    event = await topic(bus, "actor.restarted")
    assert (event["actor"], event["reason"], event["restarts"]) == ("worker", "ValueError: as told", 1)
    state = system.states()[0]
    assert (state.state, state.restarts, state.last_error) == ("running", 1, "ValueError: as told")


async def test_a_restart_that_fails_is_tried_again(system: System) -> None:
    diary: list[str] = []
    broken: list[str] = []
    child = await system.start("worker", lambda: Worker.start("w", diary, broken), restart=QUICK)
    broken += ["twice", "once"]
    child.tell("fail")
    await asyncio.sleep(0)
    assert await child.ask("back") == "back"
    assert child.restarts == 3
    assert (child.last_error, diary) == ("OSError: twice", ["w started", "w started", "w heard back"])


async def test_past_the_intensity_limit_the_failure_escalates(system: System, bus: Bus) -> None:
    diary: list[str] = []
    child = await system.start("worker", lambda: Worker.start("w", diary), restart=QUICK)
    for _ in range(4):
        child.tell("fail")
    state = await asyncio.wait_for(system.escalated, 5)
    assert (state.name, state.state, state.restarts) == ("worker", "failed", 3)
    assert (await topic(bus, "actor.failed"))["reason"] == "ValueError: as told"
    with pytest.raises(Unavailable):
        _ = child.actor


async def test_a_child_may_be_left_down_without_ending_the_rest(system: System, bus: Bus) -> None:
    diary: list[str] = []
    policy = Restart(limit=0, then="leave")
    child = await system.start("worker", lambda: Worker.start("w", diary), restart=policy)
    other = await system.start("other", lambda: Worker.start("o", diary))
    child.tell("fail")
    await topic(bus, "actor.failed")
    assert not system.escalated.done()
    assert await other.ask("alive") == "alive"
    with pytest.raises(pykka.ActorDeadError):
        child.tell("anyone?")
    assert (await topic(bus, "actor.dead_letter"))["actor"] == "worker"
    assert child.dead_letters == 1


async def test_a_first_start_that_fails_is_raised_not_retried(system: System) -> None:
    with pytest.raises(OSError, match="wrong setting"):
        await system.start("worker", lambda: Worker.start("w", [], ["wrong setting"]), restart=QUICK)
    assert system.states() == ()


async def test_stopping_runs_in_exact_reverse_and_kills_who_overruns(system: System) -> None:
    diary: list[str] = []
    for name in ("a", "b", "c"):
        await system.start(name, partial(Worker.start, name, diary))
    system.find("b").tell("hang")
    diary.clear()
    assert await system.stop(0.05) == ["b"]
    assert diary == ["c stopped", "a stopped"]
    assert [state.state for state in system.states()] == ["stopped"] * 3
    assert system.find("b").last_error == "did not stop within 0.05 s"


async def test_a_killed_actor_is_restarted_too(system: System, bus: Bus) -> None:
    diary: list[str] = []
    child = await system.start("worker", lambda: Worker.start("w", diary), restart=QUICK)
    child.actor.kill()
    assert (await topic(bus, "actor.restarted"))["reason"] == "killed"
    assert await child.ask("back") == "back"


async def test_a_killed_actor_is_not_running_even_before_its_state_says_so(system: System) -> None:
    child = await system.start("a", lambda: Worker.start("a", []), restart=QUICK)
    assert child.running
    child.actor.kill()
    while child.running:
        await asyncio.sleep(0)
    assert child.state == "running"
    with pytest.raises(Unavailable):
        _ = child.actor


async def test_names_are_unique_and_a_removed_one_is_free_again(system: System) -> None:
    await system.start("worker", lambda: Worker.start("w", []))
    with pytest.raises(ValueError, match="runs already"):
        await system.start("worker", lambda: Worker.start("w", []))
    assert await system.remove("worker") is True
    await system.start("worker", lambda: Worker.start("w", []))
    assert [state.name for state in system.states()] == ["worker"]
